"""Batches of questions with windows of their passages, and the answers' places."""

from typing import Any, Dict, List, Optional, Tuple

import numpy as np
import torch
from torch import Tensor

from fairseq_xling.data.sequences import cut_pair, first_length
from fairseq_xling.data.stream_files import values_of
from fairseq_xling.data.streams import Streams
from fairseq_xling.data.window_dataset import WindowDataset
from fairseq_xling.data.windows import (
    Span,
    Window,
    WindowIndex,
    holds,
    paired_window,
    strided_windows,
)
from fairseq_xling.errors import UserError


class SpanDataset(WindowDataset):
    """Questions about passages, which are read in overlapping windows.

    Args:
        split: its name; batches carry it.
        doc_stride: tokens from one window's beginning to that of the next.
        max_question_length: longer questions are cut to this many tokens.
        separators: how many ``</s>`` stand between question and passage.
        given, others: as :class:`WindowDataset`.
    """

    def __init__(
        self, *given: Any, split: str, doc_stride: int, max_question_length: int,
        separators: int = 2, **others: Any,
    ) -> None:  # fmt: skip
        self.split = split
        self.doc_stride = doc_stride
        # <s>, those between question and passage, and the </s> at the end.
        self.specials = separators + 2
        # Room for one token of the passage stays in any case.
        room = others["max_length"] - self.specials - 1
        self.max_question_length = min(max_question_length, max(room, 0))
        super().__init__(*given, **others)

    def cut(self, streams: Streams) -> WindowIndex:
        """Windows by stride; positions count from the passage's first token.

        Raises:
            UserError: the stride leaves tokens out between two windows.
        """
        contexts = values_of(streams.context_length).astype(np.int64)
        questions = np.asarray(streams.input.sizes) - contexts - self.specials
        kept = np.minimum(questions, self.max_question_length)
        capacities = self.max_length - self.specials - kept
        many = contexts > capacities
        least = int(capacities[many].min(initial=self.max_length))
        if many.any() and least < self.doc_stride:
            raise UserError(
                f"--doc-stride {self.doc_stride}: over the {least} tokens that "
                f"--max-positions {self.max_length} leaves for a passage "
                "beside a long question; lower it, or --max-question-length"
            )
        return strided_windows(contexts, capacities, self.doc_stride)

    def answers_in_no_window(self, streams: Streams) -> int:
        """How many answers no window holds as a whole."""
        part = next(i for i, one in enumerate(self.streams) if one is streams)
        rows, begin, end = (column[self.part == part] for column in self.windows)
        span: Any = streams.span
        answered = np.asarray(span.sizes) > 0
        # Where each passage begins in its sequence.
        sizes = np.asarray(streams.input.sizes, np.int64)
        before = sizes - 1 - values_of(streams.context_length)
        places = np.zeros((len(streams), 2), np.int64)
        places[answered] = values_of(span).reshape(-1, 2) - before[answered, None]
        first, last = places[rows].T
        held = np.zeros(len(streams), bool)
        held[rows[(begin <= first) & (last < end)]] = True
        return int((answered & ~held).sum())

    def window_sample(self, streams: Streams, window: int) -> Dict[str, Any]:
        """One window with the answer's place, and the window of the source that fits.

        ``span`` is the answer's first and last token in the window's sequence, both 0
        (``<s>``) where the window does not hold it, as for BERT.
        """
        row, begin, end = (int(column[window]) for column in self.windows)
        here = (begin, end)
        tokens = streams.input[row]
        size = int(streams.context_length[row][0])  # type: ignore[index]
        question = len(tokens) - size - self.specials
        answer = in_context(streams.span, row, question + self.specials - 1)
        sequence, before = self._framed(tokens, question, here)
        source, source_span = self._source(streams, row, here, size, answer)
        back = self._fitting(streams.backtranslation, row, here, size, answer, None)
        return {
            "input": sequence,
            "span": placed(answer, here, before),
            "context": (before, begin, end),
            "source": source,
            "source_span": source_span,
            "backtranslation": None if back is None else self._framed(*back[:3])[0],
        }

    def _source(
        self, streams: Streams, row: int, here: Window, size: int, answer: Span
    ):
        if streams.source is None or streams.source.sizes[row] == 0:
            return None, None
        source_answer: Span = None
        if streams.source_span is not None and len(streams.source_span[row]):
            first, last = streams.source_span[row].tolist()
            source_answer = (first, last)
        tokens, question, window, shift = self._fitting(  # type: ignore[misc]
            streams.source, row, here, size, answer, source_answer
        )
        sequence, before = self._framed(tokens, question, window)
        if source_answer is None:
            return sequence, None
        shifted = (source_answer[0] - shift, source_answer[1] - shift)
        return sequence, placed(shifted, window, before)

    def _fitting(
        self, stream, row: int, here: Window, size: int, answer: Span, place: Span
    ) -> Optional[Tuple[Tensor, int, Window, int]]:
        """A counterpart's tokens, question length, fitting window and passage start."""
        if stream is None or stream.sizes[row] == 0:
            return None
        tokens = stream[row]
        question = first_length(tokens, self.eos)
        shift = question + self.specials - 1
        length = len(tokens) - question - self.specials
        kept = min(question, self.max_question_length)
        capacity = self.max_length - self.specials - kept
        stride = min(self.doc_stride, capacity)
        index = strided_windows(np.array([length]), np.array([capacity]), stride)
        windows = list(zip(index.begin.tolist(), index.end.tolist()))
        relative = None if place is None else (place[0] - shift, place[1] - shift)
        chosen = paired_window(here, size, windows, length, answer, relative)
        return tokens, question, windows[chosen], shift

    def _framed(
        self, tokens: Tensor, question: int, window: Window
    ) -> Tuple[Tensor, int]:
        """The window's sequence, and how many tokens stand before its passage."""
        kept = min(question, self.max_question_length)
        sequence = cut_pair(tokens, question, kept, window, self.specials - 2)
        return sequence, kept + self.specials - 1

    def collate_targets(self, samples: List[Dict[str, Any]]) -> Dict[str, Any]:
        """Where answers stand.

        Returns:
            ``span`` ``(batch, 2)``; ``source_span`` ``(pairs, 2)``, and bool
            ``(pairs,)`` ``has_source_span``, false where it is unknown; ``context``
            ``(batch, 3)`` on the CPU: tokens before the passage, and the window's
            tokens of it, begin and end; ``split``.
        """
        pairs = [sample for sample in samples if sample["source"] is not None]
        spans = [sample["source_span"] for sample in pairs]
        return {
            "span": torch.tensor([sample["span"] for sample in samples]),
            "source_span": torch.tensor([span or (0, 0) for span in spans]),
            "has_source_span": torch.tensor([span is not None for span in spans]),
            "context": np.array([sample["context"] for sample in samples]),
            "split": self.split,
        }


def in_context(stream, row: int, before: int) -> Span:
    """A row's answer, counted from the passage's first token; None where unknown."""
    if stream is None or stream.sizes[row] == 0:
        return None
    first, last = (stream[row] - before).tolist()
    return first, last


def placed(span: Span, window: Window, before: int) -> Tuple[int, int]:
    """A span of the passage in a window's sequence; ``<s>`` if it is not held."""
    if span is None or not holds(window, span):
        return 0, 0
    return span[0] - window[0] + before, span[1] - window[0] + before
