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
        p_value: two-sided probability of the opposite sign among resamples, doubled.
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

    Source: Koehn 2004, "Statistical significance tests for machine translation
    evaluation".
    """
    langs = list(first)
    differences = [second[x].astype(float) - first[x].astype(float) for x in langs]
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
    lengths = {len(difference) for difference in differences}
    groups = [np.stack(differences, 1)] if len(lengths) == 1 else differences
    columns = []
    for group in groups:
        rows = len(group)
        uniform = np.full(rows, 1 / rows)
        blocks = []
        for start in range(0, samples, BLOCK):
            count = min(BLOCK, samples - start)
            # How often each row is drawn; the mean is then a matrix product.
            draws = generator.multinomial(rows, uniform, size=count)
            blocks.append(100 * (draws @ group) / rows)
        columns.append(np.concatenate(blocks).reshape(samples, -1))
    return np.concatenate(columns, axis=1)


def _describe(value: float, resampled: np.ndarray) -> Difference:
    low, high = (float(np.percentile(resampled, share)) for share in (2.5, 97.5))
    tail = min((resampled <= 0).mean(), (resampled >= 0).mean())
    return Difference(float(value), low, high, min(1.0, 2 * float(tail)))
