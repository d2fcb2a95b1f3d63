"""Batches of sentences whose words have tags, or distributions over tags."""

from typing import Any, Dict, List, Optional, Tuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from fairseq_xling.data.streams import Streams
from fairseq_xling.data.window_dataset import WindowDataset
from fairseq_xling.data.windows import WindowIndex, paired_window, word_windows


class TagDataset(WindowDataset):
    """Tagged sentences; those longer than a window are read in parts, word by word.

    Args:
        label_offset: what to subtract from a stored tag to get its class.
        given, others: as :class:`WindowDataset`.
    """

    def __init__(
        self, *given: Any, tag_count: int, label_offset: int, **others: Any
    ) -> None:
        self.tag_count = tag_count
        self.label_offset = label_offset
        super().__init__(*given, **others)

    def cut(self, streams: Streams) -> WindowIndex:
        """Windows between words; positions count from the token after ``<s>``."""
        lengths = np.asarray(streams.input.sizes) - 2
        capacity = self.max_length - 2
        counts = np.ones(len(lengths), np.int64)
        long = np.flatnonzero(lengths > capacity).tolist()
        cuts = []
        for row in long:
            starts = (streams.word_starts[row] - 1).tolist()  # type: ignore[index]
            cuts.append(word_windows(starts, int(lengths[row]), capacity))
            counts[row] = len(cuts[-1])
        rows = np.repeat(np.arange(len(lengths)), counts)
        begin, end = np.zeros_like(rows), lengths[rows]
        firsts = np.cumsum(counts) - counts
        for first, windows in zip(firsts[long], cuts):
            part = slice(first, first + len(windows))
            begin[part], end[part] = zip(*windows)
        return WindowIndex(rows, begin, end)

    def window_sample(self, streams: Streams, window: int) -> Dict[str, Any]:
        """One window with its words' tags, and the window of the source that fits."""
        row, begin, end = (int(column[window]) for column in self.windows)
        here = (begin, end)
        size = int(streams.input.sizes[row]) - 2
        starts = streams.word_starts[row]  # type: ignore[index]
        first, last = word_range(starts, here)
        probs = None
        if streams.soft_tags is not None:
            probs = self._soft(streams.soft_tags[row])[first:last]
        elif streams.tags is not None:
            probs = self._hard(streams.tags[row])[first:last]
        source, source_starts, source_probs = self._source(streams, row, here, size)
        back = self._fitting(streams.backtranslation, row, here, size)
        return {
            "input": self._framed(streams.input[row], here),
            "word_starts": starts[first:last] - begin,
            "tag_probs": probs,
            "source": source,
            "source_word_starts": source_starts,
            "source_tag_probs": source_probs,
            "backtranslation": None if back is None else self._framed(*back),
        }

    def _source(self, streams: Streams, row: int, here: tuple, size: int):
        starts: Optional[Tensor] = None
        if streams.source_word_starts is not None:
            starts = streams.source_word_starts[row]
        found = self._fitting(streams.source, row, here, size, starts)
        if found is None:
            return None, None, None
        tokens, window = found
        if starts is None or streams.source_tags is None:
            return self._framed(tokens, window), None, None
        first, last = word_range(starts, window)
        probs = self._hard(streams.source_tags[row])[first:last]
        return self._framed(tokens, window), starts[first:last] - window[0], probs

    def _fitting(
        self, stream, row: int, here: tuple, size: int, starts: Optional[Tensor] = None
    ) -> Optional[Tuple[Tensor, Tuple[int, int]]]:
        """A counterpart's tokens and the window of it that goes with a window."""
        if stream is None or stream.sizes[row] == 0:
            return None
        tokens = stream[row]
        length = len(tokens) - 2
        capacity = self.max_length - 2
        if length <= capacity:
            return tokens, (0, length)
        # Where words are not marked, every token may begin a window.
        bounds = range(length) if starts is None else (starts - 1).tolist()
        windows = word_windows(bounds, length, capacity)
        return tokens, windows[paired_window(here, size, windows, length)]

    def _framed(self, tokens: Tensor, window: Tuple[int, int]) -> Tensor:
        body = tokens[1 + window[0] : 1 + window[1]]
        return torch.cat([tokens[:1], body, tokens[-1:]])

    def _hard(self, tags: Tensor) -> Tensor:
        return F.one_hot(tags - self.label_offset, self.tag_count).float()

    def _soft(self, bits: Tensor) -> Tensor:
        """Distributions from the bits of 16-bit floats, made to sum to one again."""
        probs = bits.numpy().astype(np.uint16).view(np.float16).astype(np.float32)
        probs = probs.reshape(-1, self.tag_count)
        return torch.from_numpy(probs / probs.sum(axis=1, keepdims=True))

    def collate_targets(self, samples: List[Dict[str, Any]]) -> Dict[str, Any]:
        """Where words begin and what their tags are.

        Returns:
            in ``net_input`` ``word_starts`` ``(batch, words)`` and
            ``source_word_starts`` ``(pairs, source words)``, -1 where there is no word;
            ``tag_probs`` ``(batch, words, tags)`` and ``source_tag_probs`` ``(pairs,
            source words, tags)``, 0 where none are known. Each but the first is None
            where no sample has it.
        """
        pairs = [sample for sample in samples if sample["source"] is not None]
        self._fill_unknown(samples, "")
        self._fill_unknown(pairs, "source_")
        return {
            "net_input": {
                "word_starts": padded(samples, "word_starts", -1),
                "source_word_starts": padded(pairs, "source_word_starts", -1),
            },
            "tag_probs": padded(samples, "tag_probs", 0.0),
            "source_tag_probs": padded(pairs, "source_tag_probs", 0.0),
        }

    def _fill_unknown(self, samples: List[Dict[str, Any]], prefix: str) -> None:
        """No words, or zeros, where a sample has no tags and another one has."""
        if all(sample[f"{prefix}tag_probs"] is None for sample in samples):
            return
        for sample in samples:
            if sample[f"{prefix}word_starts"] is None:
                sample[f"{prefix}word_starts"] = torch.zeros(0, dtype=torch.long)
            if sample[f"{prefix}tag_probs"] is None:
                words = len(sample[f"{prefix}word_starts"])
                sample[f"{prefix}tag_probs"] = torch.zeros(words, self.tag_count)


def word_range(starts: Tensor, window: Tuple[int, int]) -> Tuple[int, int]:
    """The words that begin in a window; starts count ``<s>``, windows do not."""
    bounds = torch.tensor([window[0] + 1, window[1] + 1])
    first, last = torch.searchsorted(starts, bounds).tolist()
    return first, last


def padded(samples: List[Dict[str, Any]], name: str, value: float) -> Optional[Tensor]:
    """Stack one entry of all samples, padded; None where they lack it."""
    entries = [sample[name] for sample in samples]
    if not entries or entries[0] is None:
        return None
    return pad_sequence(entries, batch_first=True, padding_value=value)
