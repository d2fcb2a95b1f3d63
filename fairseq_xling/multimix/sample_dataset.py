"""Samples one after the other, in chunks, for generation."""

from typing import Any, Dict, List, Optional, Sequence

import numpy as np
import torch
from fairseq.data import FairseqDataset

from fairseq_xling.data.streams import Streams
from fairseq_xling.multimix.parts import Sample

# How many batches of the language model a chunk is worth. Within a chunk, variants of
# similar length share batches; after it, everything is saved.
CHUNK_BATCHES = 8


class SampleDataset(FairseqDataset):
    """All languages of a split, in their order, as chunks of neighbouring rows.

    A "batch" of this dataset is a chunk: rows of one language. Chunks do not depend on
    the number of shards; a shard takes neighbouring ones of about equal cost.

    Args:
        streams: one entry a language.
        names: split and language of each, such as ``"train.en"``.
        variants: how many variants are generated of a row.
        shards: number of shards.
        shard: which one this is.
    """

    def __init__(
        self,
        streams: Sequence[Streams],
        names: Sequence[str],
        variants: int,
        shards: int,
        shard: int,
    ) -> None:
        self.streams = list(streams)
        self.names = list(names)
        self.variants = variants
        self.shards = shards
        self.shard = shard
        self.starts = np.cumsum([0] + [len(s) for s in self.streams])
        self.sizes = np.concatenate([np.asarray(s.input.sizes) for s in self.streams])

    def __len__(self) -> int:
        return int(self.starts[-1])

    def __getitem__(self, index: int) -> Dict[str, Any]:
        part = int(np.searchsorted(self.starts, index, side="right")) - 1
        row = int(index - self.starts[part])
        streams = self.streams[part]
        words: Optional[np.ndarray] = None
        if streams.word_starts is not None:
            words = streams.word_starts[row].numpy()
        sample = Sample(self.names[part], row, streams.input[row].numpy(), words)
        return {"id": int(index), "sample": sample}

    def collater(self, samples: List[Dict[str, Any]]) -> Dict[str, Any]:
        """Merge the rows of a chunk, or none, for a shard that has nothing to do.

        Returns:
            ``id`` ``(rows,)``, ``samples`` with one :class:`Sample` a row, and
            ``nsentences``.
        """
        return {
            "id": torch.tensor([one["id"] for one in samples], dtype=torch.long),
            "samples": [one["sample"] for one in samples],
            "nsentences": len(samples),
            "net_input": {},
        }

    def batch_by_size(
        self,
        indices: np.ndarray,
        max_tokens: Optional[int] = None,
        max_sentences: Optional[int] = None,
        required_batch_size_multiple: int = 1,
    ) -> List[np.ndarray]:
        """Cut the rows, which are all, into this shard's chunks, of any size.

        The limits are those of a batch of the language model, in tokens and rows.
        """
        cost = self.sizes * self.variants
        # A chunk ends where either limit is reached, and with its language.
        ends = [self.starts[1:-1]]
        if max_tokens is not None:
            before = np.cumsum(cost) - cost
            ends.append(_steps(before // (CHUNK_BATCHES * max_tokens)))
        if max_sentences is not None:
            rows = max(1, CHUNK_BATCHES * max_sentences // self.variants)
            ends.append(_steps(np.arange(len(indices)) // rows))
        bounds = np.unique(np.concatenate(ends))
        chunks = [x for x in np.split(indices, bounds) if len(x)]
        spent = np.cumsum([cost[x].sum() for x in chunks])
        share = (spent - [cost[x].sum() / 2 for x in chunks]) / spent[-1]
        mine = (share * self.shards).astype(int) == self.shard
        return [x for x, is_mine in zip(chunks, mine) if is_mine] or [indices[:0]]


def _steps(values: np.ndarray) -> np.ndarray:
    """Where ascending values rise."""
    return np.flatnonzero(np.diff(values)) + 1
