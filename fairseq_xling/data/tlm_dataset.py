"""Masked batches of parallel sentences, and of running text beside them."""

from typing import Any, Dict, List, Optional, Sequence, Tuple

import numpy as np
import torch
from fairseq.data.data_utils import collate_tokens
from torch import Tensor

from fairseq_xling.data.paired_dataset import PairedDataset
from fairseq_xling.data.sequences import join_pair
from fairseq_xling.data.streams import Streams
from fairseq_xling.data.token_masking import TokenMasker

Masked = Tuple[Tensor, Tensor]


class TLMDataset(PairedDataset):
    """All language pairs of a split, then the blocks of monolingual text.

    A sentence's masks depend on the seed, the epoch and the sentence alone: not on
    batches, workers, restarts or ``concatenate``, which decides only how the two
    sentences of a pair are laid out. A batch holds either pairs or text, and counts a
    pair as twice its longer sentence, whatever the layout; so both layouts have the
    same batches, of the same number of tokens.

    Args:
        streams: one entry a language pair, with ``source``.
        text: blocks of tokens, with ``sizes``; None for no text.
        concatenate: join the sentences of a pair to one sequence (TLM), else keep them
            as target and source (X-Mixup).
        others: as :class:`PairedDataset`; sequences longer than ``max_length`` are left
            out: blocks, and pairs of which both sentences together have more tokens.
    """

    def __init__(
        self,
        streams: Sequence[Streams],
        text: Any,
        masker: TokenMasker,
        separators: int,
        concatenate: bool,
        **others: Any,
    ) -> None:
        super().__init__(streams, range(len(streams)), masker.pad, masker.eos, **others)
        self.text = text
        self.masker = masker
        self.separators = separators
        self.concatenate = concatenate
        sides = [(np.array(s.input.sizes), _source(s).sizes) for s in streams]
        # <s> of the second sentence gives way to the separators.
        sums = [a + b + separators - 2 for a, b in sides]
        longest = [np.maximum(a, b) for a, b in sides]
        if text is not None:
            sums.append(np.array(text.sizes))
            longest.append(sums[-1])
        parts = np.repeat(np.arange(len(sums)), [len(one) for one in sums])
        rows = np.concatenate([np.arange(len(one)) for one in sums])
        fits = np.concatenate(sums) <= self.max_length
        self.left_out = np.bincount(parts[~fits], minlength=len(sums))
        self.item_parts, self.rows = parts[fits], rows[fits]
        self.paired = self.item_parts < len(self.streams)
        self.lengths = np.concatenate(longest)[fits]

    def __getitem__(self, index: int) -> Dict[str, Any]:
        part, row = int(self.item_parts[index]), int(self.rows[index])
        if part == len(self.streams):
            block = self._masked(self.text[row], index, 0)
            return {"id": int(index), "input": block, "source": None}
        streams = self.streams[part]
        return {
            "id": int(index),
            "input": self._masked(streams.input[row], index, 0),
            "source": self._masked(_source(streams)[row], index, 1),
        }

    def _masked(self, tokens: Tensor, index: int, side: int) -> Masked:
        generator = np.random.default_rng((self.seed, self.epoch, int(index), side))
        changed, targets = self.masker(tokens.numpy(), generator)
        return torch.from_numpy(changed), torch.from_numpy(targets)

    def collater(self, samples: List[Dict[str, Any]]) -> Dict[str, Any]:
        """Merge samples, all of them pairs or all text, into a batch.

        Returns:
            ``net_input`` with ``src_tokens`` ``(batch, len)``; ``target``, its original
            tokens where they are to be predicted, padding elsewhere; for pairs that are
            not concatenated also ``source_tokens`` (in ``net_input``) and
            ``source_target``, ``(batch, src_len)``; of the tokens to be predicted
            ``masked``, their rows (sources follow the others) and columns,
            ``(2, masked)``, ``masked_target``, what they are, and ``part``, 0 for the
            target side of a pair, 1 for the source side, 2 for text, ``(masked,)``;
            ``is_text``; ``lengths`` of each row, sources last, a numpy array;
            ``nsentences``, ``ntokens`` (all that are encoded, without padding), ``id``.
        """
        if not samples:
            return {}
        is_text = samples[0]["source"] is None
        inputs = [sample["input"] for sample in samples]
        sources = [] if is_text else [sample["source"] for sample in samples]
        if self.concatenate and sources:
            inputs = [
                # Separators are not predicted, as the first sentence's </s> is not.
                [join_pair(*two, self.separators) for two in zip(*both)]
                for both in zip(sources, inputs)
            ]
            sources = []
        lengths = [len(one) for one, _ in inputs + sources]
        tokens, targets = self._collate(inputs)
        batch: Dict[str, Any] = {
            "id": torch.tensor([sample["id"] for sample in samples]),
            "is_text": is_text,
            "nsentences": len(samples),
            "ntokens": sum(lengths),
            "lengths": np.array(lengths),
            "net_input": {"src_tokens": tokens},
            "target": targets,
        }
        if sources:
            tokens, targets = self._collate(sources)
            batch["net_input"]["source_tokens"] = tokens
            batch["source_target"] = targets
        return {**batch, **self._find_masked(batch, samples)}

    def _find_masked(self, batch: Dict[str, Any], samples: List[Dict[str, Any]]):
        """What is to be predicted; here, as for a GPU the CPU would have to wait."""
        sides = [batch["target"], batch.get("source_target", batch["target"][:0])]
        chosen = [side.ne(self.pad) for side in sides]
        # Sources follow their targets.
        rows, columns = torch.cat(
            [
                mask.nonzero() + torch.tensor([number * len(samples), 0])
                for number, mask in enumerate(chosen)
            ]
        ).T
        part = (rows >= len(samples)).long()
        if batch["is_text"]:
            part = torch.full_like(rows, 2)
        elif self.concatenate:
            # In a joint sequence, the source comes first.
            ends = torch.tensor([len(sample["source"][0]) for sample in samples])
            part = (columns < ends[rows]).long()
        return {
            "masked": torch.stack([rows, columns]),
            "masked_target": torch.cat([x[mask] for x, mask in zip(sides, chosen)]),
            "part": part,
        }

    def _collate(self, sequences: List[Masked]) -> Masked:
        tokens, targets = zip(*sequences)
        return collate_tokens(tokens, self.pad), collate_tokens(targets, self.pad)

    def batch_by_size(self, indices, max_tokens=None, max_sentences=None, **others):
        """Form batches of pairs, and batches of text, that hold every item."""
        paired = self.paired[indices]
        limits = (max_tokens, max_sentences)
        kinds = [indices[paired], indices[~paired]]
        return [
            batch
            for kind in kinds
            if len(kind)
            for batch in super(TLMDataset, self).batch_by_size(kind, *limits)
        ]


def _source(streams: Streams) -> Any:
    """The source of a language pair, which all have here."""
    source: Optional[Any] = streams.source
    assert source is not None
    return source
