"""Whatever a command is handed, it ends with one line, and nothing is left or lost."""

import importlib
import json
import math
import shutil
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from augment_data import draw_pairs, write_lm, write_pairs
from bad_input import FULL, READ_ONLY, call, check_refusal, refusing
from hypothesis import given
from hypothesis import strategies as st
from refusals import refused
from training import ROOT, train_command

from fairseq_xling.cli import preprocess
from fairseq_xling.data.manifest import Manifest
from fairseq_xling.errors import UserError, one_line_errors
from fairseq_xling.files.atomic import atomic_folder
from fairseq_xling.option_values import check_number

sys.path.insert(0, str(ROOT / "preprocess"))

USER = f"--user-dir={ROOT / 'fairseq_xling'}"
DEEP = "[" * 100_000
LONG = "x" * 300


def command(name: str):
    """The function of a console script, or of a script in preprocess/."""
    kind, _, rest = name.partition("-")
    if kind == "fairseq":
        return importlib.import_module(f"fairseq_cli.{rest}").cli_main
    if kind == "xling":
        module = {"table": "benchmark_tables"}.get(rest, rest.replace("-", "_"))
        return importlib.import_module(f"fairseq_xling.cli.{module}").cli_main
    return importlib.import_module(name).main


def train(data, out, *options):
    arguments = train_command(data, out, *options)
    return [arguments[0], *arguments[1:], "--max-update=1", "--disable-validation"]


@pytest.fixture(scope="module")
def files(spm, tmp_path_factory) -> SimpleNamespace:
    """Data, a model trained on them for one update, and a language model."""
    folder = tmp_path_factory.mktemp("good")
    splits = {
        split: {lang: draw_pairs(lang, 8, seed) for lang in ("en", "de")}
        for seed, split in enumerate(("train", "valid", "test"))
    }
    data = write_pairs(folder / "bin", spm, splits)
    options = ["--training-set=concatenated"]
    done = call(command("fairseq-train"), train(data, folder / "run", *options))
    assert done.status == 0, done.stderr[-3000:]
    model = folder / "run" / "checkpoint_last.pt"
    return SimpleNamespace(
        data=data, model=model, lm=write_lm(folder / "lm", spm), spm=spm
    )


@pytest.fixture
def place(files, tmp_path) -> SimpleNamespace:
    """Copies that a test may spoil."""
    shutil.copytree(files.data, tmp_path / "bin")
    shutil.copy(files.model, tmp_path / "model.pt")
    return SimpleNamespace(
        top=tmp_path, bin=tmp_path / "bin", model=tmp_path / "model.pt",
        out=tmp_path / "out", lm=files.lm, spm=files.spm,
    )  # fmt: skip


def change_manifest(**changes):
    def spoil(place):
        path = place.bin / "manifest.json"
        manifest = json.loads(path.read_text())
        for name, value in changes.items():
            manifest[name] = value(manifest[name]) if callable(value) else value
        path.write_text(json.dumps(manifest))

    return spoil


def without_input(splits):
    splits["train"]["en"]["streams"] = ["label"]
    return splits


def put(path, content):
    """Write a file that holds this, or make a folder."""
    path.parent.mkdir(exist_ok=True)
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


def write(name, content):
    def spoil(place):
        (place.bin / name).unlink(missing_ok=True)
        put(place.bin / name, content)

    return spoil


def remove(name):
    return lambda place: (place.bin / name).unlink()


def swap_labels(place):
    (place.bin / "label.dict.txt").write_text("yes 1\nno 1\n")


def numbers(name, change):
    """Change a stream's numbers, its index staying as it is."""

    def spoil(place):
        path = place.bin / f"{name}.bin"
        values = np.fromfile(path, np.uint16)
        change(values)
        values.tofile(path)

    return spoil


def set_last(value):
    def change(values):
        values[-1] = value

    return change


