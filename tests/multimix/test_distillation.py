"""Selection by confidence, by clustering and by agreement, against plain loops."""

import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from refusals import refused

from fairseq_xling.multimix.distillation import (
    agree,
    goodness,
    score,
    select_clustered,
    select_confident,
)
from fairseq_xling.multimix.pool_predictions import open_predictions, write_predictions

WORDS = st.lists(st.lists(st.floats(0.01, 1), min_size=3, max_size=3), min_size=1)


@given(WORDS)
def test_scores_are_those_of_plain_loops(rows):
    rows = [[value / sum(row) for value in row] for row in rows]
    found = score(np.array(rows))
    best = [max(row) for row in rows]
    assert found.confidence == pytest.approx(math.fsum(best) / len(best), abs=1e-12)
    losses = [-math.log(value) for value in best]
    assert found.loss == pytest.approx(math.fsum(losses) / len(losses), abs=1e-12)


def test_a_certain_model_has_loss_zero():
    assert score(np.array([[1.0, 0.0], [0.0, 1.0]])) == (1.0, 0.0)


@given(st.lists(st.integers(0, 5), min_size=1), st.floats(0.5, 100))
def test_the_most_confident_are_those_of_a_plain_sort(confidence, percent):
    count = max(1, math.floor(len(confidence) * percent / 100))
    ranked = sorted(range(len(confidence)), key=lambda i: (-confidence[i], i))
    expected = [i in ranked[:count] for i in range(len(confidence))]
    assert select_confident(np.array(confidence), percent).tolist() == expected


def test_no_samples_give_no_selection():
    assert select_confident(np.zeros(0), 50).shape == (0,)
    assert select_clustered(np.zeros((0, 1))).shape == (0,)


@pytest.mark.parametrize("percent", [0, -1, 100.5, float("nan")])
def test_wrong_percentage_is_refused(percent):
    with refused(r"--distill-factor .*: give a percentage"):
        select_confident(np.ones(3), percent)


@pytest.mark.parametrize("threshold", [-0.1, 1, float("nan")])
def test_wrong_threshold_is_refused(threshold):
    with refused(r"--posterior-threshold .*: give a value"):
        select_clustered(np.ones((3, 1)), threshold)


def two_groups(rng, features=1):
    good = rng.normal(0.1, 0.05, (300, features))
    bad = rng.normal(1.0, 0.3, (150, features))
    return np.concatenate([good, bad])


@pytest.mark.parametrize("features", [1, 2])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_two_groups_are_told_apart(seed, features):
    x = two_groups(np.random.default_rng(seed), features)
    found = goodness(x, seed)
    assert (found[:300] > 0.5).mean() > 0.97 and (found[300:] < 0.5).mean() > 0.97
    assert select_clustered(x, 0.7, seed).tolist() == (found > 0.7).tolist()


def naive_posterior(x, steps=500):
    """EM as appendix A writes it, in plain loops, from the halves of sorted losses."""
    ranked = sorted(x)
    half = len(x) // 2
    parts = [ranked[:half], ranked[half:]]
    means = [math.fsum(part) / len(part) for part in parts]
    variances = [
        math.fsum((v - m) ** 2 for v in part) / len(part)
        for part, m in zip(parts, means)
    ]
    weights = [0.5, 0.5]
    for _ in range(steps):
        shares = []
        for value in x:
            density = [
                w * math.exp(-((value - m) ** 2) / (2 * v)) / math.sqrt(2 * math.pi * v)
                for w, m, v in zip(weights, means, variances)
            ]
            shares.append([d / math.fsum(density) for d in density])
        for k in range(2):
            total = math.fsum(share[k] for share in shares)
            weights[k] = total / len(x)
            means[k] = math.fsum(s[k] * v for s, v in zip(shares, x)) / total
            squares = (s[k] * (v - means[k]) ** 2 for s, v in zip(shares, x))
            variances[k] = math.fsum(squares) / total
    return [share[0 if means[0] < means[1] else 1] for share in shares]


def test_goodness_is_that_of_the_papers_em_in_plain_loops():
    x = two_groups(np.random.default_rng(5))
    expected = naive_posterior(x[:, 0].tolist())
    found = goodness(x, seed=1)
    assert np.allclose(found, expected, rtol=0, atol=0.02)
    assert ((found > 0.5) == (np.array(expected) > 0.5)).mean() > 0.995


