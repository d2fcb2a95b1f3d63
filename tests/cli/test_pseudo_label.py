"""xling-pseudo-label: what it writes, going on after a stop, and what it refuses."""

import json
import os
import shutil
import signal
import time

import numpy as np
import pytest
import torch
from fairseq.data.indexed_dataset import MMapIndexedDataset
from family_data import copy_with, label_arguments, tag_folder
from forked import run_in_forks
from raw_data import files
from raw_tags import read_tags
from refusals import refused
from training import command

from fairseq_xling.checkpoints.task_model import load_task_model
from fairseq_xling.cli import pseudo_label
from fairseq_xling.data.binarize import StreamWriter
from fairseq_xling.data.manifest import Manifest
from fairseq_xling.families.tagging import pseudo_labels


@pytest.fixture(scope="module")
def unlabelled(spm, tmp_path_factory):
    return tag_folder(tmp_path_factory.mktemp("unlabelled") / "raw", spm)


@pytest.fixture
def data(unlabelled, tmp_path):
    """Binarized data without pseudo-labels."""
    shutil.copytree(unlabelled, tmp_path / "bin")
    return tmp_path / "bin"


def label(data, checkpoint, *options):
    pseudo_label.main(label_arguments(data, checkpoint, *options))


def named(data):
    train = Manifest.load(data).splits["train"]
    return [lang for lang, entry in train.items() if "soft_tags" in entry.streams]


def read(data, lang):
    stream = MMapIndexedDataset(str(data / f"train.{lang}.soft_tags"))
    return [
        stream[row].numpy().astype(np.uint16).view(np.float16).reshape(-1, 5)
        for row in range(len(stream))
    ]


def stream_files(data):
    found = {path.name: path.read_bytes() for path in data.glob("*soft_tags*")}
    return found


@pytest.mark.parametrize("batch", [["--batch-size=1"], ["--max-tokens=60"]])
def test_stream_is_the_models_softmax_word_by_word(tagged, data, spm, batch):
    label(data, tagged.zero, *batch)
    assert named(data) == ["de", "zh"]
    task, model = load_task_model(str(tagged.zero), str(data))
    model.eval()
    processor, dictionary = spm.processor, task.dictionary
    for lang in ("de", "zh"):
        path = tagged.raw / f"translate-train/en-{lang}-translated.tsv"
        got = read(data, lang)
        assert len(got) == 24
        for (words, _), probabilities in zip(read_tags(path), got):
            tokens, starts = [dictionary.bos()], []
            for word in words:
                starts.append(len(tokens))
                pieces = processor.encode(word, out_type=str)
                tokens += [dictionary.index(piece) for piece in pieces]
            with torch.no_grad():
                logits, _ = model(
                    src_tokens=torch.tensor([[*tokens, dictionary.eos()]]),
                    features_only=True,
                    token_head_name="tagging_head",
                    word_starts=torch.tensor([starts]),
                )
            want = torch.softmax(logits[0], dim=-1).numpy()
            assert probabilities.shape == want.shape == (len(words), 5)
            np.testing.assert_allclose(probabilities, want, atol=1e-3)


def test_started_again_it_leaves_what_is_done(tagged, data, monkeypatch, caplog):
    label(data, tagged.zero, "--target-langs=zh")
    assert named(data) == ["zh"]
    before = stream_files(data)
    monkeypatch.setattr(StreamWriter, "write", refuse_call)
    with caplog.at_level("INFO"):
        label(data, tagged.zero, "--target-langs=zh")
    assert "train.zh: done before" in caplog.text
    monkeypatch.undo()
    label(data, tagged.zero)
    assert named(data) == ["de", "zh"]
    after = stream_files(data)
    assert {name: after[name] for name in before} == before


def refuse_call(*args):
    raise AssertionError("written again")


def test_other_checkpoint_replaces_them_only_when_told(tagged, data):
    label(data, tagged.zero, "--target-langs=zh")
    before = stream_files(data)
    # German has none yet, but nothing is written before all is checked.
    with refused("train.zh has pseudo-labels of another") as e:
        label(data, tagged.mixed)
    assert str(tagged.zero) in str(e.value) and "--overwrite" in str(e.value)
    assert stream_files(data) == before and named(data) == ["zh"]
    label(data, tagged.mixed, "--overwrite")
    assert named(data) == ["de", "zh"]
    after = stream_files(data)
    assert after["train.zh.soft_tags.bin"] != before["train.zh.soft_tags.bin"]
    label(data, tagged.mixed)
    assert stream_files(data) == after
    record = json.loads((data / "pseudo_labels.json").read_text())
    assert record["zh"]["path"] == record["de"]["path"] == str(tagged.mixed)


def kill_within(monkeypatch, target, name, call):
    """Run in another process that is killed at the given call of a function."""
    calls, original = [], getattr(target, name)

    def killing(*args):
        calls.append(args)
        if len(calls) == call:
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*args)

    monkeypatch.setattr(target, name, killing)