# What is wrong with the data, and what every command that reads them says.
SPOILT = {
    "languages null": (change_manifest(languages=None), "languages is missing"),
    "a language twice": (change_manifest(languages=["en", "de", "de"]), "languages"),
    "no tokenizer known": (change_manifest(tokenizer="bpe"), "tokenizer is missing"),
    "no input": (change_manifest(splits=without_input), "has no stream input"),
    "splits a list": (change_manifest(splits=[]), "splits is missing"),
    "rows a text": (
        change_manifest(splits={"train": {"en": {"rows": "8", "streams": []}}}),
        "splits is missing",
    ),
    "size null": (change_manifest(dictionary_size=None), "dictionary_size"),
    "labels exchanged": (swap_labels, "has yes, no, but manifest.json no, yes"),
    "labels missing": (remove("label.dict.txt"), "label.dict.txt: not found"),
    "a label too few": (write("label.dict.txt", "no 1\n"), "has no, but manifest.json"),
    "labels binary": (write("label.dict.txt", bytes(range(256))), "label.dict.txt"),
    "labels a folder": (write("label.dict.txt", None), "label.dict.txt: a folder"),
    "manifest nested": (write("manifest.json", DEEP), "manifest.json: cannot be read"),
    "manifest a list": (write("manifest.json", "[]"), "manifest.json: layout None"),
    "manifest a folder": (write("manifest.json", None), "manifest.json: "),
    "dictionary binary": (write("dict.txt", bytes(range(256))), "/dict.txt"),
    "text empty": (write("train.en.input.bin", b""), "input.bin: empty"),
    "text a folder": (write("train.en.input.bin", None), "input.bin: a folder"),
    "text random": (write("train.en.input.bin", b"\x07" * 33), "input.bin: 33 bytes"),
    "index empty": (write("train.en.input.idx", b""), "input.idx: not an index"),
    "index random": (write("train.en.input.idx", b"\x07" * 99), "idx: not an index"),
    "index gone": (remove("train.en.input.idx"), "input.idx: not found"),
    "token unknown": (numbers("train.en.input", set_last(9999)), "has token 9999"),
    "label unknown": (numbers("train.en.label", set_last(9)), "has label 9, of 4 to 5"),
    "label special": (numbers("train.en.label", set_last(2)), "has label 2, of 4 to 5"),
}


@pytest.mark.parametrize("name", SPOILT)
def test_training_on_spoilt_data(place, name):
    spoil, message = SPOILT[name]
    spoil(place)
    line = check_refusal(
        command("fairseq-train"),
        train(place.bin, place.out, "--training-set=concatenated"),
        place.top,
    )
    assert message in line


def filled(line: str, place, **more):
    """The arguments of a command line."""
    return [word.format(USER=USER, **vars(place), **more) for word in line.split()]


VALIDATE = "{bin} {USER} --task=xmixup_xnli --cpu"
GENERATE = "{bin} {USER} --task=multimix_augment --cpu"
AUGMENT = f"{GENERATE} --path={{lm}} --gen-subset=train"
OUT = "--results-path={out}"
# Commands that read binarized data, each with one thing that is wrong with them.
READERS = {
    "fairseq-validate": f"{VALIDATE} --path={{model}} --valid-subset=train",
    "fairseq-generate": f"{AUGMENT} {OUT}",
    "xling-evaluate": "{bin} --path={model} --cpu --split=train " + OUT,
    "xling-distill": "{bin} --path={model} --cpu --lang=en " + OUT,
    "xling-sample": "{bin} --target-lang=de --percentage=50 " + OUT,
    "xling-penalty-charts": "{bin} --path={model} --cpu --lang=en --split=train " + OUT,
    "xling-retokenize": "{bin} --tokenizer={spm.model} --dict={spm.dictionary} "
    "--destdir={out}",
    "xling-analyze": "cka {bin} --path={model} --cpu --split=train " + OUT,
}


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("spoilt", ["index random", "languages null", "text empty"])
def test_reading_spoilt_data(place, name, spoilt):
    SPOILT[spoilt][0](place)
    check_refusal(command(name), [name, *filled(READERS[name], place)], place.top)


