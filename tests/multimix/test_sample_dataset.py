"""Chunks of a split's rows, and the shards that share them."""

from types import SimpleNamespace
from typing import List, Sequence

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fairseq_xling.data.streams import Streams
from fairseq_xling.multimix.sample_dataset import CHUNK_BATCHES, SampleDataset


class Rows(list):
    """Rows as fairseq's readers give them."""

    def __init__(self, rows: Sequence[Sequence[int]]) -> None:
        super().__init__(torch.tensor(row) for row in rows)
        self.sizes = np.array([len(row) for row in rows], np.int32)


def dataset(
    lengths: Sequence[Sequence[int]],
    variants: int = 3,
    shards: int = 1,
    shard: int = 0,
    has_words: bool = False,
) -> SampleDataset:
    """Rows of these lengths, one list a language; row ``i`` consists of ``i``."""
    streams = []
    for part in lengths:
        rows = Rows([[i] * length for i, length in enumerate(part)])
        words = Rows([[1] * (length // 2) for length in part]) if has_words else None
        streams.append(Streams("", rows, word_starts=words))
    names = [f"train.{i}" for i in range(len(lengths))]
    return SampleDataset(streams, names, variants, shards, shard)


def chunks_of(data: SampleDataset, *limits) -> List[List[int]]:
    return [x.tolist() for x in data.batch_by_size(data.ordered_indices(), *limits)]


@st.composite
def cases(draw):
    lengths = st.lists(st.integers(2, 60), min_size=1, max_size=40)
    limits = draw(
        st.tuples(
            st.none() | st.integers(1, 200), st.none() | st.integers(1, 20)
        ).filter(lambda x: x != (None, None))
    )
    return SimpleNamespace(
        lengths=draw(st.lists(lengths, min_size=1, max_size=4)),
        variants=draw(st.integers(1, 9)),
        shards=draw(st.integers(1, 12)),
        limits=limits,
    )


@settings(max_examples=200)
@given(cases())
def test_shards_together_have_every_row_once_and_in_order(case):
    whole = chunks_of(dataset(case.lengths, case.variants), *case.limits)
    rows = sum(map(len, case.lengths))
    assert [i for chunk in whole for i in chunk] == list(range(rows))
    shared = []
    for shard in range(case.shards):
        data = dataset(case.lengths, case.variants, case.shards, shard)
        mine = chunks_of(data, *case.limits)
        # A shard that has nothing to do has one empty chunk.
        assert all(mine) or mine == [[]]
        shared += [chunk for chunk in mine if chunk]
    # The very chunks that one shard alone would have.
    assert shared == whole


@settings(max_examples=200)
@given(cases())
def test_chunk_has_one_language_and_is_bounded(case):
    lengths = np.concatenate(case.lengths)
    langs = np.repeat(np.arange(len(case.lengths)), [len(x) for x in case.lengths])
    max_tokens, max_rows = case.limits
    for chunk in chunks_of(dataset(case.lengths, case.variants), *case.limits):
        assert len(set(langs[chunk])) == 1
        if max_rows is not None:
            assert len(chunk) <= max(1, CHUNK_BATCHES * max_rows // case.variants)
        if max_tokens is not None:
            # A chunk may go over by its last row.
            before_last = lengths[chunk[:-1]].sum() * case.variants
            assert before_last <= CHUNK_BATCHES * max_tokens


@settings(max_examples=200)
@given(cases())
def test_shards_cost_about_the_same(case):
    lengths = np.concatenate(case.lengths)
    whole = chunks_of(dataset(case.lengths, case.variants), *case.limits)
    largest = max(lengths[chunk].sum() for chunk in whole)
    share = lengths.sum() / case.shards
    for shard in range(case.shards):
        data = dataset(case.lengths, case.variants, case.shards, shard)
        mine = chunks_of(data, *case.limits)
        cost = sum(lengths[chunk].sum() for chunk in mine if chunk)
        assert abs(cost - share) <= largest + 1e-6


def test_both_limits_hold_where_rows_become_shorter():
    """Long rows use tokens up, so that the number of rows counts later."""
    lengths = [[50] * 20 + [2] * 40]
    data = dataset(lengths, variants=1)
    for chunk in chunks_of(data, 10, 1):
        assert len(chunk) <= CHUNK_BATCHES


def test_more_variants_make_smaller_chunks():
    lengths = [[10] * 64]
    few = chunks_of(dataset(lengths, variants=1), None, 4)
    many = chunks_of(dataset(lengths, variants=8), None, 4)
    assert len(few) == 2 and len(many) == 16
    assert len(chunks_of(dataset(lengths, variants=1), 40, None)) == 2
    assert len(chunks_of(dataset(lengths, variants=8), 40, None)) == 16


def test_shards_without_a_chunk_have_an_empty_one():
    found = [
        chunks_of(dataset([[5, 5], [5]], shards=7, shard=i), None, 100)
        for i in range(7)
    ]
    assert sorted(found) == sorted([[[0, 1]], [[2]], *([[[]]] * 5)])
    empty = dataset([[5, 5]]).collater([])
    assert empty["id"].tolist() == [] and empty["id"].dtype == torch.long
    assert empty["samples"] == [] and empty["nsentences"] == 0


def test_sample_tells_its_stream_and_its_row_there():
    data = dataset([[3, 4], [5, 6, 7]], has_words=True)
    assert len(data) == 5
    batch = data.collater([data[i] for i in (1, 2, 4)])
    assert batch["id"].tolist() == [1, 2, 4] and batch["nsentences"] == 3
    places = [(one.stream, one.row) for one in batch["samples"]]
    assert places == [("train.0", 1), ("train.1", 0), ("train.1", 2)]
    tokens = [one.tokens.tolist() for one in batch["samples"]]
    assert tokens == [[1] * 4, [0] * 5, [2] * 7]
    words = [one.word_starts.tolist() for one in batch["samples"]]
    assert words == [[1] * 2, [1] * 2, [1] * 3]
