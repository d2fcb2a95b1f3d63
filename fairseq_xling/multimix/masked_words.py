"""Which words of a sample are masked, and in which order."""

import math
import zlib
from typing import List, Tuple

import numpy as np


def count_masked(words: int, percentage: float) -> int:
    """How many of ``words`` words are masked: ``max(1, floor(words * P / 100))``.

    None where there is no word or P is 0.

    Source: MultiMix section 3.2 (P), Table 7; the minimum of one as in the authors'
    code.
    """
    if words == 0 or percentage == 0:
        return 0
    return max(1, math.floor(words * percentage / 100))


def sample_generator(seed: int, stream: str, row: int) -> np.random.Generator:
    """The random numbers of one sample, whatever else is generated beside it."""
    return np.random.default_rng([seed % 2**32, zlib.crc32(stream.encode()), row])


def choose_units(
    generator: np.random.Generator,
    masks: np.ndarray,
    percentage: float,
    variants: int,
) -> List[Tuple[np.ndarray, np.ndarray]]:
    """Choose words at random, afresh for every variant.

    Args:
        generator: the sample's own.
        masks: how many tokens are predicted for each word, ``(words,)``.
        percentage: P, from 0 to 100.
        variants: how many times to choose.

    Returns:
        of each variant, indices of the words in the order in which they are masked,
        ``(masked,)``, and for each token of theirs, in the order of prediction, a
        number in [0, 1) that sampling uses, ``(predicted,)``.

    Source: MultiMix section 3.2, "by randomly masking P% tokens each time".
    """
    masked = count_masked(len(masks), percentage)
    choices = []
    for _ in range(variants):
        units = generator.permutation(len(masks))[:masked]
        choices.append((units, generator.random(int(masks[units].sum()))))
    return choices
