"""The resumable store of virtual samples."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from augment_data import (
    COMMON_FILES,
    STREAMS,
    made_up_samples,
    made_up_source,
    made_up_variants,
    open_folder,
    read_jsonl,
    rows_of,
    snapshot,
)
from fairseq.data.indexed_dataset import MMapIndexedDataset
from refusals import refused

from fairseq_xling.data.manifest import Manifest, SplitEntry
from fairseq_xling.errors import UserError
from fairseq_xling.multimix.parts import Filled, Sample
from fairseq_xling.multimix.store import VariantStore, describe
from fairseq_xling.multimix.variants import Variant

SETTINGS = {"seed": 1, "temperature": 1.0, "data": {"train.en": "abc"}}


def open_store(folder: Path, has_words: bool = False, **settings) -> VariantStore:
    return VariantStore(folder, {**SETTINGS, **settings}, STREAMS, has_words, 120)


def write_all(store: VariantStore, has_words: bool = False, chunks: int = 6) -> None:
    for number, chunk in enumerate(made_up_samples(has_words)[:chunks]):
        if number >= store.chunks:
            made = [made_up_variants(one) for one in chunk]
            store.write(chunk, made, {"samples": number})


@pytest.fixture(params=[False, True], ids=["pairs", "words"])
def finished(request, tmp_path):
    """A finished folder, and whether it has word starts."""
    manifest = made_up_source(tmp_path / "source")
    store = open_store(tmp_path / "out", request.param)
    write_all(store, request.param)
    store.finish(tmp_path / "source", manifest, "train")
    return tmp_path / "out", request.param


def expected(has_words: bool, stream: str):
    return [
        (sample, variant)
        for chunk in made_up_samples(has_words)
        for sample in chunk
        if sample.stream == stream
        for variant in made_up_variants(sample)
    ]


def test_folder_has_every_variant_in_order(finished):
    folder, has_words = finished
    opened = open_folder(folder)
    assert list(opened) == ["en", "zh"]
    for lang, streams in opened.items():
        want = expected(has_words, f"train.{lang}")
        assert rows_of(streams) == [v.filled.tokens.tolist() for _, v in want]
        lines = read_jsonl(folder / f"train.{lang}.variants.jsonl")
        assert lines == [describe(sample, variant) for sample, variant in want]
        assert (streams.word_starts is not None) == has_words
        if has_words:
            starts = [row.tolist() for row in streams.word_starts]
            assert starts == [sample.word_starts.tolist() for sample, _ in want]


def test_folder_is_one_of_binarized_data(finished):
    folder, has_words = finished
    kinds = ["input", "word_starts"] if has_words else ["input"]
    manifest = Manifest.load(folder)
    rows = {x: len(expected(has_words, f"train.{x}")) for x in ("en", "zh")}
    assert manifest.splits == {
        "train": {lang: SplitEntry(count, kinds) for lang, count in rows.items()}
    }
    assert manifest.languages == ["en", "zh"] and manifest.source_lang == "en"
    assert (manifest.task, manifest.labels) == ("xnli", ["no", "yes"])
    assert manifest.dictionary_size == 120
    assert (manifest.dictionary_sha256, manifest.tokenizer_sha256) == ("d", "s")
    assert manifest.augmentation == {"settings": SETTINGS, "counts": {"samples": 5}}
    for name in COMMON_FILES:
        assert (folder / name).read_text() == f"this is {name}"
    # German had no variant; fairseq cannot open an empty file.
    files = {
        "manifest.json",
        *COMMON_FILES,
        *(f"train.{lang}.variants.jsonl" for lang in rows),
        *(f"train.{lang}.{k}.{end}" for lang in rows for k in kinds
          for end in ("bin", "idx")),
    }  # fmt: skip
    assert set(snapshot(folder)) == files


def test_integer_types_are_those_of_fairseq(tmp_path):
    manifest = made_up_source(tmp_path / "source")
    for symbols, dtype in ((120, np.uint16), (250002, np.uint32)):
        folder = tmp_path / str(symbols)
        store = VariantStore(folder, SETTINGS, STREAMS, True, symbols)
        tokens = np.array([0, symbols - 1, 2])
        sample = Sample("train.en", 0, tokens, np.array([1]))
        filled = Filled(tokens, np.zeros(0, np.int64), np.zeros(0), 0, 0)
        store.write([sample], [[Variant((), filled)]], {})
        store.finish(tmp_path / "source", manifest, "train")
        stream = MMapIndexedDataset(str(folder / "train.en.input"))
        assert stream[0].tolist() == tokens.tolist()
        assert stream._index.dtype == dtype
        words = MMapIndexedDataset(str(folder / "train.en.word_starts"))
        assert words._index.dtype == np.uint16


def test_description_of_a_variant():
    tokens = np.array([0, 10, 11, 12, 13, 2])
    sample = Sample("train.en", 7, tokens, np.array([1, 3]))
    new = np.array([0, 20, 11, 12, 21, 2])
    log_probs = np.array([-1.00004, -2.5, -0.25])
    filled = Filled(new, np.array([1, 2, 4]), log_probs, 2, 0)
    assert describe(sample, Variant((1, 0), filled)) == {
        "row": 7,
        "variant": [1, 0],
        "length": 6,
        "words": 2,
        "positions": [1, 2, 4],
        "changed": [1, 4],
        "log_probs": [-1.0, -2.5, -0.25],
        "log_prob": -3.75,
    }
    pair = replace(sample, word_starts=None)
    assert "words" not in describe(pair, Variant((), filled))


@pytest.mark.parametrize("is_finished", [False, True])
@pytest.mark.parametrize(
    "change", [{"seed": 2}, {"temperature": 0.5}, {"data": {"train.en": "x"}}, {"P": 3}]
)
def test_output_of_other_settings_is_refused_and_left(tmp_path, is_finished, change):
    manifest = made_up_source(tmp_path / "source")
    store = open_store(tmp_path / "out")
    write_all(store)
    if is_finished:
        store.finish(tmp_path / "source", manifest, "train")
    before = snapshot(tmp_path / "out")
    (name,) = change
    with pytest.raises(UserError) as caught:
        open_store(tmp_path / "out", **change)
    message = str(caught.value)
    assert str(tmp_path / "out") in message and "--results-path" in message
    assert f"{name} {SETTINGS.get(name)}, now {change[name]}" in message
    assert snapshot(tmp_path / "out") == before


def test_ordinary_binarized_data_are_refused_and_left(tmp_path):
    made_up_source(tmp_path / "source").save(tmp_path / "source")
    before = snapshot(tmp_path / "source")
    with refused("source: holds binarized data.*--results-path"):
        open_store(tmp_path / "source")
    assert snapshot(tmp_path / "source") == before


def test_other_files_of_the_results_folder_are_left(tmp_path):
    manifest = made_up_source(tmp_path / "source")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "notes.txt").write_text("mine")
    (tmp_path / "out" / ".hidden").write_text("mine too")
    store = open_store(tmp_path / "out")
    write_all(store)
    store.finish(tmp_path / "source", manifest, "train")
    open_store(tmp_path / "out")
    for name in ("notes.txt", ".hidden"):
        assert (tmp_path / "out" / name).read_text().startswith("mine")


DAMAGE = {
    "empty": lambda text: "",
    "cut short": lambda text: text[: len(text) // 2],
    "a list": lambda text: "[]",
    "a number": lambda text: "3",
    "no settings": lambda text: text.replace('"settings"', '"other"'),
    "no counts": lambda text: text.replace('"counts"', '"other"'),
    "null settings": lambda text: json.dumps({**json.loads(text), "settings": None}),
}


def refused_at(path: Path, folder: Path, has_words: bool = False) -> None:
    with pytest.raises(UserError) as caught:
        open_store(folder, has_words)
    message = str(caught.value)
    assert message.startswith(f"{path}: ") and "\n" not in message
    assert "remove the folder" in message


@pytest.mark.parametrize("damage", [*DAMAGE, "no chunks", "no sizes"])
def test_damaged_progress_is_named(tmp_path, damage):
    write_all(open_store(tmp_path))
    path = tmp_path / "unfinished" / "progress.json"
    key = damage[3:]
    change = DAMAGE.get(damage, lambda text: text.replace(f'"{key}"', '"other"'))
    path.write_text(change(path.read_text()))
    refused_at(path, tmp_path)


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_manifest_is_named(finished, damage):
    folder, has_words = finished
    path = folder / "manifest.json"
    contents = json.loads(path.read_text())
    if damage == "null settings":
        contents["augmentation"] = {"settings": None, "counts": {}}
        path.write_text(json.dumps(contents))
    else:
        path.write_text(DAMAGE[damage](path.read_text()))
    refused_at(path, folder, has_words)


@pytest.mark.parametrize("stream", ["input.bin", "word_starts.bin", "variants.jsonl"])
@pytest.mark.parametrize("is_gone", [False, True])
def test_lost_output_of_an_unfinished_run_is_named(tmp_path, stream, is_gone):
    write_all(open_store(tmp_path, True), True)
    path = tmp_path / "unfinished" / f"train.en.{stream}"
    if is_gone:
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-1])
    refused_at(path, tmp_path, True)


@pytest.mark.parametrize("name", ["train.en.input.bin", "dict.txt", "unfinished/mine"])
def test_files_of_others_are_not_overwritten(tmp_path, name):
    path = tmp_path / "out" / name
    path.parent.mkdir(parents=True)
    path.write_bytes(b"mine")
    with refused(f"holds {name}, which is no part of a run"):
        open_store(tmp_path / "out")
    assert path.read_bytes() == b"mine"