def options(*given):
    return lambda place: train(place.bin, place.out, *given)


WEIGHT, MODEL = "--{}-loss-weight={}", ["--training-set=pairs"]
# Options that are wrong by themselves.
OPTIONS = {
    **{
        f"{name} {value}": (options(*MODEL, WEIGHT.format(name, value)), name)
        for name in ("source", "representation", "prediction")
        for value in ("-1", "nan", "inf", "1e40")
    },
    **{
        f"{option} {value}": (options(*MODEL, f"{option}={value}"), option)
        for option, value in (
            ("--mixup-ratio-lr-scale", "-1"),
            ("--mixup-ratio-lr-scale", "nan"),
            ("--mixup-max-ratio", "nan"),
            ("--scheduled-sampling-decay", "nan"),
            ("--scheduled-sampling-decay", "inf"),
            ("--scheduled-sampling-midpoint", "nan"),
            ("--dropout", "nan"),
            ("--batch-size", "0"),
            ("--batch-size", "-3"),
            ("--batch-size-valid", "0"),
            ("--target-langs", "de,de"),
            ("--target-langs", ""),
            ("--target-langs", "de,"),
        )
    },
}


@pytest.mark.parametrize("name", OPTIONS)
def test_training_with_wrong_options(place, name):
    make, message = OPTIONS[name]
    line = check_refusal(command("fairseq-train"), make(place), place.top)
    assert message in line


@given(st.sampled_from(["inf", "nan", "-inf"]) | st.floats(max_value=-1e-3).map(str))
def test_no_number_of_a_run_is_negative_or_none(value):
    for above in (False, True):
        with refused("^--x .*: give "):
            check_number("--x", float(value), above=above)


