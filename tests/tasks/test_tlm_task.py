"""fairseq-train --task xmixup_tlm: resuming, equal cost, and what models are for."""

import shutil
from types import SimpleNamespace

import pytest
from augment_data import draw_pairs, generate_command, generate_in_fork, write_pairs
from family_data import logged
from forked import kill_and_resume, run_in_fork, train_in_two
from parallel_data import preprocess, raw_parallel
from refusals import refused
from training import check_equal, parameters, train_command

from fairseq_xling import from_pretrained
from fairseq_xling.data.binarize import StreamWriter, TextEncoder
from fairseq_xling.data.dictionaries import load_dictionary
from fairseq_xling.models.xmixup_xlmr import XMixupXLMRModel
from fairseq_xling.tasks.xmixup_tlm import XMixupTLMConfig, XMixupTLMTask

UPDATES = 14


@pytest.fixture(scope="module")
def data(spm, tmp_path_factory) -> SimpleNamespace:
    """Parallel data and monolingual text."""
    folder = tmp_path_factory.mktemp("tlm")
    pairs = preprocess(raw_parallel(folder / "raw"), spm, folder / "pairs")
    text = folder / "text"
    text.mkdir()
    shutil.copy(spm.dictionary, text / "dict.txt")
    encoder = TextEncoder(spm.model, load_dictionary(spm.dictionary))
    lines = (folder / "raw/train.en-de.de.txt").read_text("utf-8").splitlines()
    for split in ("train", "valid"):
        writer = StreamWriter(str(text / split), len(encoder.dictionary))
        writer.write(*encoder.lines(lines))
        writer.close()
    return SimpleNamespace(pairs=pairs, text=text)


def command(data, save_dir, *options, kind="mixup"):
    replaced = {
        "--task=xmixup_xnli": "--task=xmixup_tlm",
        "--criterion=xmixup": "--criterion=xmixup_tlm",
        "--best-checkpoint-metric=accuracy": "--best-checkpoint-metric=loss",
    }
    arguments = [
        replaced.get(x, x)
        for x in train_command(data.pairs, save_dir)
        if x != "--maximize-best-checkpoint-metric"
    ]
    ours = [
        f"--tlm-kind={kind}",
        f"--monolingual={data.text}",
        "--sample-break-mode=eos",
    ]
    return [*arguments, *ours, "--seed=7", f"--max-update={UPDATES}", *options]


def train(arguments) -> str:
    return run_in_fork(arguments, check=True).stdout


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory):
    """Uninterrupted runs of both kinds: their folders and logs."""
    found = {}
    for kind in ("mixup", "concatenated"):
        folder = tmp_path_factory.mktemp(kind)
        log = train(command(data, folder, kind=kind))
        found[kind] = SimpleNamespace(folder=folder, log=log)
    return found


def test_both_kinds_encode_as_many_tokens_in_every_update(trained):
    steps = [logged(trained[k].log, "train_inner") for k in ("mixup", "concatenated")]
    assert len(steps[0]) == len(steps[1]) == UPDATES
    assert [x["wpb"] for x in steps[0]] == [x["wpb"] for x in steps[1]]
    # Updates with pairs and such with text.
    for name in ("target_loss", "text_loss"):
        assert 0 < sum(step.get(name) is not None for step in steps[0]) < UPDATES


def test_validation_logs_bits_of_every_part(trained):
    for kind, run in trained.items():
        (entry,) = logged(run.log, "valid")[-1:]
        parts = [f"valid_{x}_loss" for x in ("target", "source", "text")]
        values = [float(entry[name]) for name in parts]
        assert min(values) <= float(entry["valid_loss"]) <= max(values)
        perplexity = 2 ** float(entry["valid_loss"])
        assert float(entry["valid_ppl"]) == pytest.approx(perplexity, rel=1e-2)
        assert ("valid_lambda" in entry) == (kind == "mixup")


def test_killed_and_resumed_run_ends_with_the_same_parameters(data, trained, tmp_path):
    options = ["--save-interval-updates=2", "--keep-interval-updates=1"]
    arguments = command(data, tmp_path, *options)
    resumed = kill_and_resume(arguments, 5)
    assert 0 < len(logged(resumed, "train_inner")) < UPDATES
    check_equal(parameters(tmp_path), parameters(trained["mixup"].folder))


def test_two_processes_equal_one_with_two_micro_batches(data, tmp_path):
    # Now and then one of them has pairs, and the other one text.
    options = ["--dropout=0", "--attention-dropout=0", "--disable-validation"]
    options += ["--no-save", "--max-update=8"]
    single = train(command(data, tmp_path, *options, "--update-freq=2"))
    double = train_in_two(command(data, tmp_path, *options), tmp_path)
    want, got = (logged(log, "train_inner") for log in (single, double))
    for name in ("loss", "wpb", "lambda"):
        one, other = ([step.get(name) for step in log] for log in (got, want))
        assert one == other, name
    assert len(got) == 8
    assert any(step.get("text_loss") and step.get("target_loss") for step in got)


