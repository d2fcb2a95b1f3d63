"""Which words of a sample are masked, and in which order."""

import math
import zlib
from typing import List, NamedTuple

import numpy as np


class Choice(NamedTuple):
    """The words of one variant.

    Attributes:
        units: indices of the words in the order in which they are masked,
            ``(masked,)``.
        uniforms: for each token of theirs, in the order of prediction, a number in
            [0, 1) that sampling uses, ``(predicted,)``.
    """

    units: np.ndarray
    uniforms: np.ndarray


def count_masked(words: int, percentage: float) -> int:
    """How many of ``words`` words are masked: ``max(1, floor(words * P / 100))``.

    None where there is no word or P is 0.

    Args:
        words: of a sample, or of its part.
        percentage: P, from 0 to 100.

    Source: MultiMix section 3.2 (P), Table 7; the minimum of one as in the authors'
    code.
    """
    if words == 0 or percentage == 0:
        return 0
    return max(1, math.floor(words * percentage / 100))


def sample_generator(seed: int, stream: str, row: int) -> np.random.Generator:
    """The random numbers of one sample, whatever else is generated beside it.

    Args:
        seed: of the run.
        stream: the split and language of the sample, such as ``"train.en"``.
        row: the sample's place in it.
    """
    return np.random.default_rng([seed % 2**32, zlib.crc32(stream.encode()), row])


def choose_units(
    generator: np.random.Generator,
    masks: np.ndarray,
    percentage: float,
    variants: int,
) -> List[Choice]:
    """Choose words at random, afresh for every variant.

    Args:
        generator: the sample's own.
        masks: how many tokens are predicted for each word, ``(words,)``.
        percentage: P, from 0 to 100.
        variants: how many times to choose.

    Source: MultiMix section 3.2, "by randomly masking P% tokens each time".
    """
    masked = count_masked(len(masks), percentage)
    choices = []
    for _ in range(variants):
        units = generator.permutation(len(masks))[:masked]
        choices.append(Choice(units, generator.random(int(masks[units].sum()))))
    return choices
