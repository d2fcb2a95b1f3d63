"""Eq. 6 and its inverse sigmoid decay."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairseq_xling.data.scheduled_sampling import (
    decay_for_midpoint,
    real_source_probability,
    uniform_draws,
)


@pytest.mark.parametrize("decay", [1.0, 50.0, 1000.0, 2000.0])
@pytest.mark.parametrize("update", [0, 1, 10, 500, 5000])
def test_probability_equals_formula(decay, update):
    if update / decay < 700:
        want = decay / (decay + math.exp(update / decay))
        assert real_source_probability(decay, update) == pytest.approx(want, rel=1e-12)


def test_probability_does_not_overflow_late_in_training():
    assert real_source_probability(10.0, 10_000_000) == 0.0


def test_probability_falls_with_updates():
    values = [real_source_probability(100.0, update) for update in range(0, 3000, 50)]
    assert values == sorted(values, reverse=True)
    assert values[0] > 0.98 and values[-1] < 0.01


def test_default_decay_passes_one_half_near_update_6900():
    assert real_source_probability(1000.0, 6907) == pytest.approx(0.5, abs=1e-3)


@settings(max_examples=50)
@given(st.floats(1, 1e7))
def test_midpoint_decay_is_one_half_at_the_midpoint(update):
    decay = decay_for_midpoint(update)
    assert decay / (decay + math.exp(update / decay)) == pytest.approx(0.5, rel=1e-6)


def test_draws_do_not_depend_on_the_rest_of_the_batch():
    together = uniform_draws(1, 7, [3, 8, 5])
    apart = [uniform_draws(1, 7, [row])[0] for row in (3, 8, 5)]
    assert together.tolist() == apart


LARGE = st.integers(0, 2**70)


@settings(max_examples=100)
@given(LARGE, LARGE, st.lists(st.integers(0, 2**32 - 1), max_size=4))
def test_draws_are_those_of_numpys_generators(seed, update, rows):
    wanted = [np.random.default_rng((seed, update, row)).random() for row in rows]
    assert uniform_draws(seed, update, rows).tolist() == wanted


def test_draws_of_runs_are_those_of_numpys_generators():
    for seed in range(5):
        for update in range(0, 20000, 1999):
            rows = np.arange(update, update + 20)
            wanted = [np.random.default_rng((seed, update, r)).random() for r in rows]
            assert uniform_draws(seed, update, rows).tolist() == wanted


def test_draws_differ_between_seeds_updates_and_rows():
    draws = {
        uniform_draws(seed, update, [row])[0]
        for seed in range(3)
        for update in range(4)
        for row in range(5)
    }
    assert len(draws) == 3 * 4 * 5


def test_draws_are_uniform():
    draws = np.sort(uniform_draws(1, 2, range(4000)))
    # Kolmogorov-Smirnov distance; 1.63 / sqrt(n) is its 99 percent point.
    distance = np.abs(draws - np.arange(1, 4001) / 4000).max()
    assert distance < 1.63 / math.sqrt(4000)


def test_batch_unit_draws_once_for_the_update():
    draws = uniform_draws(1, 7, [3, 8, 5], unit="batch")
    assert len(set(draws)) == 1
    assert draws[0] == uniform_draws(1, 7, [99], unit="batch")[0]
    assert draws[0] != uniform_draws(1, 8, [99], unit="batch")[0]
