"""Several datasets, sampled so that none drowns the others."""

from typing import Sequence

import numpy as np
from fairseq.data import BaseWrapperDataset

from fairseq_xling.data.paired_dataset import PairedDataset
from fairseq_xling.option_values import check_number


def sampling_probabilities(sizes: Sequence[int], alpha: float) -> np.ndarray:
    """How probable each dataset is.

    Args:
        sizes: number of samples of each, above 0.
        alpha: the sampling factor; 1 keeps their shares, 0 makes them equal.

    Returns:
        ``(datasets,)``, which sum to 1.

    Source: MultiMix section 3.4, eq. 3.
    """
    shares = np.asarray(sizes, np.float64) / np.sum(sizes)
    powers = shares**alpha
    return powers / powers.sum()


class MixtureDataset(BaseWrapperDataset):
    """A dataset of which each epoch holds some items often and others not at all.

    An epoch has as many draws as the dataset has items. How many fall to each group is
    drawn from the multinomial distribution; within a group, no item is drawn for the
    n-th time before all were drawn n - 1 times. Seed and epoch alone decide.

    Args:
        groups: each item's group, ``(items,)``; every group has items.

    Raises:
        UserError: ``alpha`` is negative or no number.

    Source: MultiMix section 3.4, eq. 3.
    """

    dataset: PairedDataset

    def __init__(
        self, dataset: PairedDataset, groups: np.ndarray, alpha: float
    ) -> None:
        super().__init__(dataset)
        check_number("--sampling-factor", alpha)
        self.members = [np.flatnonzero(groups == g) for g in range(groups.max() + 1)]
        sizes = [len(members) for members in self.members]
        self.probabilities = sampling_probabilities(sizes, alpha)
        self.shuffle = dataset.shuffle

    def ordered_indices(self) -> np.ndarray:
        """The epoch's draws, sorted by length, in random order among equals."""
        seed = (self.dataset.seed, self.dataset.epoch, len(self.members))
        generator = np.random.default_rng(seed)
        counts = generator.multinomial(len(self.dataset), self.probabilities)
        drawn = []
        for members, count in zip(self.members, counts):
            whole, rest = divmod(int(count), len(members))
            drawn += [members] * whole
            drawn.append(generator.permutation(members)[:rest])
        order = generator.permutation(np.concatenate(drawn))
        return order[np.argsort(self.dataset.lengths[order], kind="stable")]
