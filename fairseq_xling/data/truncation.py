"""Shorten a pair of sequences to a length limit, the longer one first."""

from typing import Tuple

import torch
from torch import Tensor


def truncated_lengths(first: int, second: int, budget: int) -> Tuple[int, int]:
    """Lengths after removing tokens one by one from the longer sequence.

    Where both are equally long the second one loses the token, as in the truncation
    that XTREME's baselines use.

    Args:
        first, second: numbers of tokens.
        budget: tokens that the two may have together.
    """
    surplus = max(0, first + second - budget)
    levelled = min(surplus, abs(first - second))
    if first > second:
        first -= levelled
    else:
        second -= levelled
    surplus -= levelled
    return max(0, first - surplus // 2), max(0, second - (surplus + 1) // 2)


def truncate_pair(
    tokens: Tensor, max_length: int, eos: int, separators: int = 2
) -> Tensor:
    """Shorten ``<s> a </s> </s> b </s>`` to ``max_length`` tokens.

    Args:
        tokens: ``(len,)``.
        max_length: the limit, special tokens included.
        eos: index of ``</s>``.
        separators: how many of them stand between the two.

    Returns:
        ``(min(len, max_length),)``; specials are kept.
    """
    if len(tokens) <= max_length:
        return tokens
    end = int(tokens.eq(eos).nonzero()[0])
    first = tokens[1:end]
    second = tokens[end + separators : -1]
    specials = len(tokens) - len(first) - len(second)
    keep_first, keep_second = truncated_lengths(
        len(first), len(second), max_length - specials
    )
    return torch.cat(
        [
            tokens[:1],
            first[:keep_first],
            tokens[end : end + separators],
            second[:keep_second],
            tokens[-1:],
        ]
    )
