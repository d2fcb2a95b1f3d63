"""Splitting samples into parts, and joining what was made of them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lm_data import Writer, pair_of, tagged_of

from fairseq_xling.data.sequences import split_pair
from fairseq_xling.multimix.parts import Filled, join, split_sample, unchanged
from fairseq_xling.multimix.pieces import PieceTable

WRITER = Writer()
TABLE = PieceTable(WRITER.dictionary)
IDS = WRITER.ids


def split(sample, is_cross=True, mask_unit="word", longest=99):
    return split_sample(TABLE, sample, is_cross, mask_unit, longest)


def starts_of(parts):
    return [part.starts.tolist() for part in parts]


def filled(part, positions=(), token=0, masked=0, kept=0, base=-1.0):
    """A part with the same token everywhere, each with a log-probability of its own."""
    tokens = part.tokens.copy()
    tokens[list(positions)] = token
    log_probs = base * np.arange(1, len(positions) + 1)
    places = np.array(positions, np.int64)
    return Filled(tokens, places, log_probs, masked, kept)


FIRST, SECOND = IDS("_the _do gs"), IDS("_cat s _run")


@pytest.mark.parametrize(
    "sample",
    [pair_of(FIRST, SECOND), tagged_of([FIRST[:1], FIRST[1:], SECOND])],
    ids=["pair", "tagged"],
)
def test_successive_max_takes_a_sample_whole(sample):
    (part,) = split(sample, is_cross=False)
    assert part.tokens.tolist() == sample.tokens.tolist()
    # In a pair, all words of both sentences; the given words are taken as they are.
    is_pair = sample.word_starts is None
    assert part.starts.tolist() == ([1, 2, 6, 8] if is_pair else [1, 2, 4])
    assert part.widths.tolist() == ([1, 2, 2, 1] if is_pair else [1, 2, 3])


def test_each_sentence_of_a_pair_is_read_by_itself():
    first, second = split(pair_of(FIRST, SECOND))
    assert first.tokens.tolist() == [0, *FIRST, 2]
    assert second.tokens.tolist() == [0, *SECOND, 2]
    assert starts_of([first, second]) == [[1, 2], [1, 3]]
    assert (first.widths.tolist(), second.widths.tolist()) == ([1, 2], [2, 1])


@pytest.mark.parametrize(
    "first, second, starts",
    [([], SECOND, [[], [1, 3]]), (FIRST, [], [[1, 2], []]), ([], [], [[], []])],
)
def test_empty_sentences_of_a_pair_have_nothing_to_mask(first, second, starts):
    sample = pair_of(first, second)
    parts = split(sample)
    assert [part.tokens.tolist() for part in parts] == [[0, *first, 2], [0, *second, 2]]
    assert starts_of(parts) == starts
    joined = join(TABLE, sample, [unchanged(part.tokens) for part in parts])
    assert joined.tokens.tolist() == sample.tokens.tolist()


@given(
    first=st.lists(st.integers(4, 99), max_size=9),
    second=st.lists(st.integers(4, 99), max_size=9),
)
def test_split_pairs_join_to_what_they_were(first, second):
    sample = pair_of(first, second)
    one, other = split_pair(sample.tokens, TABLE.eos, TABLE.separators)
    assert one.tolist() == [0, *first, 2] and other.tolist() == [0, *second, 2]
    joined = join(TABLE, sample, [unchanged(one), unchanged(other)])
    assert joined.tokens.tolist() == sample.tokens.tolist()
    assert joined.positions.tolist() == [] and joined.log_probs.tolist() == []
    assert (joined.masked, joined.kept) == (0, 0)


def test_a_joined_pair_tells_where_its_tokens_now_stand():
    sample = pair_of(FIRST, SECOND)
    parts = split(sample)
    chosen = [
        filled(parts[0], [2, 3], token=50, masked=1, kept=0),
        filled(parts[1], [1, 2, 3], token=51, masked=2, kept=1, base=-10.0),
    ]
    joined = join(TABLE, sample, chosen)
    assert joined.tokens.tolist() == [0, FIRST[0], 50, 50, 2, 2, 51, 51, 51, 2]
    assert joined.positions.tolist() == [2, 3, 6, 7, 8]
    assert joined.log_probs.tolist() == [-1, -2, -10, -20, -30]
    assert (joined.masked, joined.kept) == (3, 1)


WORDS = [IDS("_the"), IDS("_do g s"), IDS("_cat s"), IDS("_run"), IDS("_in")]


@pytest.mark.parametrize(
    "count, starts",
    [
        (0, [[], []]),
        (1, [[], [1]]),
        (2, [[1], [2]]),
        (3, [[1], [2, 5]]),
        (4, [[1, 2], [5, 7]]),
        (5, [[1, 2], [5, 7, 8]]),
    ],
)
def test_a_sentence_of_words_is_halved_and_the_second_half_is_longer(count, starts):
    sample = tagged_of(WORDS[:count])
    parts = split(sample)
    assert starts_of(parts) == starts
    # The model reads the other half too.
    assert all(part.tokens.tolist() == sample.tokens.tolist() for part in parts)
    joined = join(TABLE, sample, [unchanged(part.tokens) for part in parts])
    assert joined.tokens.tolist() == sample.tokens.tolist()


def test_pieces_are_halved_where_words_are():
    first, second = split(tagged_of(WORDS[:3]), mask_unit="piece")
    assert starts_of([first, second]) == [[1], [2, 3, 4, 5, 6]]
    assert second.begins.tolist() == [True, False, False, True, False]


def test_joined_halves_each_have_their_own_tokens():
    sample = tagged_of(WORDS[:3])
    parts = split(sample)
    chosen = [
        filled(parts[0], [1], token=50, masked=1, kept=1),
        filled(parts[1], [2, 3, 4], token=51, masked=1, base=-10.0),
    ]
    joined = join(TABLE, sample, chosen)
    assert joined.tokens.tolist() == [0, 50, 51, 51, 51, *WORDS[2], 2]
    assert joined.positions.tolist() == [1, 2, 3, 4]
    assert joined.log_probs.tolist() == [-1, -10, -20, -30]
    assert (joined.masked, joined.kept) == (2, 1)


@given(count=st.integers(0, 30), seed=st.integers(0, 99))
def test_halves_hold_every_word_once(count, seed):
    writer = Writer(seed)
    sample = tagged_of([writer.word("en") for _ in range(count)])
    first, second = split(sample)
    assert [*first.starts, *second.starts] == sample.word_starts.tolist()
    assert len(first.starts) == count // 2
    assert len(first.widths) == len(first.begins) == count // 2


def test_one_part_is_what_was_made_of_it():
    sample = pair_of(FIRST, SECOND)
    (part,) = split(sample, is_cross=False)
    one = filled(part, [1, 2], token=50, masked=2)
    assert join(TABLE, sample, [one]) is one


def test_a_part_longer_than_the_model_reads_has_nothing_to_mask():
    sample = pair_of(FIRST, [*SECOND, *SECOND])
    assert starts_of(split(sample, longest=8)) == [[1, 2], [1, 3, 4, 6]]
    assert starts_of(split(sample, longest=7)) == [[1, 2], []]
    assert starts_of(split(sample, longest=4)) == [[], []]
    (part,) = split(sample, is_cross=False, longest=12)
    assert part.starts.tolist() == []
    assert part.widths.tolist() == part.begins.tolist() == []
    assert part.tokens.tolist() == sample.tokens.tolist()
    (part,) = split(sample, is_cross=False, longest=13)
    assert len(part.starts) == 6


def test_halves_of_a_sentence_longer_than_the_model_reads_have_nothing_to_mask():
    sample = tagged_of(WORDS)
    length = len(sample.tokens)
    assert starts_of(split(sample, longest=length - 1)) == [[], []]
    assert starts_of(split(sample, longest=length)) == [[1, 2], [5, 7, 8]]
