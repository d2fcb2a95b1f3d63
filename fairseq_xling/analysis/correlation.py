"""Spearman's rank correlation, with an exact p-value for few pairs."""

import itertools
import math
from typing import Sequence, Tuple

import numpy as np
from scipy.stats import rankdata, spearmanr

# Up to so many pairs all orders are looked at: 5,040 of seven.
MOST_EXACT = 7


def rank_correlation(x: Sequence[float], y: Sequence[float]) -> Tuple[float, float]:
    """Spearman's rho and its two-sided p-value.

    scipy's p-value is good for more than a few pairs only (of a perfect correlation it
    is always 0); for up to seven, it is the share of all orders of ``y`` that correlate
    as much.

    Args:
        x, y: the pairs.

    Returns:
        rho and p; NaN for fewer than three pairs, or where one side is constant.

    Source: X-Mixup Table 2.
    """
    if len(x) < 3 or len(set(x)) == 1 or len(set(y)) == 1:
        return math.nan, math.nan
    found = spearmanr(x, y)
    rho = float(found.statistic)
    if len(x) > MOST_EXACT:
        return rho, float(found.pvalue)
    ranks = [rankdata(side) - (len(x) + 1) / 2 for side in (x, y)]
    orders = np.array(list(itertools.permutations(ranks[1])))
    products = np.abs(orders @ ranks[0])
    return rho, float((products >= abs(ranks[0] @ ranks[1]) - 1e-9).mean())
