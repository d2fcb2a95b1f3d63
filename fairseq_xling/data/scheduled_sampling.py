"""Scheduled sampling: the real source text, or its back-translation."""

import math
from typing import Optional, Sequence, Union

import numpy as np
from scipy.special import expit, lambertw

from fairseq_xling.data.seeded_draws import first_draws


def real_source_probability(decay: float, update: int) -> float:
    """Probability of the real source: ``k / (k + exp(i / k))``.

    Written as a logistic function, which does not overflow late in training.

    Args:
        decay: the decay constant ``k``, above 0.
        update: the update number ``i``.

    Source: X-Mixup section 4.1, eq. 6, with the inverse sigmoid decay of Bengio et
    al. 2015.
    """
    return float(expit(math.log(decay) - update / decay))


def decay_for_midpoint(update: float) -> float:
    """Return the decay constant whose probability is one half at ``update``.

    The probability is one half where ``k * log(k) = i``; Lambert's W solves it.

    Args:
        update: update number, at least 0.
    """
    return float(np.exp(lambertw(update).real))


def run_length(
    max_update: int, max_epoch: int, update_freq: Sequence[int], batches: Optional[int]
) -> Optional[int]:
    """Number of updates of a training run; None where it has no end.

    Args:
        max_update: as fairseq's ``--max-update``; 0 for no limit.
        max_epoch: as fairseq's ``--max-epoch``; 0 for no limit.
        update_freq: batches an update, by epoch; the last holds for later epochs.
        batches: batches an epoch of one worker, where known.
    """
    lengths = [max_update] if max_update > 0 else []
    if max_epoch > 0 and batches is not None:
        frequencies = list(update_freq) + [update_freq[-1]] * max_epoch
        lengths.append(sum(math.ceil(batches / f) for f in frequencies[:max_epoch]))
    return min(lengths) if lengths else None


def uniform_draws(
    seed: int,
    update: int,
    rows: Union[Sequence[int], np.ndarray],
    unit: str = "instance",
) -> np.ndarray:
    """Draw a uniform number for every row of a batch.

    A draw depends on the seed, the update and the row alone: not on the number of
    loader workers or processes, on batching, or on what was drawn before a restart.

    Args:
        seed: the run's seed.
        update: the update number.
        rows: row numbers in the data set.
        unit: ``"instance"`` for one draw a row, ``"batch"`` for one an update.

    Returns:
        float64 ``(len(rows),)`` in ``[0, 1)``.

    Source: X-Mixup section 4.1, eq. 6.
    """
    if unit == "batch":
        return np.full(len(rows), np.random.default_rng((seed, update)).random())
    return first_draws((seed, update), np.asarray(rows))