@pytest.mark.parametrize(
    "target, name, call, done",
    [
        (StreamWriter, "write", 7, []),
        (StreamWriter, "write", 30, ["de"]),
        (pseudo_labels.os, "replace", 2, []),
        (pseudo_labels, "atomic_file", 1, []),
        (Manifest, "save", 1, []),
        (Manifest, "save", 2, ["de"]),
    ],
)
def test_killed_run_leaves_no_half_stream_and_goes_on(
    tagged, data, tmp_path, monkeypatch, target, name, call, done
):
    whole = tmp_path / "whole"
    shutil.copytree(data, whole)
    label(whole, tagged.zero)
    child = os.fork()
    if child == 0:
        try:
            monkeypatch.setattr(pseudo_labels, "CHUNK_ROWS", 1)
            kill_within(monkeypatch, target, name, call)
            label(data, tagged.zero)
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    assert named(data) == done
    for lang in done:
        assert len(read(data, lang)) == 24
    label(data, tagged.zero)
    assert named(data) == ["de", "zh"]
    assert stream_files(data) == stream_files(whole)


def slow_changes(monkeypatch):
    """Let what is read be old by the time that it is written."""
    load = Manifest.load

    def loading(folder):
        found = load(folder)
        time.sleep(0.2)
        return found

    monkeypatch.setattr(Manifest, "load", loading)


@pytest.mark.parametrize("languages", [("de", "zh"), ("de", "de,zh")])
def test_two_processes_side_by_side_lose_nothing(
    tagged, data, tmp_path, monkeypatch, languages
):
    whole = tmp_path / "whole"
    shutil.copytree(data, whole)
    label(whole, tagged.zero)
    children = []
    for langs in languages:
        children.append(os.fork())
        if children[-1] == 0:
            code = 1
            try:
                slow_changes(monkeypatch)
                label(data, tagged.zero, f"--target-langs={langs}")
                code = 0
            finally:
                os._exit(code)
    statuses = [os.waitpid(child, 0)[1] for child in children]
    assert [os.waitstatus_to_exitcode(status) for status in statuses] == [0, 0]
    assert sorted(named(data)) == ["de", "zh"]
    train = Manifest.load(data).splits["train"]
    assert all(train[lang].streams.count("soft_tags") == 1 for lang in ("de", "zh"))
    assert json.loads((data / "pseudo_labels.json").read_text()).keys() == {"de", "zh"}
    assert stream_files(data) == stream_files(whole)


def test_failed_run_leaves_nothing(tagged, data, monkeypatch):
    kept = []

    def failing(self):
        kept.append(self.prefix)
        raise OSError("no space")

    monkeypatch.setattr(StreamWriter, "close", failing)
    with pytest.raises(OSError, match="no space"):
        label(data, tagged.zero)
    assert kept and not stream_files(data) and not named(data)


def test_model_of_other_target_languages_labels_all(tagged, data, tmp_path):
    def narrow(state):
        state["cfg"]["task"]["target_langs"] = "de"

    label(data, copy_with(tagged.zero, tmp_path / "narrow", narrow))
    assert named(data) == ["de", "zh"]


def test_model_that_predicts_no_numbers_is_refused(tagged, data, tmp_path):
    def spoil(state):
        state["model"]["token_heads.tagging_head.out_proj.bias"].fill_(float("nan"))

    path = copy_with(tagged.zero, tmp_path / "spoilt", spoil)
    with refused("not numbers in de; give an earlier"):
        label(data, path)
    assert not named(data) and not stream_files(data)


@pytest.mark.parametrize(
    "options, message",
    [
        (["--target-langs=en"], "without tags in en; it has de,zh"),
        (["--target-langs=de,fr"], "without tags in fr; it has de,zh"),
        (["--target-langs=,"], "--target-langs ',': give different languages"),
        (["--batch-size=0"], "--batch-size 0: give 1 or more"),
        (["--num-workers=-1"], "--num-workers -1: give 0 or more"),
    ],
)
def test_wrong_options_are_refused(tagged, data, options, message):
    with refused(message):
        label(data, tagged.zero, *options)
    assert not stream_files(data)


@pytest.mark.parametrize("split", ["train", "translations"])
def test_data_without_translations_are_refused(tagged, data, split):
    manifest = Manifest.load(data)
    english = {"en": manifest.splits["train"]["en"]}
    manifest.splits["train"] = english
    if split == "train":
        del manifest.splits["train"]
    manifest.save(data)
    with refused("no translated training data.*it has none"):
        label(data, tagged.zero)


def test_data_and_checkpoints_of_other_tasks_are_refused(tagged, data, paired):
    with refused("holds xnli data; pseudo-labels are for tagg"):
        label(paired.data, paired.mixed)
    with refused("holds udpos data; this task reads xnli"):
        label(data, paired.mixed)
    with refused("a folder with neither checkpoint_best.pt nor"):
        label(data, data)


def test_two_processes_equal_one(tagged, data, tmp_path):
    shutil.copytree(data, tmp_path / "other")
    label(data, tagged.zero, "--batch-size=5")
    given = [command("xling-pseudo-label"), str(tmp_path / "other"), "--cpu"]
    given += [f"--path={tagged.zero}", "--batch-size=5"]
    run_in_forks(given)
    assert files(tmp_path / "other") == files(data)
    # Every process knows that the first one found all languages done.
    assert run_in_forks(given).count("done before") == 2
