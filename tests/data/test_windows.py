"""Which tokens windows hold and which windows pair up, against loops."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from naive_losses import naive_windows

from fairseq_xling.data.windows import (
    holds,
    paired_window,
    strided_windows,
    word_windows,
)


def by_row(index, rows):
    windows = [[] for _ in range(rows)]
    for row, begin, end in zip(*(column.tolist() for column in index)):
        windows[row].append((begin, end))
    return windows


@st.composite
def strided_rows(draw):
    stride = draw(st.integers(1, 12))
    rows = draw(
        st.lists(
            st.tuples(st.integers(0, 60), st.integers(stride, 20)),
            min_size=1,
            max_size=6,
        )
    )
    return [length for length, _ in rows], [capacity for _, capacity in rows], stride


@given(drawn=strided_rows())
def test_strided_windows_are_those_of_a_loop(drawn):
    lengths, capacities, stride = drawn
    index = strided_windows(np.array(lengths), np.array(capacities), stride)
    assert (np.diff(index.row) >= 0).all()
    assert by_row(index, len(lengths)) == [
        naive_windows(*row, stride) for row in zip(lengths, capacities)
    ]


@given(drawn=strided_rows())
def test_strided_windows_cover_every_token_and_end_with_the_last(drawn):
    lengths, capacities, stride = drawn
    index = strided_windows(np.array(lengths), np.array(capacities), stride)
    found = by_row(index, len(lengths))
    for length, capacity, windows in zip(lengths, capacities, found):
        covered = {token for window in windows for token in range(*window)}
        assert covered == set(range(length))
        assert all(end - begin <= capacity for begin, end in windows)
        assert windows[-1][1] == length
        # Only the last one reaches the end: none is superfluous.
        assert all(end < length for _, end in windows[:-1])


def naive_word_windows(sizes, capacity):
    """Words by their numbers of tokens; each window's first word and last."""
    windows, word = [], 0
    while word < len(sizes):
        last = word
        while last + 1 < len(sizes) and sum(sizes[word : last + 2]) <= capacity:
            last += 1
        windows.append((word, last))
        word = last + 1
    return windows


WORD_SIZES = st.lists(st.integers(1, 9), min_size=1, max_size=20)


def starts_of(sizes):
    return [sum(sizes[:word]) for word in range(len(sizes))]


@given(sizes=WORD_SIZES, capacity=st.integers(1, 16))
def test_word_windows_are_the_longest_of_a_greedy_loop(sizes, capacity):
    starts, length = starts_of(sizes), sum(sizes)
    want = []
    for first, last in naive_word_windows(sizes, capacity):
        begin, end = starts[first], starts[last] + sizes[last]
        want.append((begin, min(end, begin + capacity)))
    assert word_windows(starts, length, capacity) == want


@given(sizes=WORD_SIZES, capacity=st.integers(1, 16))
def test_every_word_begins_in_exactly_one_window(sizes, capacity):
    starts, length = starts_of(sizes), sum(sizes)
    windows = word_windows(starts, length, capacity)
    for start in starts:
        assert sum(begin <= start < end for begin, end in windows) == 1
    assert all(begin in starts for begin, _ in windows)
    assert all(0 < end - begin <= capacity for begin, end in windows)
    assert all(end <= begin for (_, end), (begin, _) in zip(windows, windows[1:]))
    if max(sizes) <= capacity:
        assert [token for w in windows for token in range(*w)] == list(range(length))


def test_word_that_is_too_long_loses_its_last_tokens():
    # Words of 2, 7 and 1 tokens in windows of 4.
    assert word_windows([0, 2, 9], 10, 4) == [(0, 2), (2, 6), (9, 10)]


WINDOWS = [(0, 10), (5, 15), (10, 20)]


@pytest.mark.parametrize(
    "window, length, answer, candidate_answer, want",
    [
        # The answer's window goes with the answer's, wherever that stands.
        ((0, 10), 20, (2, 3), (16, 17), 2),
        # Both of the last hold it; it stands nearer to the middle of the second.
        ((0, 10), 20, (2, 3), (11, 11), 1),
        ((0, 10), 20, (2, 3), (13, 14), 2),
        # As near to both middles: the first.
        ((10, 20), 20, (12, 13), (12, 12), 1),
        # The window does not hold its answer as a whole: the same place counts.
        ((0, 10), 20, (9, 10), (16, 17), 0),
        ((10, 20), 20, (2, 3), (2, 3), 2),
        # No window of the counterpart does, or it has none.
        ((0, 10), 20, (2, 3), (0, 12), 0),
        ((10, 20), 20, (12, 13), None, 2),
        ((10, 20), 20, None, (2, 3), 2),
        # Relative to the length: the middle of 40 tokens is that of 20.
        ((15, 25), 40, None, None, 1),
        ((0, 40), 40, None, None, 1),
        # The middle 7.5 is as far from 5 as from 10.
        ((0, 15), 20, None, None, 0),
    ],
)
def test_window_of_the_counterpart_by_hand(
    window, length, answer, candidate_answer, want
):
    assert paired_window(window, length, WINDOWS, 20, answer, candidate_answer) == want


def naive_paired(window, length, candidates, candidate_length, answer, other):
    def held(where, span):
        return span is not None and all(
            token in range(*where) for token in range(span[0], span[1] + 1)
        )

    def middle(where):
        return Fraction(where[0] + where[1], 2)

    best = None
    if held(window, answer) and any(held(one, other) for one in candidates):
        aim = middle((other[0], other[1] + 1))
        for i, one in enumerate(candidates):
            distance = abs(middle(one) - aim)
            if held(one, other) and (best is None or distance < best[0]):
                best = (distance, i)
        return best[1]
    aim = middle(window) / length
    for i, one in enumerate(candidates):
        distance = abs(middle(one) / candidate_length - aim)
        if best is None or distance < best[0]:
            best = (distance, i)
    return best[1]


@st.composite
def span_in(draw, length):
    first = draw(st.integers(0, length - 1))
    return draw(st.sampled_from([None, (first, min(length - 1, first + 3))]))


@st.composite
def paired_passages(draw):
    lengths = draw(st.integers(1, 50)), draw(st.integers(1, 50))
    windows = [
        naive_windows(length, draw(st.integers(6, 20)), draw(st.integers(1, 6)))
        for length in lengths
    ]
    answers = [draw(span_in(length)) for length in lengths]
    return lengths, windows, answers


@given(drawn=paired_passages())
@settings(max_examples=300)
def test_window_of_the_counterpart_is_that_of_the_written_rule(drawn):
    (length, other_length), (windows, candidates), (answer, other) = drawn
    for window in windows:
        arguments = (window, length, candidates, other_length, answer, other)
        assert paired_window(*arguments) == naive_paired(*arguments)


def test_of_places_equally_far_the_first_is_taken_whatever_the_lengths():
    # The middle is 3.5 of 7 tokens, one half; those of the candidates 0.3 and 0.7.
    for scale in range(1, 30):
        candidates = [(0, 6 * scale), (4 * scale, 10 * scale)]
        assert paired_window((0, 7), 7, candidates, 10 * scale) == 0


def test_empty_sequences_pair_with_the_only_window():
    assert paired_window((0, 0), 0, [(0, 5)], 5) == 0
    assert paired_window((0, 5), 5, [(0, 0)], 0) == 0


def test_window_holds_spans_whose_both_ends_it_has():
    assert holds((2, 5), (2, 4))
    assert not holds((2, 5), (1, 3))
    assert not holds((2, 5), (4, 5))
    assert not holds((2, 5), None)
