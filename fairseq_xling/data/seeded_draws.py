"""The first number of numpy's default generator, for many seeds at once.

``default_rng((*key, row)).random()`` makes generators, a row each. Here the same
numbers are computed for all rows together, by the algorithms that numpy documents:
``SeedSequence`` (O'Neill's ``seed_seq``) and ``PCG64`` with its output XSL-RR.
"""

from functools import lru_cache
from typing import List, Sequence, Tuple

import numpy as np

# Of the hash that fills the pool, and of the one that reads it.
FILL = 0x43B0D7E5, 0x931E8875
READ = 0x8B51F9DD, 0x58F38DED
# As arrays, with which numpy computes faster than with single numbers.
MIX_OLD, MIX_NEW = np.array([[0xCA01F9DD], [0x4973F715]], np.uint32)
HALF = np.array([16], np.uint32)
POOL = 4
# Into which words of the pool each of them is mixed, and any further one.
EVERY = np.arange(POOL)
OTHERS = [np.delete(EVERY, place) for place in EVERY] + [EVERY]
PCG_STEP = 0x2360ED051FC65DA44385DF649FCCF645
BITS_64, BITS_128 = (1 << 64) - 1, (1 << 128) - 1


def first_draws(key: Sequence[int], rows: np.ndarray) -> np.ndarray:
    """``default_rng((*key, row)).random()`` of each row.

    Args:
        key: numbers of 0 or more.
        rows: from 0 to below 2 ** 32, ``(rows,)``.

    Returns:
        float64 ``(rows,)`` in ``[0, 1)``.
    """
    words = [word for number in key for word in words_of(number)]
    entropy = np.zeros((max(len(words) + 1, POOL), len(rows)), np.uint32)
    entropy[: len(words)] = np.array(words, np.uint32)[:, None]
    entropy[len(words)] = rows
    start, increment = pcg_seeds(fill_pool(entropy))
    state = (start + increment) * PCG_STEP + increment & BITS_128
    state = state * PCG_STEP + increment & BITS_128
    folded = ((state >> 64 ^ state) & BITS_64).astype(np.uint64)
    turn = (state >> 122).astype(np.uint64)
    turned = folded >> turn | folded << (-turn & np.uint64(63))
    return (turned >> np.uint64(11)) * 2.0**-53


def words_of(number: int) -> List[int]:
    """A number's 32-bit words, the lowest first; at least one."""
    count = max(1, -(-number.bit_length() // 32))
    return [number >> 32 * place & 0xFFFFFFFF for place in range(count)]


def hashed(values: np.ndarray, constants: np.ndarray) -> np.ndarray:
    """Hash values, each by its constant and the next one.

    Args:
        values: ``(values, rows)``, or one for all constants, ``(rows,)``.
        constants: ``(values + 1, 1)``.
    """
    values = (values ^ constants[:-1]) * constants[1:]
    return values ^ values >> HALF


@lru_cache(maxsize=None)
def hash_constants(start: int, step: int, count: int) -> np.ndarray:
    """The constants of ``count`` hashes, ``(count + 1, 1)``."""
    found = [start]
    for _ in range(count):
        found.append(found[-1] * step & 0xFFFFFFFF)
    return np.array(found, np.uint32)[:, None]


def fill_pool(entropy: np.ndarray) -> np.ndarray:
    """Four words that depend on all of the entropy, ``(4, rows)``.

    Args:
        entropy: at least four words, ``(words, rows)``.
    """
    constants = hash_constants(*FILL, POOL * len(entropy))
    pool = hashed(entropy[:POOL], constants[: POOL + 1])
    used = POOL
    # First the pool's words are mixed into one another, then what is over into all.
    for place, word in enumerate(entropy):
        others = OTHERS[min(place, POOL)]
        source = pool[place] if place < POOL else word
        new = hashed(source, constants[used : used + len(others) + 1])
        mixed = MIX_OLD * pool[others] - MIX_NEW * new
        pool[others] = mixed ^ mixed >> HALF
        used += len(others)
    return pool


def pcg_seeds(pool: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
    """Starting state and increment of 128 bits, as Python's integers ``(rows,)``."""
    words = hashed(np.concatenate([pool, pool]), hash_constants(*READ, 2 * POOL))
    halves = words[::2] | words[1::2].astype(np.uint64) << np.uint64(32)
    high, low, increment_high, increment_low = halves.astype(object)
    increment = (increment_high << 64 | increment_low) << 1 | 1
    return high << 64 | low, increment & BITS_128
