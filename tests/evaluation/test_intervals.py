"""Confidence intervals of scores, against formulas and laws."""

import numpy as np
import pytest

from fairseq_xling.evaluation.bootstrap import paired_bootstrap, score_intervals
from fairseq_xling.families.tagging.metric import f1_from_counts


@pytest.mark.parametrize("share", [0.3, 0.8])
def test_accuracys_interval_is_near_the_normal_approximation(share):
    rows = {"a": np.arange(2000) < 2000 * share}
    low, high = score_intervals(rows)["a"]
    half = 100 * 1.96 * (share * (1 - share) / 2000) ** 0.5
    assert (low, high) == pytest.approx(
        (100 * share - half, 100 * share + half), abs=0.15
    )


def test_mean_scores_interval_is_near_the_normal_approximation():
    scores = np.random.default_rng(0).random(1500)
    low, high = score_intervals({"a": scores})["a"]
    half = 100 * 1.96 * scores.std() / 1500**0.5
    mean = 100 * scores.mean()
    assert (low, high) == pytest.approx((mean - half, mean + half), abs=0.15)


def test_average_of_languages_drawn_apart_is_more_certain():
    generator = np.random.default_rng(1)
    rows = {x: generator.random(900 + i) < 0.6 for i, x in enumerate("abcd")}
    found = score_intervals(rows)
    widths = {x: high - low for x, (low, high) in found.items()}
    assert list(found) == [*"abcd", "average"]
    assert widths["average"] == pytest.approx(widths["a"] / 2, rel=0.1)
    mean = 100 * np.mean([one.mean() for one in rows.values()])
    assert np.mean(found["average"]) == pytest.approx(mean, abs=0.15)


def test_f1s_interval_is_near_the_delta_method():
    generator = np.random.default_rng(0)
    gold = generator.integers(0, 4, 3000)
    correct = generator.binomial(gold, 0.6)
    predicted = correct + generator.integers(0, 2, 3000)
    counts = np.stack([correct, predicted, gold], axis=1)
    correct, predicted, gold = counts.sum(axis=0)
    f1 = f1_from_counts(correct, predicted, gold)
    # F1 is a ratio of sums; its spread is that of its residuals.
    residuals = 2 * counts[:, 0] - f1 / 100 * (counts[:, 1] + counts[:, 2])
    spread = 100 * residuals.std() * 3000**0.5 / (predicted + gold)
    low, high = score_intervals({"a": counts})["a"]
    want = (f1 - 1.96 * spread, f1 + 1.96 * spread)
    assert (low, high) == pytest.approx(want, abs=0.2)


def test_it_is_the_difference_to_a_system_that_is_always_wrong():
    right = {x: np.random.default_rng(3).random(200) < 0.7 for x in "ab"}
    wrong = {x: np.zeros(200, bool) for x in "ab"}
    for seed in (1, 2):
        differences = paired_bootstrap(wrong, right, 400, seed)
        found = score_intervals(right, 400, seed)
        for lang, one in differences.items():
            assert found[lang] == pytest.approx((one.low, one.high))


def test_all_right_and_nothing_to_find_are_certain():
    assert score_intervals({"a": np.ones(50, bool)}, 99)["a"] == (100, 100)
    assert score_intervals({"a": np.zeros((4, 3), int)}, 99)["a"] == (0, 0)


@pytest.mark.parametrize(
    "rows", [{"a": np.zeros((5, 2))}, {"a": np.zeros(0)}, {}, {"a": np.zeros((0, 3))}]
)
def test_other_rows_have_no_interval(rows):
    with pytest.raises(ValueError, match="not the same rows"):
        score_intervals(rows)
