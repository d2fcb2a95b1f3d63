"""Texts and the special tokens around them, joined and split.

A sequence is ``<s> a </s>``, or of a pair ``<s> a </s> </s> b </s>`` as RoBERTa has it;
for WordPiece ``<s> a </s> b </s>``, as BERT has. Two texts have ``separators`` times
``</s>`` between them.
"""

from typing import Any, Iterable, List, NamedTuple, Tuple

import numpy as np
import torch
from torch import Tensor


class Ragged(NamedTuple):
    """Sequences of different lengths, of which some may be empty.

    Attributes:
        values: all of them, concatenated.
        lengths: of each, ``(sequences,)``.
    """

    values: np.ndarray
    lengths: np.ndarray

    @classmethod
    def of(cls, sequences: Iterable[Any]) -> "Ragged":
        """Concatenate sequences of integers."""
        parts = [np.asarray(sequence, np.int64) for sequence in sequences]
        lengths = np.array([len(part) for part in parts], np.int64)
        return cls(np.concatenate([np.zeros(0, np.int64), *parts]), lengths)

    def split(self) -> List[np.ndarray]:
        """The sequences."""
        return np.split(self.values, np.cumsum(self.lengths))[:-1]

    def take(self, kept: np.ndarray) -> "Ragged":
        """Those sequences that a bool ``(sequences,)`` marks."""
        return Ragged(self.values[np.repeat(kept, self.lengths)], self.lengths[kept])

    def spread(self, present: np.ndarray) -> "Ragged":
        """The sequences in the places of a bool ``(rows,)``, empty ones elsewhere."""
        lengths = np.zeros(len(present), np.int64)
        lengths[present] = self.lengths
        return Ragged(self.values, lengths)


def _ended(texts: Ragged, before: np.ndarray, eos: int) -> Ragged:
    """Put as many ``</s>`` before each text as ``before`` says, and one behind it."""
    values = np.full(len(texts.values) + int((before + 1).sum()), eos, np.int64)
    shifts = np.cumsum(before + 1) - 1
    values[np.arange(len(texts.values)) + np.repeat(shifts, texts.lengths)] = (
        texts.values
    )
    return Ragged(values, texts.lengths + before + 1)


def lines(texts: Ragged, eos: int) -> Ragged:
    """``a </s>`` for each text, as fairseq's language models have them."""
    return _ended(texts, np.zeros(len(texts.lengths), np.int64), eos)


def singles(texts: Ragged, bos: int, eos: int) -> Ragged:
    """``<s> a </s>`` for each text."""
    found = _ended(texts, np.ones(len(texts.lengths), np.int64), eos)
    found.values[np.cumsum(found.lengths) - found.lengths] = bos
    return found


def pairs(texts: Ragged, bos: int, eos: int, separators: int) -> Ragged:
    """``<s> a </s> </s> b </s>`` for each two texts."""
    before = np.ones(len(texts.lengths), np.int64)
    before[1::2] = separators - 1  # one more is behind the first
    values, ended = _ended(texts, before, eos)
    lengths = ended.reshape(-1, 2).sum(axis=1)
    values[np.cumsum(lengths) - lengths] = bos
    return Ragged(values, lengths)


def first_length(tokens: Any, eos: int) -> int:
    """Tokens of a sequence's first text, without specials."""
    return int((tokens == eos).nonzero()[0][0]) - 1


def join_pair(first: Any, second: Any, separators: int) -> Any:
    """Make one sequence of ``<s> a </s>`` and ``<s> b </s>``.

    Args:
        first, second: ``(len,)``, both arrays or both tensors: tokens, or what stands
            in their places. What the first has for ``</s>`` is repeated.
    """
    middle = [first[-1:]] * (separators - 1)
    concatenate = torch.cat if torch.is_tensor(first) else np.concatenate
    return concatenate([first, *middle, second[1:]])


def split_pair(tokens: Any, eos: int, separators: int) -> Tuple[Any, ...]:
    """Make ``<s> a </s>`` and ``<s> b </s>`` of a pair; a single text stays as it is.

    Args:
        tokens: ``(len,)``, an array or a tensor.
    """
    if (tokens == eos).sum() <= separators:
        return (tokens,)
    end = first_length(tokens, eos) + 1
    concatenate = torch.cat if torch.is_tensor(tokens) else np.concatenate
    second = concatenate([tokens[:1], tokens[end + separators :]])
    return tokens[: end + 1], second


def find_segments(tokens: Tensor, eos: int) -> Tensor:
    """Which text each token belongs to: 0 up to the first ``</s>``, then 1.

    Args:
        tokens: ``(rows, len)``.
    """
    ends = tokens.eq(eos).long()
    return (ends.cumsum(dim=1) - ends).clamp(max=1)


def cut_pair(
    tokens: Tensor, first: int, kept: int, part: Tuple[int, int], separators: int
) -> Tensor:
    """Keep the beginning of a pair's first text, and a part of its second.

    Args:
        tokens: ``(len,)``.
        kept: how many of them are kept.
        part: first token of the second text that is kept, and the one after the last.
    """
    start = 1 + first + separators
    second = tokens[start + part[0] : start + part[1]]
    middle = tokens[1 + first : start]
    return torch.cat([tokens[: 1 + kept], middle, second, tokens[-1:]])


def truncated_lengths(first: int, second: int, budget: int) -> Tuple[int, int]:
    """Lengths after removing tokens one by one from the longer text.

    Where both are equally long the second one loses the token, as in the truncation
    that XTREME's baselines use.
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
    """Shorten a pair to ``max_length`` tokens, the longer text first.

    Args:
        tokens: ``(len,)``.

    Returns:
        ``(min(len, max_length),)``; specials are kept.
    """
    if len(tokens) <= max_length:
        return tokens
    first, specials = first_length(tokens, eos), separators + 2
    lengths = first, len(tokens) - specials - first
    kept = truncated_lengths(*lengths, max_length - specials)
    return cut_pair(tokens, first, kept[0], (0, kept[1]), separators)
