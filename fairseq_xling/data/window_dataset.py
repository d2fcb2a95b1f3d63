"""Batches of windows of long sequences: what tagging and question answering share."""

from collections import defaultdict
from typing import Any, Dict, List, Tuple

import numpy as np

from fairseq_xling.data.paired_dataset import PairedDataset
from fairseq_xling.data.streams import Streams
from fairseq_xling.data.windows import WindowIndex


class WindowDataset(PairedDataset):
    """All languages of a split, concatenated, in windows of limited length.

    To train on, every window is an item of its own. To evaluate, an item is a row with
    all its windows, so that a batch holds all that the row's prediction needs; then
    ``max_sentences`` limits the windows of a batch.

    Subclasses cut the windows (:meth:`cut`) and make a sample of one
    (:meth:`window_sample`).

    Args:
        whole_rows: whether items are rows with all their windows.
        given, others: as :class:`PairedDataset`.
    """

    def __init__(self, *given: Any, whole_rows: bool, **others: Any) -> None:
        super().__init__(*given, **others)
        self.whole_rows = whole_rows
        streams, max_length = self.streams, self.max_length
        indices = [self.cut(one) for one in streams]
        self.windows = WindowIndex(
            *(np.concatenate(column) for column in zip(*indices))
        )
        counts = [len(index.row) for index in indices]
        self.part = np.repeat(np.arange(len(streams)), counts)
        lengths = [one.lengths(max_length)[i.row] for one, i in zip(streams, indices)]
        self.lengths = np.concatenate(lengths)
        paired = [one.paired()[i.row] for one, i in zip(streams, indices)]
        self.paired = np.concatenate(paired)
        # First window of each item, and the number of windows at the end.
        self.items = np.arange(len(self.part) + 1)
        if whole_rows:
            new = np.diff(self.windows.row, prepend=-1) != 0
            new |= np.diff(self.part, prepend=-1) != 0
            self.items = np.append(np.flatnonzero(new), len(self.part))
            self.lengths = self.lengths[self.items[:-1]]
            self.paired = self.paired[self.items[:-1]]
        self.counts = np.diff(self.items)
        self.item_parts = self.part[self.items[:-1]]
        self.item_rows = self.windows.row[self.items[:-1]]

    def cut(self, streams: Streams) -> WindowIndex:
        """The windows of all rows of one language, row by row."""
        raise NotImplementedError

    def window_sample(self, streams: Streams, window: int) -> Dict[str, Any]:
        """One window's streams, as :meth:`collate_streams` wants them, and more."""
        raise NotImplementedError

    def collate_targets(self, samples: List[Dict[str, Any]]) -> Dict[str, Any]:
        """What a batch holds beside its streams; ``net_input`` is added to the model's.

        Args:
            samples: windows; those with a counterpart come first.
        """
        raise NotImplementedError

    def __getitem__(self, index: int) -> List[Dict[str, Any]]:
        samples = []
        for window in range(self.items[index], self.items[index + 1]):
            part = int(self.part[window])
            sample = self.window_sample(self.streams[part], window)
            sample.update(
                id=window, lang=self.lang_ids[part], row=int(self.windows.row[window])
            )
            samples.append(sample)
        return samples

    def collater(self, samples: List[List[Dict[str, Any]]]) -> Dict[str, Any]:
        """Merge items into a batch, in which each row is a window.

        Returns:
            what :meth:`PairedDataset.collate_streams` does, ``window`` ``(batch,)``,
            each row's number among those of its item, and what the subclass adds.
        """
        if not samples:
            return {}
        flat = [
            {**sample, "window": number}
            for item in samples
            for number, sample in enumerate(item)
        ]
        flat.sort(key=lambda sample: sample["source"] is None)
        batch = self.collate_streams(flat)
        targets = self.collate_targets(flat)
        batch["net_input"].update(targets.pop("net_input", {}))
        batch["window"] = np.array([sample["window"] for sample in flat])
        return {**batch, **targets}

    def num_tokens_vec(self, indices: np.ndarray) -> np.ndarray:
        return super().num_tokens_vec(indices) * self.counts[indices]

    def batch_by_size(self, indices, max_tokens=None, max_sentences=None, **others):
        """Form batches that together hold every item; a too large one is alone."""
        if not self.whole_rows:
            return super().batch_by_size(indices, max_tokens, max_sentences)
        batches: List[List[int]] = []
        windows = sequences = width = 0
        for index in indices:
            count, length = int(self.counts[index]), int(self.lengths[index])
            both = count * 2 if self.paired[index] else count
            windows, sequences = windows + count, sequences + both
            width = max(width, length)
            if (
                not batches
                or (max_sentences and windows > max_sentences)
                or (max_tokens and sequences * width > max_tokens)
            ):
                batches.append([])
                windows, sequences, width = count, both, length
            batches[-1].append(int(index))
        return batches


def windows_by_row(sample: Dict[str, Any]) -> Dict[Tuple[int, int], List[int]]:
    """Which rows of a batch are the windows of each row of the data, in their order.

    Args:
        sample: a batch of a :class:`WindowDataset` of whole rows.

    Returns:
        positions in the batch by language and row.
    """
    windows: Dict[Tuple[int, int], List[int]] = defaultdict(list)
    for position in np.argsort(sample["rows"]):
        key = (int(sample["lang"][position]), int(sample["row"][position]))
        windows[key].append(int(position))
    return windows