def test_the_mixup_ratio_is_learned_and_the_plain_model_has_none(trained):
    stem = "encoder.sentence_encoder.layers.0.mixup_ratio."
    model = parameters(trained["mixup"].folder)
    assert model[f"{stem}weight_offset"] != 0 and model[f"{stem}bias_offset"] != 0
    plain = parameters(trained["concatenated"].folder)
    assert not any("mixup_ratio" in name for name in plain)


@pytest.mark.parametrize(
    "kind, training_set", [("mixup", "source"), ("concatenated", "pairs")]
)
def test_checkpoint_is_a_pretrained_model(
    data, trained, spm, tmp_path, kind, training_set
):
    checkpoint = trained[kind].folder / "checkpoint_last.pt"
    model = from_pretrained(checkpoint)
    assert model.extract_features(["der Hund"])[0].features.shape[1] == 16
    # As a folder like XLM-R's.
    folder = tmp_path / "model"
    folder.mkdir()
    shutil.copy(checkpoint, folder / "model.pt")
    for name in ("dict.txt", "sentencepiece.bpe.model"):
        shutil.copy(data.pairs / name, folder)
    hub = XMixupXLMRModel.from_pretrained(str(folder), mixup_layer="0")
    tokens = hub.encode("der Hund")
    assert hub.model(tokens[None])[0].size(-1) == len(hub.task.source_dictionary)
    # MultiMix generates with it; X-Mixup is fine-tuned from it.
    pairs = {"en": draw_pairs("en", 6), "de": draw_pairs("de", 6)}
    splits = {"train": pairs, "valid": pairs}
    labelled = write_pairs(tmp_path / "labelled", spm, splits)
    out = f"--results-path={tmp_path / 'augmented'}"
    generate_in_fork(generate_command(labelled, folder / "model.pt", out))
    assert (tmp_path / "augmented/train.de.input.bin").stat().st_size
    save_dir = tmp_path / "fine-tuned"
    options = [f"--finetune-from-model={folder / 'model.pt'}", "--max-update=2"]
    options.append(f"--training-set={training_set}")
    train(train_command(labelled, save_dir, *options))
    assert (save_dir / "checkpoint_last.pt").exists()


def task_of(data, **options):
    common = {"data": str(data.pairs), "train_subset": "train", "seed": 1}
    return XMixupTLMTask.setup_task(XMixupTLMConfig(**common, **options))


def test_sampling_evens_out_what_is_drawn(data):
    def shares(factor):
        task = task_of(data, monolingual=str(data.text), sampling_factor=factor)
        drawn = task.load_dataset("train")
        return drawn.probabilities

    assert shares(0.0) == pytest.approx([1 / 3] * 3)
    assert shares(1.0)[0] < shares(1.0)[1]


def other_dictionary(data, folder):
    shutil.copytree(data.text, folder / "text")
    with open(folder / "text/dict.txt", "a") as file:
        file.write("extra 1\n")
    return {"monolingual": str(folder / "text")}


def no_text(data, folder):
    shutil.copytree(data.text, folder / "text")
    (folder / "text/train.bin").unlink()
    return {"monolingual": str(folder / "text")}


@pytest.mark.parametrize(
    "options, message",
    [
        (other_dictionary, r"text/dict\.txt: not the dictionary of"),
        (no_text, r"text/train\.bin: not found, or empty"),
        ({"target_langs": "de,fr"}, r"--target-langs de,fr: .* holds de,zh"),
        ({"max_positions": 4}, r"of train\.de, everything is longer than"),
        ({"sampling_factor": -1.0}, r"--sampling-factor -1: give 0 or more"),
        ({"mask_prob": 1.5}, r"--mask-prob 1\.5: give a share"),
    ],
)
def test_what_cannot_be_trained_is_refused_in_one_line(
    data, tmp_path, options, message
):
    chosen = options(data, tmp_path) if callable(options) else options
    with refused(message):
        task_of(data, **chosen).load_dataset("train")


def test_other_data_and_splits_are_refused(data, spm, tmp_path):
    with refused("no split test for de,zh; it has train, valid"):
        task_of(data).load_dataset("test")
    pairs = {"en": draw_pairs("en", 3)}
    labelled = write_pairs(tmp_path / "labelled", spm, {"train": pairs})
    with refused("holds xnli data; this task reads what"):
        task_of(SimpleNamespace(pairs=labelled))
    with refused("trained with another dict.txt"):
        task_of(data).load_state_dict({"dictionary_sha256": "0"})
