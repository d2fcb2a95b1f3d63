"""What commands replace is their own, and nothing that they read is lost."""

import os
from pathlib import Path
from types import SimpleNamespace

import binarized as commands
import pytest
from bad_input import contents
from refusals import refused

from fairseq_xling.files.destination import BINARIZED, check_output, check_replaceable

LABELS = ["contradiction", "entailment", "neutral"]


def preprocess(raw, spm, destdir, *options, **other):
    names = {name: str(path) for name, path in other.items()}
    files = SimpleNamespace(**{**vars(spm), **names})
    commands.preprocess("xnli", raw, files, destdir, *options)


@pytest.fixture
def binarized(raw, spm, tmp_path) -> Path:
    preprocess(raw, spm, tmp_path / "old")
    return tmp_path / "old"


def move_raw(raw, old, spm):
    raw.rename(old / "raw")
    return {"raw": old / "raw"}


def link_raw(raw, old, spm):
    raw.rename(old / "raw")
    (old.parent / "link").symlink_to(old / "raw")
    return {"raw": old.parent / "link"}


def link_destination(raw, old, spm):
    raw.rename(old / "raw")
    (old.parent / "link").symlink_to(old)
    return {"raw": old / "raw", "destdir": old.parent / "link"}


def move_into_raw(raw, old, spm):
    old.rename(raw / "bin")
    return {"destdir": raw / "bin"}


def own_tokenizer(raw, old, spm):
    return {"model": old / "sentencepiece.bpe.model"}


def linked_dictionary(raw, old, spm):
    (old.parent / "dict.txt").symlink_to(old / "dict.txt")
    return {"dictionary": old.parent / "dict.txt"}


def add_notes(raw, old, spm):
    (old / "notes.txt").write_text("months of work")
    return {}


def add_checkpoint(raw, old, spm):
    (old / "run").mkdir()
    (old / "run/checkpoint_best.pt").write_bytes(b"weights")
    return {}


def add_link(raw, old, spm):
    (old / "elsewhere").symlink_to(raw)
    return {}


@pytest.mark.parametrize(
    "prepare, message",
    [
        (move_raw, "which is read"),
        (link_raw, "which is read"),
        (link_destination, "which is read"),
        (move_into_raw, "is a part of .*raw, which is read"),
        (own_tokenizer, "which is read"),
        (linked_dictionary, "which is read"),
        (add_notes, "holds notes.txt, which is no part"),
        (add_checkpoint, "holds run/checkpoint_best.pt, which is no part"),
        (add_link, "holds elsewhere, which is no part"),
    ],
)
def test_overwrite_loses_nothing(raw, spm, binarized, tmp_path, prepare, message):
    options = {"raw": raw, "destdir": binarized, **prepare(raw, binarized, spm)}
    before = contents(tmp_path)
    with refused(message):
        preprocess(options.pop("raw"), spm, options.pop("destdir"), "--overwrite",
                   **options)  # fmt: skip
    assert contents(tmp_path) == before


def test_link_to_an_old_folder_is_followed(raw, spm, binarized, tmp_path):
    (tmp_path / "link").symlink_to(binarized)
    (binarized / "test.de.input.bin").unlink()
    preprocess(raw, spm, tmp_path / "link", "--overwrite")
    assert (tmp_path / "link").is_symlink()
    assert (binarized / "test.de.input.bin").exists()
    left = [path.name for path in tmp_path.iterdir()]
    assert sorted(left) == ["link", "old", "raw"]


def test_all_that_preprocessing_and_pseudo_labels_write_is_replaced(tmp_path):
    for name in ("manifest.json", "dict.txt", "label.dict.txt", "tokenizer.json"):
        (tmp_path / name).touch()
    for name in ("input.bin", "source_word_starts.idx", "soft_tags.bin"):
        (tmp_path / f"train.zh-Hans-CN.{name}").touch()
    for name in ("pseudo_labels.json", "valid.de.examples.jsonl"):
        (tmp_path / name).touch()
    check_replaceable(tmp_path, True, BINARIZED, [])


def test_file_that_is_read_is_not_written_over(tmp_path):
    (tmp_path / "in.txt").write_text("text")
    os.link(tmp_path / "in.txt", tmp_path / "same")
    (tmp_path / "link").symlink_to("in.txt")
    for name in ("in.txt", "link"):
        with refused("is read; give another file"):
            check_output(tmp_path / name, [tmp_path / "in.txt"])
    check_output(tmp_path / "same", [tmp_path / "in.txt"])  # the other name stays
