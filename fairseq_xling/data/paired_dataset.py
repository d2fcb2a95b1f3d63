"""What the datasets of all tasks share: order, batches, counterparts."""

from functools import cached_property
from typing import Any, Dict, List, Optional, Sequence

import numpy as np
import torch
from fairseq.data import FairseqDataset
from fairseq.data.data_utils import collate_tokens
from torch import Tensor

from fairseq_xling.data.shared_sources import (
    number_texts,
    order_by_source,
    source_checksums,
)
from fairseq_xling.data.streams import Streams


class PairedDataset(FairseqDataset):
    """All rows of a split, with the source-language counterpart of some of them.

    Subclasses set ``lengths`` ``(items,)``, the longest sequence of each item in
    tokens, ``paired`` bool ``(items,)``, and ``item_parts`` and ``item_rows``
    ``(items,)``, which of the streams each item is from, and which of its rows.

    Args:
        lang_ids: index of each entry's language in the task's list.
        max_length: the longest sequence with its specials, in tokens.
        shuffle: whether an epoch's batches are drawn anew (by seed and epoch).
        group_translations: whether items of one source are put into one batch, which
            then says what sources are the same.
    """

    # Each epoch has batches of its own, also when training resumes in its middle.
    can_reuse_epoch_itr_across_epochs = False
    lengths: np.ndarray
    paired: np.ndarray
    item_parts: np.ndarray
    item_rows: np.ndarray

    def __init__(
        self,
        streams: Sequence[Streams],
        lang_ids: Sequence[int],
        pad: int,
        eos: int,
        max_length: int,
        shuffle: bool = False,
        seed: int = 1,
        group_translations: bool = False,
    ) -> None:
        self.streams = streams
        self.lang_ids = lang_ids
        self.pad = pad
        self.eos = eos
        self.max_length = max_length
        self.shuffle = shuffle
        self.seed = seed
        self.group_translations = group_translations
        self.epoch = 1

    def collate_streams(self, samples: List[Dict[str, Any]]) -> Dict[str, Any]:
        """Merge the streams of samples of which those with a counterpart come first.

        Args:
            samples: each with ``id``, ``lang``, ``row``, ``input`` and, or None,
                ``source`` and ``backtranslation``.

        Returns:
            ``net_input`` with the rows' own tokens, here the target's, as
            ``src_tokens`` ``(batch, len)``, which is fairseq's name for what a model
            reads, and ``source_tokens`` ``(pairs, src_len)`` or None;
            ``backtranslation`` ``(pairs, bt_len)`` or None, with the real source where
            a row has none; ``has_backtranslation`` bool ``(pairs,)`` or None; numpy
            arrays, which stay on the CPU: ``lang``,
            ``row`` and ``rows`` ``(batch,)``, ``lengths`` in tokens of each row and
            then of each source, ``(batch + pairs,)``, and ``backtranslation_lengths``
            ``(pairs,)`` or None; ``source_numbers`` and ``backtranslation_numbers``
            ``(pairs,)``, the same where texts are, or None; ``nsentences``,
            ``ntokens``, ``id``.
        """
        pairs = [sample for sample in samples if sample["source"] is not None]
        sources = [sample["source"] for sample in pairs]
        back = [sample["backtranslation"] for sample in pairs]
        backtranslation: Optional[Tensor] = None
        has_back: Optional[Tensor] = None
        back_lengths: Optional[np.ndarray] = None
        filled: List[Tensor] = []
        if any(tokens is not None for tokens in back):
            filled = [a if a is not None else b for a, b in zip(back, sources)]
            backtranslation = collate_tokens(filled, self.pad)
            has_back = torch.tensor([tokens is not None for tokens in back])
            back_lengths = np.array([len(tokens) for tokens in filled])
        numbers: List[Optional[np.ndarray]] = [None, None]
        if self.group_translations and pairs:
            both = number_texts(sources + filled)
            numbers = [both[: len(pairs)], both[len(pairs) :] if filled else None]
        inputs = [sample["input"] for sample in samples]
        lengths = [len(tokens) for tokens in inputs + sources]
        ids = [sample["id"] for sample in samples]
        return {
            "id": torch.tensor(ids),
            "rows": np.array(ids),
            "lang": np.array([sample["lang"] for sample in samples]),
            "row": np.array([sample["row"] for sample in samples]),
            "nsentences": len(samples),
            "ntokens": sum(lengths),
            "lengths": np.array(lengths),
            "net_input": {
                "src_tokens": collate_tokens(inputs, self.pad),
                "source_tokens": collate_tokens(sources, self.pad) if pairs else None,
            },
            "backtranslation": backtranslation,
            "backtranslation_lengths": back_lengths,
            "has_backtranslation": has_back,
            "source_numbers": numbers[0],
            "backtranslation_numbers": numbers[1],
        }

    def __len__(self) -> int:
        return len(self.lengths)

    @property
    def sizes(self) -> np.ndarray:
        """Longest sequence of each item, in tokens."""
        return self.lengths

    def size(self, index: int) -> int:
        return int(self.lengths[index])

    def num_tokens(self, index: int) -> int:
        """Tokens that the item takes up in a batch: both streams, equally wide."""
        return int(self.num_tokens_vec(np.array([index]))[0])

    def num_tokens_vec(self, indices: np.ndarray) -> np.ndarray:
        return self.lengths[indices] * np.where(self.paired[indices], 2, 1)

    def ordered_indices(self) -> np.ndarray:
        """Items sorted by length.

        When shuffled, shortest first and in random order among equals. Else longest
        first: what the longest batch takes is reused by all others, where growing
        batches leave gaps in memory; and one that is too long is found at once.
        """
        if not self.shuffle:
            return np.argsort(-self.lengths, kind="stable")
        generator = np.random.default_rng((self.seed, self.epoch))
        if self.group_translations:
            return order_by_source(self.source_keys, self.lengths, generator)
        order = generator.permutation(len(self))
        return order[np.argsort(self.lengths[order], kind="stable")]

    @cached_property
    def source_keys(self) -> np.ndarray:
        """A number for each item, the same where the source is, ``(items,)``."""
        keys = -1 - np.arange(len(self))
        for part, streams in enumerate(self.streams):
            here = self.paired & (self.item_parts == part)
            if here.any():
                keys[here] = source_checksums(streams)[self.item_rows[here]]
        return keys

    def batch_by_size(self, indices, max_tokens=None, max_sentences=None, **others):
        """Form batches that together hold every item.

        ``required_batch_size_multiple`` is not heeded: fairseq drops a last batch that
        is no multiple of it, and with it rows of a test set.
        """
        batches = super().batch_by_size(indices, max_tokens, max_sentences, 1)
        if not max_tokens:
            return batches
        return [part for batch in batches for part in self._split(batch, max_tokens)]

    def _split(self, batch, max_tokens: int) -> List[Any]:
        """Halve a batch that is over the limit: a long row alone widens short pairs."""
        sequences = len(batch) + int(self.paired[batch].sum())
        if len(batch) == 1 or sequences * self.lengths[batch].max() <= max_tokens:
            return [batch]
        half = len(batch) // 2
        parts = (batch[:half], batch[half:])
        return [one for part in parts for one in self._split(part, max_tokens)]

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch
