"""Batches: what stands where, and that no row is lost."""

from pathlib import Path

import numpy as np
import pytest
import torch
from pair_data import write_pair_data
from refusals import refused

from fairseq_xling.data.manifest import Manifest
from fairseq_xling.data.streams import check_lengths, open_streams
from fairseq_xling.families.pairs.dataset import SentencePairDataset

WANTED = {"source", "backtranslation"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return write_pair_data(tmp_path_factory.mktemp("data") / "bin")


def make(folder, split="train", languages=("en", "de", "sw"), wanted=WANTED, **options):
    manifest = Manifest.load(folder)
    streams = [open_streams(folder, manifest, split, x, wanted) for x in languages]
    options = {"max_length": 64, **options}
    return SentencePairDataset(
        streams, list(range(len(streams))), pad=1, eos=2, label_offset=4, **options
    )


def test_rows_with_counterpart_come_first(folder):
    dataset = make(folder)
    batch = dataset.collater([dataset[i] for i in (0, 25, 24, 50, 1)])
    sources = batch["net_input"]["source_tokens"]
    # Rows 0 and 1 are English; row 24 is the first German one, without counterpart.
    assert batch["id"].tolist() == [25, 50, 0, 24, 1]
    assert batch["rows"].tolist() == [25, 50, 0, 24, 1]
    assert batch["lang"].tolist() == [1, 2, 0, 1, 0]
    assert batch["row"].tolist() == [1, 2, 0, 0, 1]
    for position, index in enumerate((25, 50)):
        want = dataset[index]["source"]
        assert torch.equal(sources[position, : len(want)], want)
        assert sources[position, len(want) :].eq(1).all()
    labels = [dataset[i]["label"] for i in (25, 50, 0, 24, 1)]
    assert batch["target"].tolist() == labels
    assert set(labels) <= {0, 1, 2}


def test_token_count_is_that_of_real_tokens(folder):
    dataset = make(folder)
    batch = dataset.collater([dataset[i] for i in range(20, 30)])
    net_input = batch["net_input"]
    want = net_input["src_tokens"].ne(1).sum() + net_input["source_tokens"].ne(1).sum()
    assert batch["ntokens"] == want


def test_row_without_backtranslation_keeps_its_source(folder):
    dataset = make(folder)
    one, two = dataset[25], dataset[26]
    two["backtranslation"] = None
    batch = dataset.collater([one, two])
    assert torch.equal(batch["backtranslation"][1, : len(two["source"])], two["source"])


def test_batch_without_pairs_has_no_source(folder):
    dataset = make(folder, wanted=set())
    batch = dataset.collater([dataset[i] for i in (0, 25)])
    assert batch["net_input"]["source_tokens"] is None
    assert batch["backtranslation"] is None


@pytest.mark.parametrize("multiple", [1, 8])
@pytest.mark.parametrize("limit", [{"max_sentences": 16}, {"max_tokens": 200}])
def test_batches_hold_every_row_once(folder, multiple, limit):
    dataset = make(folder, shuffle=True)
    batches = dataset.batch_by_size(
        dataset.ordered_indices(), required_batch_size_multiple=multiple, **limit
    )
    assert sorted(np.concatenate(batches)) == list(range(len(dataset)))


def test_max_tokens_bounds_the_padded_batch(folder):
    dataset = make(folder, shuffle=True)
    for batch in dataset.batch_by_size(dataset.ordered_indices(), max_tokens=200):
        width = max(dataset.size(i) for i in batch)
        rows = sum(2 if dataset.paired[i] else 1 for i in batch)
        assert rows * width <= 200
        assert dataset.num_tokens_vec(batch).tolist() == [
            dataset.num_tokens(i) for i in batch
        ]


def test_batches_are_of_similar_length_and_new_every_epoch(folder):
    dataset = make(folder, shuffle=True)
    first = dataset.ordered_indices()
    assert (np.diff(dataset.sizes[first]) >= 0).all()
    assert np.array_equal(first, dataset.ordered_indices())
    dataset.set_epoch(2)
    assert not np.array_equal(first, dataset.ordered_indices())


def test_what_is_only_read_comes_longest_first(folder):
    # So memory is at its height from the first batch on.
    dataset = make(folder)
    sizes = dataset.sizes[dataset.ordered_indices()]
    assert sizes.min() < sizes.max() and (np.diff(sizes) <= 0).all()


def test_batches_depend_on_the_seed_alone_not_on_global_state(folder):
    np.random.seed(1)
    first = make(folder, shuffle=True, seed=5).ordered_indices()
    np.random.seed(2)
    assert np.array_equal(first, make(folder, shuffle=True, seed=5).ordered_indices())
    assert not np.array_equal(
        first, make(folder, shuffle=True, seed=6).ordered_indices()
    )


def test_long_rows_are_shortened(folder):
    dataset = make(folder, max_length=8)
    assert max(len(dataset[i]["input"]) for i in range(len(dataset))) == 8
    assert dataset.sizes.max() == 8


def test_row_over_the_limit_is_named(folder):
    streams = open_streams(folder, Manifest.load(folder), "train", "de", WANTED)
    with refused(r"train\.de\.input: row \d+ has") as error:
        check_lengths(streams, str(folder), "train", 8, truncate=False)
    message = str(error.value)
    row = int(message.split("row ")[1].split()[0]) - 1
    assert f"has {streams.input.sizes[row]} tokens" in message
    assert "--truncate-sequence" in message and "\n" not in message


def test_shortened_rows_are_counted(folder, caplog):
    streams = open_streams(folder, Manifest.load(folder), "train", "de", WANTED)
    with caplog.at_level("INFO"):
        check_lengths(streams, str(folder), "train", 8, truncate=True)
    over = int((np.array(streams.input.sizes) > 8).sum())
    assert f"train.de.input: {over} of 24 rows are shortened to 8 tokens" in caplog.text


def test_damaged_folder_is_reported(tmp_path):
    folder = write_pair_data(tmp_path / "bin")
    (folder / "train.de.input.bin").unlink()
    with refused(r"train\.de\.input\.bin"):
        open_streams(folder, Manifest.load(folder), "train", "de", WANTED)
    other = write_pair_data(tmp_path / "other", rows={"train": 7})
    for suffix in ("bin", "idx"):
        source = other / f"train.sw.input.{suffix}"
        (folder / f"train.sw.input.{suffix}").write_bytes(source.read_bytes())
    with refused("7 rows, though the text has 24"):
        open_streams(folder, Manifest.load(folder), "train", "sw", WANTED)