READ = "{file} --path={model} --data={bin} --cpu"
PREDICT = READ + " --output={out}"
SAMPLE = "{bin} --target-lang=de --percentage="
MULTIMIX = "{bin} --task=multimix_xnli --target-lang=de --pretrained={model} " + OUT
FOLDER = None
# Files other than the data, and places to write: command lines, some with a file's name
# and what it holds, if it is no folder.
CASES = {
    # Readers of JSON.
    "xling-table nested": ("{file}", "results.json", DEEP),
    "xling-table cut": ("{file}", "results.json", '{"task": "xnli"'),
    "xling-table NUL": ("{file}", "results.json", b"\0" * 40),
    "xling-table folder": ("{file}", "results.json", FOLDER),
    "xling-analyze nested": ("gap {file} " + OUT, "r.json", DEEP),
    "xling-analyze own": ("gap {file} --results-path={top}", "gap.json", "{}"),
    "xling-predict nested": (PREDICT, "in", '{"a": ' + DEEP),
    "xling-predict NUL": (PREDICT, "in", "a\0b\tc\n"),
    "xling-predict empty": (PREDICT, "in", "\n"),
    "xling-predict bytes": (PREDICT, "in", b"\xff\xfe\tc\n"),
    "xling-predict folder": (PREDICT, "in", FOLDER),
    "xling-predict over its input": (READ + " --output={file}", "in", "a\tb\n"),
    "xling-predict over the model": (READ + " --output={model}", "in", "a\tb\n"),
    "xling-predict long": (READ + " --output={top}/" + LONG, "in", "a\tb\n"),
    "xling-predict below a file": (READ + " --output={model}/x", "in", "a\tb\n"),
    "xling-predict batch": (PREDICT + " --batch-size=0", "in", "a\tb\n"),
    "xling-report none": "{bin} " + OUT,
    "xling-report gone": "{top}/gone " + OUT,
    "xling-agree nested": (
        "{bin} {top} {top} --lang=en " + OUT, "predictions.json", DEEP
    ),
    "xling-agree there": "{bin} {top} {top} --lang=en --results-path={bin}",
    "xling-join-shards data": "{bin} --destdir={out}",
    "xling-join-shards gone": "{top}/gone --destdir={out}",
    "xling-sample there": SAMPLE + "5 --results-path={model}",
    "xling-sample nan": SAMPLE + "nan " + OUT,
    "xling-sample long": SAMPLE + "50 --results-path={top}/" + LONG,
    "xling-sample below a file": SAMPLE + "50 --results-path={model}/x",
    "xling-retokenize binary": (
        "{bin} --tokenizer={file} --dict={spm.dictionary} --destdir={out}",
        *("t.json", bytes(range(256))),
    ),
    "xling-distill nan": "{bin} --path={model} --lang=en --distill-factor=nan " + OUT,
    "xling-distill model cut": (
        "{bin} --path={file} --lang=en " + OUT, "cut.pt", b"PK\x03\x04"
    ),
    "xling-distill over a file": "{bin} --path={model} --cpu --lang=en "
                                 "--results-path={model}/x",
    "xling-evaluate langs": "{bin} --path={model} --cpu --target-langs= " + OUT,
    "xling-evaluate langs twice": "{bin} --path={model} --cpu --target-langs=de,de "
                                  + OUT,
    "xling-evaluate over a file": "{bin} --path={model} --cpu --results-path={model}",
    "xling-pseudo-label pairs": "{bin} --path={model} --cpu",
    "xling-penalty-charts gone": "{bin} --path {top}/gone.pt --lang=en " + OUT,
    "xling-multimix jobs": MULTIMIX + " --jobs=0",
    "xling-multimix factor": MULTIMIX + " --sampling-factor=nan",
    "fairseq-validate model cut": (
        VALIDATE + " --path={file}", "cut.pt", b"PK\x03\x04"
    ),
    "fairseq-validate batch": VALIDATE + " --path={model} --batch-size=0",
    "fairseq-generate no path": f"{GENERATE} {OUT}",
    "fairseq-generate percentage": f"{AUGMENT} --aug-percentage=nan {OUT}",
    "fairseq-generate temperature": f"{AUGMENT} --temperature=inf {OUT}",
    "fairseq-generate over a file": AUGMENT + " --results-path={model}",
    # Scripts of preprocess/.
    "convert_hf nested": ("{top}/hf --destdir={out}", "hf/config.json", DEEP),
    "convert_hf no weights": (
        "{top}/hf --destdir={out}", "hf/config.json", '{"model_type": "xlm-roberta"}'
    ),
    "convert_hf over its source": (
        "{top}/hf --destdir={top}/hf --overwrite", "hf/config.json", "{}"
    ),
    "convert_hf gone": "{top}/gone --destdir={out}",
    "monolingual empty": "{bin} --destdir={out}",
    "monolingual folder": ("{top} --destdir={out}", "train.de.txt", FOLDER),
    "monolingual there": "{bin} --destdir={bin}",
    "monolingual not its own": "{bin} --destdir={bin} --overwrite",
    "split_text none": ("{file} --destdir={out}", "empty", FOLDER),
    "split_text bytes": ("{top} --destdir={out}", "de.txt", b"\xff\xfe\n"),
    "split_text NUL": ("{top} --destdir={out}", "de.txt", "a\0b\n"),
    "demo_languages over data": "{bin} --overwrite",
    "demo_languages file": "{model} --overwrite",
    "demo_languages rows": "{out} --train-rows=-1",
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_commands_refuse(place, name):
    line, *file = [CASES[name]] if isinstance(CASES[name], str) else CASES[name]
    if file:
        put(place.top / file[0], file[1])
    arguments = filled(line, place, file=place.top / file[0] if file else None)
    name = name.split()[0]
    check_refusal(command(name), [name, *arguments], place.top)


def column(path, number, text):
    lines = path.read_text(encoding="utf-8").splitlines()
    fields = lines[1].split("\t")
    fields[number] = text
    path.write_text("\n".join([lines[0], "\t".join(fields), *lines[2:]]) + "\n")


def folder_for(name):
    def spoil(raw):
        (raw / name).unlink()
        (raw / name).mkdir()

    return spoil


RAW = {
    "a folder": (folder_for("test-de.tsv"), [], "test-de.tsv: a folder"),
    "NUL": (lambda raw: column(raw / "train-en.tsv", 0, "a\0b"), [], "line 2: a char"),
    "label": (lambda raw: column(raw / "train-en.tsv", 2, "?"), [], "unknown label"),
    "a language twice": (lambda raw: None, ["--target-langs=de,de"], "--target-langs"),
    "no language": (lambda raw: None, ["--target-langs="], "--target-langs"),
    "workers": (lambda raw: None, ["--workers=0"], "--workers 0"),
    "tokenizer": (lambda raw: None, ["--tokenizer=/dev/null"], "/dev/null: empty"),
    "dictionary": (lambda raw: None, ["--dict=/dev"], "/dev: a folder"),
    "long name": (lambda raw: None, [f"--destdir=/tmp/{LONG}"], "name too long"),
    "in a file": (lambda raw: None, ["--destdir=/dev/null/x"], "a file"),
    "in /proc": (lambda raw: None, ["--destdir=/proc/x/y"], "/proc/x"),
}


@pytest.mark.parametrize("name", RAW)
def test_preprocessing_refuses(raw, spm, tmp_path, name):
    spoil, given_options, message = RAW[name]
    spoil(raw)
    arguments = [raw, "--tokenizer", spm.model, "--dict", spm.dictionary]
    arguments += ["--destdir", tmp_path / "out", "--workers=1", *given_options]
    main = lambda: preprocess.preprocess("xnli")  # noqa: E731
    line = check_refusal(main, ["xnli.py", *arguments], tmp_path)
    assert message in line


# Those that get as far; these data have no counterparts to be analysed.
WRITERS = [
    name for name in READERS if name not in ("fairseq-validate", "xling-analyze")
]


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("number", [READ_ONLY, FULL])
def test_system_that_does_not_let_write(place, name, number):
    arguments = filled(READERS[name], place)
    with refusing(number, place.out):
        line = check_refusal(command(name), [name, *arguments], place.top)
    assert str(place.out) in line


def test_full_disk_leaves_no_half_of_a_checkpoint(place, monkeypatch):
    def save(obj, file, *args, **kwargs):
        file.write(b"half of a checkpoint")
        raise OSError(FULL, "No space left on device")

    monkeypatch.setattr(torch, "save", save)
    arguments = train(place.bin, place.out, "--training-set=concatenated")
    line = check_refusal(command("fairseq-train"), arguments, place.top)
    assert "checkpoint" in line and "no space left" in line


def test_weights_that_are_no_numbers(place):
    state = torch.load(place.model, weights_only=False)
    for tensor in state["model"].values():
        tensor.fill_(math.nan)
    torch.save(state, place.model)
    for name in ("xling-evaluate", "xling-distill"):
        arguments = filled(READERS[name], place)
        line = check_refusal(command(name), [name, *arguments], place.top)
        assert "not numbers" in line


def test_only_one_place_parses_json():
    users = [
        path.name
        for folder in ("fairseq_xling", "preprocess")
        for path in (ROOT / folder).rglob("*.py")
        if "json.load" in path.read_text(encoding="utf-8")
    ]
    # The second one reads what the tokenizers library says of itself.
    assert sorted(users) == ["json_text.py", "tokenizer_export.py"]


def test_functions_refuse(place):
    for call_it in (
        lambda: Manifest.load(place.model),
        lambda: Manifest.load(place.top / LONG),
    ):
        with pytest.raises(UserError) as error:
            call_it()
        assert "\n" not in str(error.value)
    with refused("name too long"):
        with one_line_errors(), atomic_folder(place.top / LONG):
            pass
