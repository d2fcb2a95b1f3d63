"""Translations made worse on purpose: words dropped, or neighbours swapped."""

from typing import List, Optional

import numpy as np

from fairseq_xling.errors import UserError
from fairseq_xling.multimix.pieces import PieceTable, find_units

NOISES = ("drop", "swap")


def add_noise(
    table: PieceTable,
    tokens: np.ndarray,
    noise: str,
    rate: float,
    generator: np.random.Generator,
    word_starts: Optional[np.ndarray] = None,
) -> np.ndarray:
    """Drop words, or swap words with the next one of the same sentence.

    Args:
        table: what the dictionary's pieces are to words.
        tokens: a sequence with its specials, ``(len,)``.
        noise: ``"drop"`` or ``"swap"``.
        rate: the probability that a word is dropped, or is swapped with the next one
            where it was not with the one before. A sequence keeps one word at least.
        generator: what decides.
        word_starts: where the words begin, if that is known.

    Returns:
        the changed sequence, specials as they were.
    """
    starts, sizes, _ = find_units(table, tokens, word_starts, "word")
    words = [tokens[start : start + size] for start, size in zip(starts, sizes)]
    draws = generator.random(len(words))
    if noise == "drop":
        kept = draws >= rate
        if len(words) and not kept.any():
            kept[draws.argmax()] = True
        words = [word if keep else word[:0] for word, keep in zip(words, kept)]
    else:
        i = 0
        while i + 1 < len(words):
            are_neighbours = starts[i] + sizes[i] == starts[i + 1]
            if are_neighbours and draws[i] < rate:
                words[i], words[i + 1] = words[i + 1], words[i]
                i += 1
            i += 1
    parts: List[np.ndarray] = []
    end = 0
    for start, size, word in zip(starts, sizes, words):
        parts += [tokens[end:start], word]
        end = start + size
    return np.concatenate([*parts, tokens[end:]])


def check_rates(rates: List[float]) -> List[float]:
    """Rates in percent, ascending, each once."""
    for rate in rates:
        if not 0 < rate <= 100:
            raise UserError(f"--noise-rates {rate:g}: give percent, above 0 to 100")
    return sorted(set(rates))
