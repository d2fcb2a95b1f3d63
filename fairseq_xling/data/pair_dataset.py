"""Batches of labelled sequences, with the source-language counterpart of each."""

from typing import Any, Dict, List, Optional

import numpy as np
import torch
from fairseq.data import FairseqDataset
from fairseq.data.data_utils import collate_tokens
from torch import Tensor

from fairseq_xling.data.pair_streams import Streams
from fairseq_xling.data.truncation import truncate_pair


class SentencePairDataset(FairseqDataset):
    """All languages of a split, concatenated.

    In a batch the rows that have a counterpart come first, so that the counterparts
    are those of the first rows.

    Args:
        streams: one entry a language.
        lang_ids: index of each entry's language in the task's list.
        pad, eos: indices of the two symbols.
        label_offset: what to subtract from a stored label to get its class.
        max_length: longer sequences are shortened to this many tokens.
        shuffle: whether an epoch's batches are drawn anew (by seed and epoch).
        seed: the run's seed.
    """

    # Each epoch has batches of its own, also when training resumes in its middle.
    can_reuse_epoch_itr_across_epochs = False

    def __init__(
        self,
        streams: List[Streams],
        lang_ids: List[int],
        pad: int,
        eos: int,
        label_offset: int,
        max_length: int,
        shuffle: bool = False,
        seed: int = 1,
    ) -> None:
        self.streams = streams
        self.lang_ids = lang_ids
        self.pad = pad
        self.eos = eos
        self.label_offset = label_offset
        self.max_length = max_length
        self.shuffle = shuffle
        self.seed = seed
        self.epoch = 1
        self.starts = np.cumsum([0] + [len(s) for s in streams])
        self.lengths = np.concatenate([s.lengths(max_length) for s in streams])
        self.paired = np.concatenate(
            [
                np.zeros(len(s), bool) if s.source is None else s.source.sizes > 0
                for s in streams
            ]
        )

    def __len__(self) -> int:
        return int(self.starts[-1])

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
        return truncate_pair(stream[row], self.max_length, self.eos)

    def collater(self, samples: List[Dict[str, Any]]) -> Dict[str, Any]:
        """Merge samples into a batch.

        Returns:
            ``net_input`` with ``src_tokens`` ``(batch, len)`` and ``source_tokens``
            ``(pairs, src_len)`` or None; ``backtranslation`` ``(pairs, bt_len)`` or
            None, with the real source where a row has none; ``target`` ``(batch,)``
            with -1 where unlabelled; numpy arrays ``lang``, ``row`` and ``rows``
            ``(batch,)``, which stay on the CPU; ``nsentences``, ``ntokens``, ``id``.
        """
        if not samples:
            return {}
        samples = sorted(samples, key=lambda sample: sample["source"] is None)
        pairs = [sample for sample in samples if sample["source"] is not None]
        sources = [sample["source"] for sample in pairs]
        back = [sample["backtranslation"] for sample in pairs]
        if all(tokens is None for tokens in back):
            backtranslation = None
        else:
            filled = [a if a is not None else b for a, b in zip(back, sources)]
            backtranslation = collate_tokens(filled, self.pad)
        inputs = [sample["input"] for sample in samples]
        ids = [sample["id"] for sample in samples]
        return {
            "id": torch.tensor(ids),
            "rows": np.array(ids),
            "lang": np.array([sample["lang"] for sample in samples]),
            "row": np.array([sample["row"] for sample in samples]),
            "nsentences": len(samples),
            "ntokens": sum(map(len, inputs)) + sum(map(len, sources)),
            "net_input": {
                "src_tokens": collate_tokens(inputs, self.pad),
                "source_tokens": collate_tokens(sources, self.pad) if pairs else None,
            },
            "backtranslation": backtranslation,
            "target": torch.tensor([sample["label"] for sample in samples]),
        }

    @property
    def sizes(self) -> np.ndarray:
        """Longest sequence of each row, in tokens."""
        return self.lengths

    def size(self, index: int) -> int:
        return int(self.lengths[index])

    def num_tokens(self, index: int) -> int:
        """Tokens that the row takes up in a batch: both streams, equally wide."""
        return int(self.lengths[index]) * (2 if self.paired[index] else 1)

    def num_tokens_vec(self, indices: np.ndarray) -> np.ndarray:
        return self.lengths[indices] * np.where(self.paired[indices], 2, 1)

    def ordered_indices(self) -> np.ndarray:
        """Rows sorted by length, in random order among equals when shuffled."""
        if self.shuffle:
            generator = np.random.default_rng((self.seed, self.epoch))
            order = generator.permutation(len(self))
        else:
            order = np.arange(len(self))
        return order[np.argsort(self.lengths[order], kind="stable")]

    def batch_by_size(
        self,
        indices,
        max_tokens=None,
        max_sentences=None,
        required_batch_size_multiple=1,
    ):
        """Form batches that together hold every row.

        ``required_batch_size_multiple`` is not heeded: fairseq drops a last batch that
        is no multiple of it, and with it rows of a test set.
        """
        return super().batch_by_size(indices, max_tokens, max_sentences, 1)

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch
