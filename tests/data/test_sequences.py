"""Sequences of one text or two: split, joined, and shortened as by a loop."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fairseq_xling.data.sequences import (
    Ragged,
    join_pair,
    lines,
    pairs,
    singles,
    split_pair,
    truncate_pair,
    truncated_lengths,
)


def one_by_one(first, second, budget):
    while first + second > budget:
        if first > second:
            first -= 1
        else:
            second -= 1
    return first, second


@settings(max_examples=300)
@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 80))
def test_lengths_equal_taking_tokens_one_by_one(first, second, budget):
    want = one_by_one(first, second, budget)
    assert truncated_lengths(first, second, budget) == want


def test_pair_keeps_specials_and_the_beginnings():
    tokens = torch.tensor([0, 10, 11, 12, 13, 14, 2, 2, 20, 21, 22, 2])
    assert truncate_pair(tokens, 9, eos=2).tolist() == [0, 10, 11, 12, 2, 2, 20, 21, 2]
    assert truncate_pair(tokens, 8, eos=2).tolist() == [0, 10, 11, 2, 2, 20, 21, 2]


def test_pair_of_wordpieces_keeps_its_one_separator():
    tokens = torch.tensor([0, 10, 11, 12, 13, 14, 2, 20, 21, 22, 2])
    found = truncate_pair(tokens, 8, eos=2, separators=1).tolist()
    assert found == [0, 10, 11, 12, 2, 20, 21, 2]


def test_short_pair_is_untouched():
    tokens = torch.tensor([0, 10, 2, 2, 20, 2])
    assert truncate_pair(tokens, 6, eos=2) is tokens


TEXT = st.lists(st.integers(4, 9), max_size=5)


@pytest.mark.parametrize("separators", [1, 2])
@pytest.mark.parametrize("made", [np.array, torch.tensor])
@given(first=TEXT, second=TEXT)
def test_pair_is_split_into_its_texts_and_joined_again(separators, made, first, second):
    pair = made([0, *first, *[2] * separators, *second, 2])
    one, other = split_pair(pair, 2, separators)
    assert one.tolist() == [0, *first, 2] and other.tolist() == [0, *second, 2]
    assert join_pair(one, other, separators).tolist() == pair.tolist()
    (single,) = split_pair(one, 2, separators)
    assert single.tolist() == [0, *first, 2]
    (nothing,) = split_pair(made(first), 2, separators)  # it has no </s> at all
    assert nothing.tolist() == first


@pytest.mark.parametrize("separators", [1, 2])
@given(texts=st.lists(st.tuples(TEXT, TEXT), max_size=5))
def test_texts_get_their_special_tokens(separators, texts):
    flat = Ragged.of(text for both in texts for text in both)
    for found, want in (
        (lines(flat, 2), [[*text, 2] for both in texts for text in both]),
        (singles(flat, 0, 2), [[0, *text, 2] for both in texts for text in both]),
        (
            pairs(flat, 0, 2, separators),
            [[0, *a, *[2] * separators, *b, 2] for a, b in texts],
        ),
    ):
        assert [one.tolist() for one in found.split()] == want
        assert found.lengths.tolist() == [len(one) for one in want]


@given(rows=st.lists(st.tuples(TEXT, st.booleans()), max_size=6))
def test_ragged_rows_are_taken_and_put_into_their_places(rows):
    kept = np.array([is_kept for _, is_kept in rows], bool)
    some = Ragged.of(text for text, _ in rows).take(kept)
    assert [x.tolist() for x in some.split()] == [
        text for text, is_kept in rows if is_kept
    ]
    spread = [x.tolist() for x in some.spread(kept).split()]
    assert spread == [text if is_kept else [] for text, is_kept in rows]
