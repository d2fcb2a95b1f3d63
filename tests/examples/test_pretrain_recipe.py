"""examples/pretrain_mini.sh, the commands that it prints; preprocess/split_text.py."""

import runpy
import shlex
import shutil
from pathlib import Path

import pytest
from fairseq import options
from forked import ForkedCommand
from hf_models import write_hf
from parallel_data import draw_parallel, write_parallel
from recipe_calls import call_recipe
from refusals import refused
from training import ROOT

from fairseq_xling import stages
from fairseq_xling.models.xmixup_xlmr import XMixupXLMRModel
from fairseq_xling.multimix.lm_checkpoint import check_loaded


def bash(*arguments):
    return call_recipe("pretrain_mini", *arguments)


def commands(text, out, *arguments):
    done = bash(text, out, "--dry-run", *arguments)
    assert done.returncode == 0, done.stdout
    return [shlex.split(line) for line in done.stdout.splitlines()[:-1]]


def training_options(command):
    parser = options.get_training_parser()
    return options.parse_args_and_arch(parser, command[1:])


@pytest.fixture
def text(tmp_path):
    folder = tmp_path / "raw"
    folder.mkdir()
    lines = draw_parallel("de", 250)
    (folder / "en.txt").write_text("\n".join(lines["en"]), encoding="utf-8")
    (folder / "train.de.txt").write_text("\n".join(lines["de"]), encoding="utf-8")
    return folder


def split(text, out, monkeypatch, *more):
    script = str(ROOT / "preprocess/split_text.py")
    monkeypatch.setattr("sys.argv", [script, str(text), "--destdir", str(out), *more])
    runpy.run_path(script, run_name="__main__")
    return {
        str(path.relative_to(out)): path.read_text("utf-8").splitlines()
        for path in sorted(out.rglob("*.txt"))
    }


def test_text_alone_is_pretrained_on_as_masked_lm(text, tmp_path):
    out = tmp_path / "out"
    found = commands(text, out, "--cpu", "--updates", "100")
    names = [Path(one[1] if "python" in one[0] else one[0]).name for one in found]
    assert names == ["split_text.py", "monolingual.py", "cp", "mv", "cp", "mv",
                     "fairseq-train", "cp", "mv"]  # fmt: skip
    args = training_options(found[6])
    assert (args.task, args.criterion) == ("masked_lm", "masked_lm")
    assert args.data == str(out / "monolingual/bin") and args.cpu and not args.fp16
    assert (args.warmup_updates, args.max_update, args.max_tokens) == (10, 100, 4096)
    assert args.save_interval_updates == args.validate_interval_updates == 5
    assert args.keep_interval_updates == 0


def test_pairs_are_pretrained_on_with_the_text(text, tmp_path):
    write_parallel(text, "train", "de", draw_parallel("de", 20))
    arguments = ["--gpus", "2", "--tlm-kind", "mixup", "--seed", "5"]
    found = commands(text, tmp_path / "out", *arguments, "--", "--encoder-layers", "4")
    assert [Path(one[1]).name for one in found if one[0].endswith("python")] == [
        "split_text.py",
        "monolingual.py",
        "parallel.py",
    ]
    (train,) = [one for one in found if one[0].endswith("fairseq-train")]
    args = training_options(train)
    assert (args.task, args.criterion) == ("xmixup_tlm", "xmixup_tlm")
    assert str(args.tlm_kind) == "mixup" and args.seed == 5
    assert args.monolingual == str(tmp_path / "out/monolingual/bin")
    assert args.distributed_world_size == 2 and args.fp16 and not args.cpu
    assert args.encoder_layers == 4


def test_pretraining_of_an_encoder_goes_on_with_its_vocabulary_and_shape(
    text, tmp_path
):
    given = ["--from", "xlmr.base", "--cpu", "--", "--lr", "3e-4"]
    found = commands(text, tmp_path / "out", *given)
    (binarizing,) = [one for one in found if one[-1].endswith("monolingual")]
    assert binarizing[-4:-2] == ["--model", "xlmr.base"]
    assert "--vocabulary" not in binarizing
    (train,) = [one for one in found if one[0].endswith("fairseq-train")]
    args = training_options(train)
    assert args.finetune_from_model == "xlmr.base" and args.arch == "xmixup_xlmr"
    assert args.lr == [3e-4] and "--encoder-layers" not in train


