"""Longest-first truncation against taking tokens away one by one."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fairseq_xling.data.truncation import truncate_pair, truncated_lengths


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
