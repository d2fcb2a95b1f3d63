"""From the scores of tokens to the best answers, as for SQuAD 1.1."""

from typing import List, NamedTuple, Sequence

import numpy as np


class Answer(NamedTuple):
    """An answer: the passage's characters ``begin:end``, with its probability."""

    text: str
    begin: int
    end: int
    probability: float


class WindowScores(NamedTuple):
    """Scores of one window of a passage.

    Attributes:
        begin: the window's first token in the passage.
        scores: that a token is the answer's first, and its last: ``(tokens, 2)``.
    """

    begin: int
    scores: np.ndarray


def best_answers(
    windows: Sequence[WindowScores],
    context: str,
    offsets: np.ndarray,
    count: int = 20,
    max_length: int = 30,
) -> List[Answer]:
    """The best answers of a passage that is read in windows.

    A span's score is that of its first token as a first one plus that of its last token
    as a last one; spans begin in the window that holds the most context around their
    first token, have at most ``max_length`` tokens and at least one visible character.
    Of spans with the same text the best counts. There is always an answer, as SQuAD 1.1
    has no unanswerable questions: where no span is left, the empty text.

    Args:
        windows: all windows of the passage, in order.
        context: the passage.
        offsets: first character and the one after the last of each token of the
            passage, ``(tokens, 2)``.
        count: how many answers.
        max_length: tokens of the longest answer.

    Returns:
        at most ``count`` answers, best first; their probabilities sum to 1.

    Source: BERT's reading of SQuAD 1.1 (Devlin et al. 2019).
    """
    owner = most_context([(w.begin, w.begin + len(w.scores)) for w in windows])
    found = []
    for number, window in enumerate(windows):
        size = len(window.scores)
        if size == 0:
            continue
        # Row i, column j: the span of tokens i to i + j.
        width = min(max_length, size)
        ends = np.append(window.scores[:, 1], np.full(width - 1, -np.inf))
        spans = window.scores[:, :1] + np.lib.stride_tricks.sliding_window_view(
            ends, width
        )
        spans[owner[window.begin : window.begin + size] != number] = -np.inf
        flat = spans.ravel()
        # More than asked for, as some may have the same text or none.
        candidates = min(len(flat), 3 * count)
        for index in np.argpartition(-flat, candidates - 1)[:candidates]:
            if np.isfinite(flat[index]):
                first = window.begin + int(index) // width
                found.append((float(flat[index]), first, first + int(index) % width))
    found.sort(key=lambda span: (-span[0], span[1:]))
    answers: List[tuple] = []
    texts = set()
    for score, first, last in found:
        begin, end = int(offsets[first, 0]), int(offsets[last, 1])
        text = context[begin:end].rstrip()
        if text and text not in texts and len(answers) < count:
            texts.add(text)
            answers.append((score, text, begin, begin + len(text)))
    if not answers:
        return [Answer("", 0, 0, 1.0)]
    scores = np.array([answer[0] for answer in answers])
    weights = np.exp(scores - scores.max())
    weights /= weights.sum()
    return [Answer(*a[1:], float(p)) for a, p in zip(answers, weights)]


def most_context(windows: Sequence[tuple]) -> np.ndarray:
    """Which window holds the most context around each token.

    The context is the smaller number of tokens before and after it in the window; of
    windows with the same the longer one counts, then the first.

    Args:
        windows: begin and end of each, in order, without gaps.

    Returns:
        indices of windows, ``(tokens,)``.
    """
    tokens = np.arange(max(end for _, end in windows))
    context = [
        np.where(
            (tokens >= begin) & (tokens < end),
            np.minimum(tokens - begin, end - 1 - tokens) + 0.01 * (end - begin),
            -1.0,
        )
        for begin, end in windows
    ]
    return np.argmax(np.stack(context), axis=0)
