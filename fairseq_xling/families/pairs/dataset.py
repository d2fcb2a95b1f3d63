"""Batches of labelled sentence pairs, with the source-language counterpart of each."""

from typing import Any, Dict, List, Optional

import numpy as np
import torch
from torch import Tensor

from fairseq_xling.data.paired_dataset import PairedDataset
from fairseq_xling.data.sequences import truncate_pair
from fairseq_xling.data.streams import Streams


class SentencePairDataset(PairedDataset):
    """All languages of a split, concatenated.

    In a batch the rows that have a counterpart come first, so that the counterparts
    are those of the first rows.

    Args:
        lang_ids: index of each entry's language in the task's list.
        label_offset: what to subtract from a stored label to get its class.
        max_length: longer sequences are shortened to this many tokens.
        separators: how many ``</s>`` stand between two sentences.
        shuffle: whether an epoch's batches are drawn anew (by seed and epoch).
    """

    def __init__(
        self,
        streams: List[Streams],
        lang_ids: List[int],
        pad: int,
        eos: int,
        label_offset: int,
        max_length: int,
        separators: int = 2,
        shuffle: bool = False,
        seed: int = 1,
    ) -> None:
        super().__init__(pad, shuffle, seed)
        self.streams = streams
        self.lang_ids = lang_ids
        self.eos = eos
        self.label_offset = label_offset
        self.max_length = max_length
        self.separators = separators
        self.starts = np.cumsum([0] + [len(s) for s in streams])
        self.item_parts = np.repeat(np.arange(len(streams)), np.diff(self.starts))
        self.lengths = np.concatenate([s.lengths(max_length) for s in streams])
        self.paired = np.concatenate([s.paired() for s in streams])

    def __getitem__(self, index: int) -> Dict[str, Any]:
        part = int(np.searchsorted(self.starts, index, side="right")) - 1
        row = int(index - self.starts[part])
        streams = self.streams[part]
        label = -1
        if streams.label is not None:
            label = int(streams.label[row][0]) - self.label_offset
        return {
            "id": int(index),
            "lang": self.lang_ids[part],
            "row": row,
            "input": self._sequence(streams.input, row),
            "source": self._sequence(streams.source, row),
            "backtranslation": self._sequence(streams.backtranslation, row),
            "label": label,
        }

    def _sequence(self, stream, row: int) -> Optional[Tensor]:
        if stream is None or stream.sizes[row] == 0:
            return None
        return truncate_pair(stream[row], self.max_length, self.eos, self.separators)

    def collater(self, samples: List[Dict[str, Any]]) -> Dict[str, Any]:
        """Merge samples into a batch.

        Returns:
            what :meth:`PairedDataset.collate_streams` does, and ``target``
            ``(batch,)``, -1 where unlabelled.
        """
        if not samples:
            return {}
        samples = sorted(samples, key=lambda sample: sample["source"] is None)
        labels = torch.tensor([sample["label"] for sample in samples])
        return {**self.collate_streams(samples), "target": labels}