@settings(max_examples=15)
@given(scale=st.floats(0.01, 100), shift=st.floats(-5, 5))
def test_the_unit_of_a_feature_does_not_matter(scale, shift):
    x = two_groups(np.random.default_rng(1), 2)
    expected = goodness(x, seed=1)
    x[:, 1] = scale * x[:, 1] + shift
    assert np.allclose(goodness(x, seed=1), expected, atol=1e-6)


@pytest.mark.parametrize("losses", [[], [0.3], [0.5, 0.5], [0.0] * 40])
def test_what_cannot_be_told_apart_is_kept(losses):
    assert select_clustered(np.array(losses).reshape(-1, 1)).all()


def test_two_samples_are_told_apart():
    assert select_clustered(np.array([[2.0], [0.1]])).tolist() == [False, True]


def test_feature_that_is_no_number_is_refused():
    with refused("feature 2 of sample 3 is not a number"):
        goodness(np.array([[1, 2], [1, 2], [1, np.nan]]), seed=1)


@given(st.lists(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)))))
def test_agreement_is_that_of_plain_loops(samples):
    offsets = np.cumsum([0] + [len(sample) for sample in samples])
    flat = [pair for sample in samples for pair in sample]
    one = np.array([a for a, _ in flat], int)
    other = np.array([b for _, b in flat], int)
    expected = [all(a == b for a, b in sample) for sample in samples]
    assert agree(one, other, offsets).tolist() == expected


def noisy_model(rng, gold, classes, noise):
    """A model that errs on a share of the samples, with less confidence there."""
    wrong = rng.random(len(gold)) < noise
    labels = np.where(
        wrong, (gold + rng.integers(1, classes, len(gold))) % classes, gold
    )
    confidence = np.where(
        wrong, rng.beta(4, 3, len(gold)), rng.beta(9, 1, len(gold))
    ).clip(0.34, 0.9999)
    return labels, confidence


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_planted_noise_falls_with_every_selection(seed, capsys):
    rng = np.random.default_rng(seed)
    gold = rng.integers(0, 3, 4000)
    models = [noisy_model(rng, gold, 3, 0.3) for _ in range(2)]
    offsets = np.arange(len(gold) + 1)
    same = agree(models[0][0], models[1][0], offsets)
    lines = []
    for kind in ("confidence", "clustering"):
        kept = []
        for _, confidence in models:
            if kind == "confidence":
                kept.append(select_confident(confidence, 80))
            else:
                kept.append(select_clustered(-np.log(confidence)[:, None], 0.5, seed))
        noise = [np.mean(labels != gold) for labels, _ in models]
        distilled = [
            np.mean(labels[rows] != gold[rows])
            for (labels, _), rows in zip(models, kept)
        ]
        both = kept[0] & kept[1] & same
        agreed = np.mean(models[0][0][both] != gold[both])
        lines.append(
            f"seed {seed}, {kind}: noise {noise[0]:.3f}, {noise[1]:.3f} in the pool, "
            f"{distilled[0]:.3f}, {distilled[1]:.3f} distilled, {agreed:.3f} agreed "
            f"({both.sum()} samples)"
        )
        assert all(after < before for after, before in zip(distilled, noise))
        assert agreed < min(distilled)
    with capsys.disabled():
        print("\n" + "\n".join(lines))


def predictions_peak(folder, rows, words=10):
    """Bytes that are held at most while a pool's predictions are written."""
    one = np.full((words, 3), 1 / 3)
    tracemalloc.start()
    write_predictions(folder, {}, np.full(rows, words), ((i, one) for i in range(rows)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    found = open_predictions(folder)
    assert len(found.labels) == rows * words and (found.loss > 1.09).all()
    return peak


def test_predictions_are_written_as_they_come(tmp_path):
    small, large = (predictions_peak(tmp_path / str(n), n) for n in (1000, 11_000))
    # A row's labels, confidence and loss are 36 bytes here; where they begin takes 8,
    # a few times over while they are counted.
    assert (large - small) / 10_000 < 36
