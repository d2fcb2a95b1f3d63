"""Long sequences in parts: which tokens each window holds, and which windows pair up.

Positions count the tokens of a sequence's body: the passage of a question, or a
sentence without ``<s>`` and ``</s>``.
"""

from typing import List, NamedTuple, Optional, Sequence, Tuple

import numpy as np

Window = Tuple[int, int]
Span = Optional[Tuple[int, int]]


class WindowIndex(NamedTuple):
    """The windows of many sequences, in their order; arrays ``(windows,)``.

    Attributes:
        row: the sequence.
        begin, end: its tokens ``begin:end``.
    """

    row: np.ndarray
    begin: np.ndarray
    end: np.ndarray


def strided_windows(
    lengths: np.ndarray, capacities: np.ndarray, stride: int
) -> WindowIndex:
    """Overlapping windows: one every ``stride`` tokens until all tokens are covered.

    Args:
        lengths: tokens of each sequence, ``(rows,)``.
        capacities: tokens that a window of each sequence may hold, ``(rows,)``.
        stride: from the beginning of one window to that of the next.

    Source: BERT's reading of SQuAD (Devlin et al. 2019), as XTREME has it.
    """
    surplus = np.maximum(lengths - capacities, 0)
    counts = 1 + -(-surplus // stride)
    row = np.repeat(np.arange(len(lengths)), counts)
    firsts = np.cumsum(counts) - counts
    begin = (np.arange(len(row)) - firsts[row]) * stride
    end = np.minimum(begin + capacities[row], lengths[row])
    return WindowIndex(row, begin, end)


def word_windows(starts: Sequence[int], length: int, capacity: int) -> List[Window]:
    """Windows that do not overlap and begin with words, each as long as it may be.

    A word of more tokens than a window holds begins a window and loses its last tokens.

    Args:
        starts: first token of each word, ascending.
        length: tokens of the sequence.
        capacity: tokens that a window may hold.
    """
    bounds = [*starts, length]
    windows: List[Window] = []
    first = 0
    for word in range(len(starts)):
        is_last = word + 1 == len(starts)
        if is_last or bounds[word + 2] - bounds[first] > capacity:
            begin = bounds[first]
            windows.append((begin, min(bounds[word + 1], begin + capacity)))
            first = word + 1
    return windows


def paired_window(
    window: Window,
    length: int,
    candidates: Sequence[Window],
    candidate_length: int,
    answer: Span = None,
    candidate_answer: Span = None,
) -> int:
    """Which window of the counterpart goes with a window.

    Where the window holds its answer as a whole, and a window of the counterpart holds
    the counterpart's, it is that one; of several, the one whose middle is nearest to
    the answer's. Else it is the window whose middle stands nearest to the same place,
    relative to the length of the sequence. The first of equals is taken.

    Args:
        window: the window.
        length: tokens of its sequence.
        candidates: the counterpart's windows.
        candidate_length: tokens of the counterpart.
        answer, candidate_answer: first and last token of each one's answer, if any.

    Returns:
        an index of ``candidates``.
    """
    if holds(window, answer) and candidate_answer is not None:
        held = [i for i, c in enumerate(candidates) if holds(c, candidate_answer)]
        if held:
            middle = sum(candidate_answer) + 1
            return min(held, key=lambda i: abs(sum(candidates[i]) - middle))
    # Times both lengths, so that equal distances are equal numbers.
    place = sum(window) * max(candidate_length, 1)
    distances = [abs(sum(c) * max(length, 1) - place) for c in candidates]
    return distances.index(min(distances))


def holds(window: Window, span: Span) -> bool:
    """Whether a window holds a span (first and last token) as a whole."""
    return span is not None and window[0] <= span[0] and span[1] < window[1]
