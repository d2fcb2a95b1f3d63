"""Paired bootstrap: how certain is the difference between two systems?"""

from dataclasses import dataclass
from typing import Dict, List

import numpy as np

# Resamples computed at once; bounds memory, not the result.
BLOCK = 500


@dataclass
class Difference:
    """A difference of accuracies, in percentage points, with its uncertainty.

    Attributes:
        value: second system minus first.
        low, high: bounds of the 95 percent confidence interval.
        p_value: two-sided; twice the share of resamples that do not have the sign of
            the difference, the observed rows counted as one of them, so that it is
            never 0: with S resamples at least 2 / (S + 1).
    """

    value: float
    low: float
    high: float
    p_value: float


def paired_bootstrap(
    first: Dict[str, np.ndarray],
    second: Dict[str, np.ndarray],
    samples: int = 10000,
    seed: int = 1,
) -> Dict[str, Difference]:
    """Compare two systems on the same rows.

    Rows are drawn with replacement, the same for both systems. Where all languages have
    the same number of rows, these are taken to be translations of each other and drawn
    together; else each language is drawn by itself.

    Args:
        first, second: whether each row is right, bool ``(rows,)``, by language.
        samples: number of resamples.
        seed: of the resampling.

    Returns:
        the difference of each language, and of the average over languages under
        ``"average"``.

    Raises:
        ValueError: the systems' languages or rows differ, or there is none to draw.

    Source: Koehn 2004, "Statistical significance tests for machine translation
    evaluation".
    """
    shapes = [{lang: np.shape(x) for lang, x in one.items()} for one in (first, second)]
    if shapes[0] != shapes[1] or not shapes[0] or (0,) in shapes[0].values():
        raise ValueError(f"not the same rows: {shapes[0]} and {shapes[1]}")
    if samples < 1:
        raise ValueError(f"{samples} resamples")
    langs = list(first)
    differences = [second[x].astype(np.int8) - first[x].astype(np.int8) for x in langs]
    resampled = _resample(differences, samples, np.random.default_rng(seed))
    observed = np.array([100 * difference.mean() for difference in differences])
    result = {
        lang: _describe(observed[i], resampled[:, i]) for i, lang in enumerate(langs)
    }
    result["average"] = _describe(observed.mean(), resampled.mean(axis=1))
    return result


def _resample(
    differences: List[np.ndarray], samples: int, generator: np.random.Generator
) -> np.ndarray:
    """Mean differences in percentage points, ``(samples, languages)``."""
    groups = [difference[:, None] for difference in differences]
    if len({len(group) for group in groups}) == 1:
        groups = [np.concatenate(groups, axis=1)]
    columns = []
    for group in groups:
        rows = len(group)
        # Rows whose differences are alike in every language are interchangeable, so it
        # is enough to draw how often each kind comes up: same law, far fewer kinds.
        kinds, counts = np.unique(group, axis=0, return_counts=True)
        blocks = []
        for start in range(0, samples, BLOCK):
            size = min(BLOCK, samples - start)
            draws = generator.multinomial(rows, counts / rows, size=size)
            blocks.append(100 * (draws @ kinds.astype(float)) / rows)
        columns.append(np.concatenate(blocks))
    return np.concatenate(columns, axis=1)


def _describe(value: float, resampled: np.ndarray) -> Difference:
    low, high = (float(np.percentile(resampled, share)) for share in (2.5, 97.5))
    # Resamples of either sign, ties counting as both.
    tail = min(np.count_nonzero(resampled <= 0), np.count_nonzero(resampled >= 0))
    p_value = min(1.0, 2 * (tail + 1) / (len(resampled) + 1))
    return Difference(float(value), low, high, p_value)
