"""Batches whose sources are replaced by their back-translations."""

from typing import Any, Dict

import numpy as np
import torch
import torch.nn.functional as F

from fairseq_xling.data.scheduled_sampling import (
    real_source_probability,
    uniform_draws,
)


def sample_sources(
    sample: Dict[str, Any], decay: float, update: int, seed: int, unit: str, pad: int
) -> Dict[str, Any]:
    """Replace sources by their back-translations as eq. 6 draws them.

    Args:
        sample: a batch of :class:`PairedDataset`.
        decay: the decay constant k; 0 where the source is always real.

    Returns:
        the batch with its ``source_tokens`` chosen, and their ``lengths``; in
        ``real_source_probability`` p*, and in ``source_is_real`` which source is the
        real one, bool ``(pairs,)``.

    Source: X-Mixup section 4.1, eq. 6.
    """
    back = sample.get("backtranslation")
    if back is None or decay == 0:
        return sample
    probability = real_source_probability(decay, update)
    real = sample["net_input"]["source_tokens"]
    rows = sample["rows"][: len(real)]
    drawn = uniform_draws(seed, update, rows, unit) <= probability
    # So few bytes are copied without a wait for what a GPU is at.
    keep = torch.from_numpy(drawn).to(real.device, non_blocking=True)
    keep = keep | ~sample["has_backtranslation"]
    width = max(real.size(1), back.size(1))
    real = F.pad(real, (0, width - real.size(1)), value=pad)
    back = F.pad(back, (0, width - back.size(1)), value=pad)
    chosen = torch.where(keep[:, None], real, back)
    own, of_real = np.split(sample["lengths"], [-len(drawn)])
    # Where a row has no back-translation, both are the real source's.
    of_chosen = np.where(drawn, of_real, sample["backtranslation_lengths"])
    numbers = sample["source_numbers"]
    if numbers is not None:
        numbers = np.where(drawn, numbers, sample["backtranslation_numbers"])
    return {
        **sample,
        "net_input": {**sample["net_input"], "source_tokens": chosen},
        "lengths": np.concatenate([own, of_chosen]),
        "real_source_probability": probability,
        "source_is_real": keep,
        "source_numbers": numbers,
    }
