"""Correlation, projection and noise, against plain versions."""

import math

import numpy as np
import pytest
from fairseq.data import Dictionary
from hypothesis import given, settings
from hypothesis import strategies as st
from refusals import refused
from scipy.stats import permutation_test, spearmanr

from fairseq_xling.analysis.correlation import rank_correlation
from fairseq_xling.analysis.findings import without_nan
from fairseq_xling.analysis.language_maps import project
from fairseq_xling.analysis.translation_noise import NOISES, add_noise, check_rates
from fairseq_xling.multimix.pieces import PieceTable

SEEDS = st.integers(0, 2**31)


@pytest.mark.parametrize("values", [[1, 2, 3, 4, 5], [5, 3, 4, 1, 1], [2, 2, 1, 3, 9]])
def test_few_pairs_have_an_exact_p_value(values):
    x = [0.1, 0.4, 0.2, 0.9, 0.5]
    found = permutation_test(
        (x,), lambda x: spearmanr(x, values).statistic, permutation_type="pairings",
        n_resamples=np.inf,
    )  # fmt: skip
    rho, p = rank_correlation(x, values)
    assert rho == pytest.approx(spearmanr(x, values).statistic)
    # scipy doubles the smaller tail, which is the same where there are no ties.
    if len(set(values)) == 5:
        assert p == pytest.approx(found.pvalue)
    assert 0 < p <= 1


def test_a_perfect_correlation_of_few_pairs_is_not_certain():
    x = [1, 2, 3, 4, 5]
    assert rank_correlation(x, [2, 3, 4, 5, 9]) == pytest.approx((1.0, 2 / 120))
    assert rank_correlation([1, 2, 3], [3, 2, 1]) == pytest.approx((-1.0, 2 / 6))


def test_many_pairs_have_scipys_p_value():
    x, y = np.random.default_rng(0).normal(size=(2, 20))
    want = spearmanr(x, y)
    assert rank_correlation(x.tolist(), y.tolist()) == pytest.approx(
        (want.statistic, want.pvalue)
    )


@pytest.mark.parametrize("x, y", [([], []), ([1, 2], [2, 3]), ([1, 1, 1], [1, 2, 3])])
def test_there_may_be_no_correlation(x, y):
    assert all(math.isnan(value) for value in rank_correlation(x, y))


@settings(max_examples=20)
@given(SEEDS, st.integers(3, 20), st.integers(2, 6))
def test_projection_keeps_what_varies_most(seed, rows, dim):
    points = np.random.default_rng(seed).normal(2.0, 1.0, (rows, dim))
    variances = np.linalg.eigvalsh(np.cov(points.T))[::-1]
    placed, explained = project(points)
    np.testing.assert_allclose(placed.mean(axis=0), 0, atol=1e-8)
    np.testing.assert_allclose(placed.var(axis=0, ddof=1), variances[:2], atol=1e-8)
    np.testing.assert_allclose(explained, (variances / variances.sum())[:2])


@pytest.mark.parametrize("points", [np.ones((1, 3)), np.ones((4, 3)), np.ones((3, 1))])
def test_points_that_do_not_vary_are_at_the_origin(points):
    placed, explained = project(points)
    assert placed.shape == (len(points), 2)
    assert not placed.any() and not explained.any()


WORDS = [["▁a"], ["▁b", "b"], ["▁c"], ["▁d", "d", "d"], ["▁e"]]


@pytest.fixture(scope="module")
def table():
    dictionary = Dictionary()
    for piece in [piece for word in WORDS for piece in word]:
        dictionary.add_symbol(piece)
    dictionary.add_symbol("<mask>")
    return PieceTable(dictionary)


def tokens_of(table, words):
    """Words as one sequence; None is what stands between two sentences."""
    pieces = [x for word in words for x in (["</s>", "</s>"] if word is None else word)]
    return np.array([0, *(table.symbols.index(piece) for piece in pieces), 2])


def words_of(table, tokens):
    """The words of each sentence."""
    sentences = table.text(tokens[1:-1]).split("</s></s>")
    return [[word for word in one.split("▁") if word] for one in sentences]


@settings(max_examples=60)
@given(SEEDS, st.integers(1, 8), st.integers(0, 8), st.floats(0, 1))
@pytest.mark.parametrize("noise", NOISES)
def test_noise_moves_whole_words_within_sentences(table, noise, seed, one, two, rate):
    generator = np.random.default_rng(seed)
    drawn = [WORDS[i] for i in generator.integers(0, len(WORDS), one + two)]
    words = drawn[:one] + ([None, *drawn[one:]] if two else [])
    tokens = tokens_of(table, words)
    noisy = add_noise(table, tokens, noise, rate, np.random.default_rng(seed))
    before, after = words_of(table, tokens), words_of(table, noisy)
    assert len(before) == len(after) and (noisy[0], noisy[-1]) == (0, 2)
    if noise == "swap":
        assert [sorted(x) for x in before] == [sorted(x) for x in after]
        for x, y in zip(before, after):
            assert all(word in y[max(i - 1, 0) : i + 2] for i, word in enumerate(x))
    else:
        assert sum(map(len, after)) >= 1
        for x, y in zip(before, after):
            rest = iter(x)
            assert all(word in rest for word in y)


def test_noise_comes_at_its_rate(table):
    words = [WORDS[i % 5] for i in range(4000)]
    tokens = tokens_of(table, words)
    generator = np.random.default_rng(0)
    dropped = words_of(table, add_noise(table, tokens, "drop", 0.25, generator))[0]
    assert len(dropped) / 4000 == pytest.approx(0.75, abs=0.03)
    np.testing.assert_array_equal(
        add_noise(table, tokens, "swap", 0.0, generator), tokens
    )
    swapped = add_noise(table, tokens_of(table, WORDS[:4]), "swap", 1.0, generator)
    assert words_of(table, swapped) == [["bb", "a", "ddd", "c"]]
    assert (
        len(words_of(table, add_noise(table, tokens, "drop", 1.0, generator))[0]) == 1
    )


def test_rates_are_percent():
    assert check_rates([40.0, 10.0, 40.0]) == [10.0, 40.0]
    for wrong in (0.0, -1.0, 101.0, math.nan):
        with refused("above 0 to 100"):
            check_rates([10.0, wrong])


def test_numbers_that_are_none_are_null():
    found = without_nan({1: [math.nan, (1.5, math.inf)], "a": {"b": None, "c": 2}})
    assert found == {"1": [None, [1.5, None]], "a": {"b": None, "c": 2}}
