"""How many words are masked, which ones, and in which order."""

import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairseq_xling.multimix.masked_words import (
    choose_units,
    count_masked,
    sample_generator,
)


@pytest.mark.parametrize("percentage", range(101))
def test_the_number_of_masked_words_is_the_rounded_down_share_but_one_at_least(
    percentage,
):
    for words in range(1, 129):
        share = words * percentage // 100
        assert count_masked(words, percentage) == (max(1, share) if percentage else 0)


@given(words=st.integers(1, 128), hundredths=st.integers(1, 10000))
def test_a_percentage_may_have_decimals(words, hundredths):
    share = words * hundredths // 10000
    assert count_masked(words, hundredths / 100) == max(1, share)


@pytest.mark.parametrize("percentage", [0, 0.0, 1e-9, 30, 100])
def test_of_no_words_none_is_masked(percentage):
    assert count_masked(0, percentage) == 0


def draw(seed=1, stream="train.en", row=0):
    return sample_generator(seed, stream, row).random(4).tolist()


def test_random_numbers_are_those_of_seed_stream_and_row():
    for seed, stream, row in ((0, "train.en", 0), (7, "valid.zh", 12), (-1, "é", 3)):
        numbers = [seed % 2**32, zlib.crc32(stream.encode("utf-8")), row]
        expected = np.random.default_rng(numbers).random(4).tolist()
        assert draw(seed, stream, row) == expected == draw(seed, stream, row)


def test_another_seed_stream_or_row_gives_other_numbers():
    drawn = [
        draw(),
        draw(seed=2),
        draw(seed=-1),
        draw(row=1),
        draw(stream="train.de"),
        draw(stream="valid.en"),
    ]
    assert len({tuple(numbers) for numbers in drawn}) == len(drawn)


@given(
    widths=st.lists(st.integers(1, 5), max_size=40),
    percentage=st.floats(0, 100),
    variants=st.integers(1, 4),
    row=st.integers(0, 99),
)
def test_words_are_chosen_afresh_for_every_variant(widths, percentage, variants, row):
    widths = np.array(widths, np.int64)
    choices = choose_units(
        sample_generator(1, "train.en", row), widths, percentage, variants
    )
    random = sample_generator(1, "train.en", row)
    count = count_masked(len(widths), percentage)
    assert len(choices) == variants
    for chosen, drawn in choices:
        units = random.permutation(len(widths))[:count]
        uniforms = random.random(int(widths[units].sum()))
        assert chosen.tolist() == units.tolist()
        assert drawn.tolist() == uniforms.tolist()
        assert len(set(units.tolist())) == count


def test_every_word_is_as_likely_and_as_early_as_any_other():
    chosen, first, rows = np.zeros(10), np.zeros(10), 4000
    for row in range(rows):
        ((units, _),) = choose_units(
            sample_generator(3, "train.en", row), np.ones(10, np.int64), 30, 1
        )
        chosen[units] += 1
        first[units[0]] += 1
    # Five standard deviations.
    assert chosen == pytest.approx(0.3 * rows, abs=5 * (rows * 0.21) ** 0.5)
    assert first == pytest.approx(0.1 * rows, abs=5 * (rows * 0.09) ** 0.5)


def test_more_variants_begin_with_the_same_ones():
    widths = np.array([1, 3, 2, 1, 1, 4])
    few, many = (
        choose_units(sample_generator(1, "train.en", 5), widths, 50, count)
        for count in (3, 5)
    )
    few, many = ([[x.tolist() for x in one] for one in made] for made in (few, many))
    assert few == many[:3]
    assert len({tuple(units) for units, _ in many}) > 1