def test_encoder_without_a_head_for_masked_tokens_gets_one(
    text, tmp_path, spm, monkeypatch
):
    monkeypatch.setattr(stages.subprocess, "Popen", ForkedCommand)
    encoder, out = tmp_path / "encoder", tmp_path / "out"
    write_hf("xlmr", "Model", encoder, spm, max_position_embeddings=514)
    # fairseq makes no batch of fewer blocks than eight.
    shutil.copy(text / "en.txt", text / "valid.en.txt")
    sizes = ["--updates", "2", "--max-tokens", "512", "--", "--tokens-per-sample", "64"]
    done = bash(text, out, "--from", encoder, "--cpu", *sizes)
    assert done.returncode == 0, done.stdout
    model = XMixupXLMRModel.from_pretrained(str(out))
    check_loaded(model, "out")  # or it is refused as a generator
    spms = [x / "sentencepiece.bpe.model" for x in (encoder, out)]
    assert spms[0].read_bytes() == spms[1].read_bytes()
    words, dictionary = model.encode("the dog"), model.task.source_dictionary
    assert model.model(words[None])[0].shape == (1, len(words), len(dictionary))


def test_vocabulary_of_an_encoder_is_its_own(text, tmp_path):
    out = tmp_path / "out"
    done = bash(text, out, "--dry-run", "--from", "xlmr.base", "--vocabulary", "900")
    assert (
        done.returncode == 2 and "--vocabulary 900: --from has its own" in done.stdout
    )


def test_what_is_there_is_not_made_again(text, tmp_path):
    out = tmp_path / "out"
    (out / "text").mkdir(parents=True)
    (out / "monolingual").mkdir()
    for name in ("dict.txt", "sentencepiece.bpe.model"):
        (out / name).write_text("")
    assert len(commands(text, out)) == 3


def test_other_text_is_not_gone_on_with(text, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "made_of.txt").write_text(f"{text} --source-lang en --vocabulary 9000\n")
    done = bash(text, out, "--dry-run")
    assert done.returncode == 2 and "--vocabulary 9000; give another" in done.stdout
    assert commands(text, out, "--vocabulary", "9000")


def test_lines_are_held_out_and_pairs_stay_aligned(text, tmp_path, monkeypatch):
    pairs = draw_parallel("de", 210, seed=1)
    pairs["en"][3] = ""
    write_parallel(text, "train", "de", pairs)
    files = split(text, tmp_path / "out", monkeypatch)
    lines = draw_parallel("de", 250)
    for lang in ("en", "de"):
        held_out = [lines[lang][i] for i in (0, 100, 200)]
        assert files[f"monolingual/valid.{lang}.txt"] == held_out
        assert len(files[f"monolingual/train.{lang}.txt"]) == 247
    for part, count in (("train", 206), ("valid", 3)):
        sides = [files[f"parallel/{part}.en-de.{lang}.txt"] for lang in ("en", "de")]
        assert len(sides[0]) == count
        assert set(zip(*sides)) <= set(zip(pairs["en"], pairs["de"]))


def test_files_to_validate_on_are_taken_as_they_are(text, tmp_path, monkeypatch):
    (text / "valid.de.txt").write_text("der Hund\n\ndie Katze\n", encoding="utf-8")
    write_parallel(text, "train", "de", draw_parallel("de", 20))
    write_parallel(text, "valid", "de", draw_parallel("de", 7))
    files = split(text, tmp_path / "out", monkeypatch)
    assert files["monolingual/valid.de.txt"] == ["der Hund", "die Katze"]
    assert len(files["monolingual/train.de.txt"]) == 250
    assert len(files["monolingual/valid.en.txt"]) == 3
    assert files["parallel/valid.en-de.en.txt"] == draw_parallel("de", 7)["en"]
    assert len(files["parallel/train.en-de.en.txt"]) == 20


def empty(folder):
    for path in folder.iterdir():
        path.unlink()
    return "raw: no LANG.txt or train.LANG.txt"


def twice(folder):
    (folder / "train.en.txt").write_text("a\n")
    return "train.en.txt: .*en.txt is of the same language"


def too_short(folder):
    (folder / "en.txt").write_text("a\n\n")
    return "en.txt: no lines of text for train"


def not_utf8(folder):
    (folder / "en.txt").write_bytes(b"a\nb\xff\n")
    return r"en\.txt, line 2: not UTF-8"


def unequal(folder):
    sides = draw_parallel("de", 5)
    write_parallel(folder, "train", "de", {**sides, "en": sides["en"][:4]})
    return r"raw/train\.en-de\.de\.txt: 5 lines, but .*raw/train\.en-de\.en\.txt has 4"


def other_source(folder):
    write_parallel(folder, "train", "de", draw_parallel("de", 5))
    for path in folder.glob("train.en-de.*"):
        path.rename(path.with_name(path.name.replace("en-de", "de-en")))
    return r"train\.de-en\.de\.txt: translations of de, .*give --source-lang de, or"


@pytest.mark.parametrize(
    "spoil", [empty, twice, too_short, not_utf8, unequal, other_source]
)
def test_bad_text_is_named_and_leaves_nothing(text, tmp_path, monkeypatch, spoil):
    message = spoil(text)
    with refused(message):
        split(text, tmp_path / "out", monkeypatch)
    assert [path.name for path in tmp_path.iterdir()] == ["raw"]
