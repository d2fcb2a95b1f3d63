"""The paired bootstrap against loops, and its laws."""

import numpy as np
import pytest

from fairseq_xling.metrics import bootstrap
from fairseq_xling.metrics.bootstrap import paired_bootstrap


def systems(seed=0, lengths=(60, 60), gain=0.2):
    generator = np.random.default_rng(seed)
    first = {f"l{i}": generator.random(n) < 0.5 for i, n in enumerate(lengths)}
    second = {
        x: right | (generator.random(len(right)) < gain) for x, right in first.items()
    }
    return first, second


@pytest.mark.parametrize("lengths", [(30, 30), (30, 20)])
def test_resampling_equals_loops(lengths, monkeypatch):
    first, second = systems(lengths=lengths)
    monkeypatch.setattr(bootstrap, "BLOCK", 7)
    got = paired_bootstrap(first, second, samples=20, seed=3)
    generator = np.random.default_rng(3)
    joint = len(set(lengths)) == 1
    means = np.zeros((20, 2))
    for group in ([0, 1],) if joint else ([0], [1]):
        n = lengths[group[0]]
        for start in range(0, 20, 7):
            count = min(7, 20 - start)
            draws = generator.multinomial(n, np.full(n, 1 / n), size=count)
            for s in range(count):
                for lang in group:
                    total = 0.0
                    for row in range(n):
                        a, b = first[f"l{lang}"][row], second[f"l{lang}"][row]
                        total += draws[s][row] * (int(b) - int(a))
                    means[start + s, lang] = 100 * total / n
    for i in range(2):
        low, high = np.percentile(means[:, i], [2.5, 97.5])
        assert got[f"l{i}"].low == pytest.approx(low)
        assert got[f"l{i}"].high == pytest.approx(high)
    low, high = np.percentile(means.mean(axis=1), [2.5, 97.5])
    assert (got["average"].low, got["average"].high) == pytest.approx((low, high))


def test_identical_systems_do_not_differ():
    first, _ = systems()
    difference = paired_bootstrap(first, first, samples=200)["average"]
    assert (difference.value, difference.low, difference.high) == (0, 0, 0)
    assert difference.p_value == 1


def test_clear_gain_is_significant_and_a_chance_one_is_not():
    first, second = systems(lengths=(400, 400))
    clear = paired_bootstrap(first, second, samples=1000)["average"]
    assert clear.low > 0 and clear.p_value < 0.01
    _, noise = systems(seed=1, lengths=(400, 400), gain=0.0)
    chance = paired_bootstrap(first, noise, samples=1000)["average"]
    assert chance.low < 0 < chance.high and chance.p_value > 0.05


def test_swapping_the_systems_mirrors_the_result():
    first, second = systems()
    there = paired_bootstrap(first, second, samples=300)["average"]
    back = paired_bootstrap(second, first, samples=300)["average"]
    assert there.value == -back.value
    assert there.low == pytest.approx(-back.high)
    assert there.p_value == back.p_value


def test_result_follows_from_the_seed():
    first, second = systems()
    one = paired_bootstrap(first, second, samples=100, seed=1)
    assert one == paired_bootstrap(first, second, samples=100, seed=1)
    assert one != paired_bootstrap(first, second, samples=100, seed=2)


def test_interval_covers_the_truth_about_as_often_as_it_says():
    generator = np.random.default_rng(0)
    hits = 0
    for trial in range(200):
        first = {"x": generator.random(300) < 0.5}
        second = {"x": generator.random(300) < 0.6}
        found = paired_bootstrap(first, second, samples=400, seed=trial)["x"]
        hits += found.low <= 10 <= found.high
    assert 0.90 <= hits / 200 <= 0.99
