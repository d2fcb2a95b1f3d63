"""The bootstrap: how certain are a score, and the difference between two systems?"""

from dataclasses import dataclass
from typing import Callable, Dict, List, Tuple

import numpy as np

# Resamples computed at once, and numbers that these draw; they bound memory, not the
# result.
BLOCK, DRAWN = 500, 10_000_000


@dataclass
class Difference:
    """A difference of scores, in percentage points, with its uncertainty.

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
        first, second: the systems' rows by language, of one of two kinds: a score from
            0 to 1 or whether the row is right, ``(rows,)``, where the mean over rows
            is compared; or counts ``(rows, 3)`` of what is correct, predicted and gold,
            where the F1 of the sums over rows is.
        samples: number of resamples.
        seed: of the resampling.

    Returns:
        the difference of each language, and of the average over languages under
        ``"average"``.

    Raises:
        ValueError: the systems' languages or rows differ, there is none to draw, or
            the rows are of another kind or of both.

    Source: Koehn 2004, "Statistical significance tests for machine translation
    evaluation".
    """
    _check_rows(first, second, samples)
    columns = [_columns(np.asarray(first[x]), np.asarray(second[x])) for x in first]
    generator = np.random.default_rng(seed)
    resampled = _resample(columns, samples, generator, _difference)
    observed = np.array([_difference(column.mean(axis=0), 1) for column in columns])
    result = {
        lang: _describe(observed[i], resampled[:, i]) for i, lang in enumerate(first)
    }
    result["average"] = _describe(observed.mean(), resampled.mean(axis=1))
    return result


def score_intervals(
    rows: Dict[str, np.ndarray], samples: int = 10000, seed: int = 1
) -> Dict[str, Tuple[float, float]]:
    """How certain are one system's scores?

    Rows are drawn as :func:`paired_bootstrap` draws them.

    Args:
        rows: the system's, by language, of either kind.
        samples: number of resamples.
        seed: of the resampling.

    Returns:
        the bounds of the 95 percent confidence interval in percent, of each language
        and of the average over languages under ``"average"``.

    Raises:
        ValueError: there is no row to draw, or the rows are of another kind or of both.
    """
    _check_rows(rows, rows, samples)
    columns = [np.asarray(one).astype(float) for one in rows.values()]
    columns = [one[:, None] if one.ndim == 1 else one for one in columns]
    resampled = _resample(columns, samples, np.random.default_rng(seed), _score)
    result = {lang: _bounds(resampled[:, i]) for i, lang in enumerate(rows)}
    result["average"] = _bounds(resampled.mean(axis=1))
    return result


def _check_rows(
    first: Dict[str, np.ndarray], second: Dict[str, np.ndarray], samples: int
) -> None:
    shapes = [{lang: np.shape(x) for lang, x in one.items()} for one in (first, second)]
    if shapes[0] != shapes[1] or any(0 in shape for shape in shapes[0].values()):
        raise ValueError(f"not the same rows: {shapes[0]} and {shapes[1]}")
    if {shape[1:] for shape in shapes[0].values()} not in ({()}, {(3,)}):
        raise ValueError(f"not the same rows: {shapes[0]}, not one score or 3 counts")
    if samples < 1:
        raise ValueError(f"{samples} resamples")


def _columns(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Numbers of each row whose sums tell the difference, ``(rows, width)``.

    They are the difference itself where a score is the mean over rows (width 1), else
    either system's counts (width 6).
    """
    first, second = first.astype(float), second.astype(float)
    if first.ndim == 1:
        return (second - first)[:, None]
    return np.concatenate([first, second], axis=1)


def _difference(sums: np.ndarray, rows: int) -> np.ndarray:
    """Second system minus first in percentage points.

    Args:
        sums: of the columns over that many rows, ``(..., width)``.
        rows: 1 if they are means.
    """
    if sums.shape[-1] == 1:
        return _score(sums, rows)
    f1 = _score(sums.reshape(*sums.shape[:-1], 2, 3), rows)
    return f1[..., 1] - f1[..., 0]


def _score(sums: np.ndarray, rows: int) -> np.ndarray:
    """A system's score in percent: the mean over rows, or F1.

    Args:
        sums: over that many rows, of scores ``(..., 1)`` or of counts ``(..., 3)``.
        rows: 1 if they are means.
    """
    if sums.shape[-1] == 1:
        return 100 * sums[..., 0] / rows
    correct, predicted, gold = np.moveaxis(sums, -1, 0)
    chunks = predicted + gold
    return 200 * correct / np.where(chunks > 0, chunks, 1)


def _resample(
    columns: List[np.ndarray],
    samples: int,
    generator: np.random.Generator,
    statistic: Callable[[np.ndarray, int], np.ndarray],
) -> np.ndarray:
    """What a statistic comes to in each resample, ``(samples, languages)``."""
    width = columns[0].shape[1]
    groups = columns
    if len({len(group) for group in groups}) == 1:
        groups = [np.concatenate(groups, axis=1)]
    resampled = []
    for group in groups:
        rows = len(group)
        # Rows whose columns are alike in every language are interchangeable, so it is
        # enough to draw how often each kind comes up: same law, far fewer kinds.
        kinds, counts = np.unique(group, axis=0, return_counts=True)
        blocks = []
        block = min(BLOCK, max(DRAWN // len(kinds), 1))
        for start in range(0, samples, block):
            size = min(block, samples - start)
            draws = generator.multinomial(rows, counts / rows, size=size)
            # Rounded, so that fractions that sum to nothing do so in any order.
            sums = np.round(draws @ kinds, 9).reshape(size, -1, width)
            blocks.append(statistic(sums, rows))
        resampled.append(np.concatenate(blocks))
    return np.concatenate(resampled, axis=1)


def _describe(value: float, resampled: np.ndarray) -> Difference:
    low, high = _bounds(resampled)
    # Resamples of either sign, ties counting as both.
    tail = min(np.count_nonzero(resampled <= 0), np.count_nonzero(resampled >= 0))
    p_value = min(1.0, 2 * (tail + 1) / (len(resampled) + 1))
    return Difference(float(value), low, high, p_value)


def _bounds(resampled: np.ndarray) -> Tuple[float, float]:
    """The middle 95 percent."""
    bounds = [float(np.percentile(resampled, share)) for share in (2.5, 97.5)]
    return bounds[0], bounds[1]
