"""Batches of labelled sentence pairs, with the source-language counterpart of each."""

from typing import Any, Dict, List, Optional

import numpy as np
import torch
from torch import Tensor

from fairseq_xling.data.paired_dataset import PairedDataset
from fairseq_xling.data.sequences import truncate_pair


class SentencePairDataset(PairedDataset):
    """All languages of a split, concatenated.

    In a batch the rows that have a counterpart come first, so that the counterparts
    are those of the first rows.

    Args:
        label_offset: what to subtract from a stored label to get its class.
        separators: how many ``</s>`` stand between two sentences.
        given, others: as :class:`PairedDataset`; longer sequences are shortened.
    """

    def __init__(
        self, *given: Any, label_offset: int, separators: int = 2, **others: Any
    ) -> None:
        super().__init__(*given, **others)
        self.label_offset = label_offset
        self.separators = separators
        self.starts = np.cumsum([0] + [len(s) for s in self.streams])
        self.item_parts = np.repeat(np.arange(len(self.streams)), np.diff(self.starts))
        self.item_rows = np.arange(self.starts[-1]) - self.starts[self.item_parts]
        lengths = [one.lengths(self.max_length) for one in self.streams]
        self.lengths = np.concatenate(lengths)
        self.paired = np.concatenate([one.paired() for one in self.streams])

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
