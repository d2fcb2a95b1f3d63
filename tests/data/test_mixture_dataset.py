"""Eq. 3 of MultiMix against a naive version, and the draws of an epoch."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from refusals import refused

from fairseq_xling.data.mixture_dataset import MixtureDataset, sampling_probabilities
from fairseq_xling.data.paired_dataset import PairedDataset


class Items(PairedDataset):
    def __init__(self, lengths, seed=1):
        super().__init__([], [], pad=1, eos=2, max_length=9, shuffle=True, seed=seed)
        self.lengths = np.array(lengths)
        self.paired = np.zeros(len(lengths), bool)

    def __getitem__(self, index):
        return index

    def collater(self, samples):
        return samples


def mixture(sizes, alpha, seed=1, longest=9):
    groups = np.repeat(np.arange(len(sizes)), sizes)
    lengths = np.random.default_rng(0).integers(1, longest, len(groups))
    return MixtureDataset(Items(lengths, seed), groups, alpha)


@given(st.lists(st.integers(1, 10**6), min_size=1, max_size=6), st.floats(0, 2))
def test_probabilities_are_eq_3(sizes, alpha):
    shares = [size / sum(sizes) for size in sizes]
    total = math.fsum(share**alpha for share in shares)
    expected = [share**alpha / total for share in shares]
    assert sampling_probabilities(sizes, alpha) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("alpha", [0.0, 0.7, 1.0])
def test_draws_come_as_often_as_eq_3_says(alpha):
    sizes = [1000, 200, 50]
    data = mixture(sizes, alpha)
    drawn: Counter = Counter()
    epochs = 80
    for epoch in range(1, epochs + 1):
        data.set_epoch(epoch)
        groups = np.searchsorted(np.cumsum(sizes), data.ordered_indices(), side="right")
        drawn.update(groups.tolist())
    total = sum(drawn.values())
    assert total == epochs * sum(sizes) == 100_000
    for group, p in enumerate(sampling_probabilities(sizes, alpha)):
        error = math.sqrt(p * (1 - p) / total)
        assert abs(drawn[group] / total - p) <= 3 * error


def test_no_item_comes_again_before_the_others_of_its_group():
    data = mixture([30, 7, 1], 0.0)
    counts = Counter(data.ordered_indices().tolist())
    for members in data.members:
        often = [counts[item] for item in members]
        assert max(often) - min(often) <= 1


def test_an_epoch_is_drawn_by_seed_and_epoch_alone():
    one, same, other = (
        mixture([9, 9], 0.5),
        mixture([9, 9], 0.5),
        mixture([9, 9], 0.5, 2),
    )
    first = one.ordered_indices().tolist()
    assert one.ordered_indices().tolist() == first == same.ordered_indices().tolist()
    assert other.ordered_indices().tolist() != first
    one.set_epoch(2)
    assert one.ordered_indices().tolist() != first
    one.set_epoch(1)
    assert one.ordered_indices().tolist() == first


@pytest.mark.parametrize("limits", [(None, 4), (40, None)])
def test_batches_hold_every_draw_once(limits):
    data = mixture([30, 5], 0.2)
    order = data.ordered_indices()
    assert (np.diff(data.dataset.lengths[order]) >= 0).all()
    batches = data.batch_by_size(order, *limits)
    assert Counter(i for batch in batches for i in batch) == Counter(order.tolist())
    assert not data.can_reuse_epoch_itr_across_epochs


def test_negative_factor_is_refused():
    with refused("--sampling-factor -1: give 0 or more"):
        mixture([3, 2], -1.0)
