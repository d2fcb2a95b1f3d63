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
    Of spans with the same text the best counts, of equally good ones the first, then
    the shortest. There is always an answer, as SQuAD 1.1 has no unanswerable questions:
    where no span is left, the empty text.

    Args:
        windows: all windows of the passage, in order.
        offsets: first character and the one after the last of each token of the
            passage, ``(tokens, 2)``.
        count: how many answers.

    Returns:
        at most ``count`` answers, best first; their probabilities sum to 1. Where
        scores are no numbers, one without text whose probability is none either.

    Source: BERT's reading of SQuAD 1.1 (Devlin et al. 2019).
    """
    owner = most_context([(w.begin, w.begin + len(w.scores)) for w in windows])
    if not all(np.isfinite(window.scores).all() for window in windows):
        return [Answer("", 0, 0, float("nan"))]
    width = min(max_length, max(len(window.scores) for window in windows))
    # Row i, column j: the span of tokens i to i + j.
    spans = np.full((len(owner), width), -np.inf)
    for number, window in enumerate(windows):
        size = len(window.scores)
        if size:
            ends = np.append(window.scores[:, 1], np.full(width - 1, -np.inf))
            last = np.lib.stride_tricks.sliding_window_view(ends, width)
            own = owner[window.begin : window.begin + size] == number
            rows = window.begin + np.flatnonzero(own)
            spans[rows] = window.scores[own, :1] + last[own]
    flat = spans.ravel()
    answers: List[tuple] = []
    texts = set()
    for index in np.argsort(-flat, kind="stable"):
        if len(answers) == count or flat[index] == -np.inf:
            break
        first, after = divmod(int(index), width)
        begin, end = int(offsets[first, 0]), int(offsets[first + after, 1])
        text = context[begin:end].strip()
        if text and text not in texts:
            texts.add(text)
            begin = context.index(text, begin)
            answers.append((float(flat[index]), text, begin, begin + len(text)))
    if not answers:
        return [Answer("", 0, 0, 1.0)]
    scores = np.array([answer[0] for answer in answers])
    weights = np.exp(scores - scores.max())
    weights /= weights.sum()
    return [
        Answer(text, begin, end, float(weight))
        for (_, text, begin, end), weight in zip(answers, weights)
    ]


def most_context(windows: Sequence[tuple]) -> np.ndarray:
    """Which window holds the most context around each token.

    The context is the smaller number of tokens before and after it in the window, and a
    hundredth of the window's length; of windows with the same the first counts.

    Returns:
        indices of windows, ``(tokens,)``.

    Source: BERT's reading of SQuAD (Devlin et al. 2019).
    """
    tokens = np.arange(max(end for _, end in windows))
    # In hundredths, so that what is the same are equal numbers.
    context = [
        np.where(
            (tokens >= begin) & (tokens < end),
            100 * np.minimum(tokens - begin, end - 1 - tokens) + end - begin,
            -1,
        )
        for begin, end in windows
    ]
    return np.argmax(np.stack(context), axis=0)
