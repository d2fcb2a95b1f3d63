"""Successive masking: one word after the other, each seeing those before it."""

from typing import Callable, Iterator, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np
import torch
from torch.nn.utils.rnn import pad_sequence

from fairseq_xling.errors import UserError
from fairseq_xling.multimix.decoding import Decoding, choose_tokens
from fairseq_xling.multimix.masked_lm import MaskedLM
from fairseq_xling.multimix.parts import Filled, Part, unchanged
from fairseq_xling.multimix.pieces import PieceTable

# Once a quarter full, a batch takes none shorter than this share of its longest.
SIMILAR = 0.95
# Rows that are projected to the vocabulary at once: 128 MB of XLM-R's.
PROJECTED_ROWS = 128


class Limits(NamedTuple):
    """How large a batch of the language model may be.

    Attributes:
        max_tokens: rows times the longest of them, or None.
        max_rows: rows, or None.
    """

    max_tokens: Optional[int]
    max_rows: Optional[int]

    def batches(self, lengths: np.ndarray) -> Iterator[np.ndarray]:
        """Group sequences of similar length, the longest first.

        Args:
            lengths: ``(sequences,)``.

        Yields:
            indices of the sequences of a batch.
        """
        order = np.argsort(-lengths, kind="stable")
        while len(order):
            longest = int(lengths[order[0]])
            rows = self.max_rows or len(order)
            if self.max_tokens is not None:
                rows = min(rows, max(1, self.max_tokens // longest))
            similar = int((lengths[order] >= SIMILAR * longest).sum())
            rows = min(rows, max(similar, rows // 4))
            yield order[:rows]
            order = order[rows:]


class Request(NamedTuple):
    """One variant to be made: a part, and what is masked in it, as it was chosen.

    Attributes:
        part: what the language model reads.
        units: indices of its units in the order in which they are masked,
            ``(masked,)``.
        uniforms: for each token of theirs, in the order of prediction, a number in
            [0, 1) that sampling uses, ``(predicted,)``.
    """

    part: Part
    units: np.ndarray
    uniforms: np.ndarray


class _Plan:
    """A request's steps, one for each token that is predicted.

    A unit's tokens are all masked at once, and predicted from left to right. Where a
    unit becomes a single token, what follows it moves up when it is masked.
    """

    def __init__(self, request: Request) -> None:
        part, order, self.uniforms = request
        self.tokens = part.tokens
        self.widths, self.masked = part.widths[order], part.masks[order]
        self.starts = part.starts[order]
        # How far into its unit each step is.
        first = np.cumsum(self.masked) - self.masked
        inside = np.arange(self.masked.sum()) - np.repeat(first, self.masked)
        # Where the predicted tokens stood, and where they stand when it is their turn.
        self.original = np.repeat(self.starts, self.masked) + inside
        drops = self.widths - self.masked
        self.places = self.original
        if drops.any():
            is_before = self.starts < self.starts[:, None]
            gone = (is_before & np.tri(len(order), k=-1, dtype=bool)) @ drops
            self.places = self.original - np.repeat(gone, self.masked)
        self.lengths = len(part.tokens) - np.repeat(np.cumsum(drops), self.masked)
        # How many tokens go at each step, behind those that are masked.
        self.drops = np.where(inside == 0, np.repeat(drops, self.masked), 0)
        # How many tokens are masked at each step, beginning with its own.
        repeated = np.repeat(self.masked, self.masked)
        self.masks = np.where(inside == 0, repeated, 1)
        self.begins = np.repeat(part.begins[order], self.masked) & (inside == 0)

    def fill(self, predicted: np.ndarray, scores: np.ndarray) -> Filled:
        """Put the steps' predictions ``(steps,)`` and log-probabilities in."""
        tokens = self.tokens.copy()
        tokens[self.original] = predicted
        ends = self.starts + self.widths
        lost = np.zeros(len(tokens), bool)
        for start, end in zip(self.starts + self.masked, ends):
            lost[start:end] = True
        kept = sum(
            not lost[a:b].any() and (tokens[a:b] == self.tokens[a:b]).all()
            for a, b in zip(self.starts, ends)
        )
        order = np.argsort(self.original)
        places = np.flatnonzero(lost)
        positions = self.original[order]
        return Filled(
            tokens[~lost],
            positions - np.searchsorted(places, positions),
            scores[order],
            len(self.starts),
            int(kept),
            places,
        )


class SuccessiveGenerator:
    """Fills masks one at a time, many sequences at once.

    The steps of a sequence depend on each other, those of different sequences do not:
    sequences of similar length go through the model together. A sequence leaves the
    batch after its last prediction. What is masked when is known beforehand, so nothing
    is copied between CPU and GPU from the first step to the last.

    Args:
        lm: the frozen language model.
        table: of its dictionary.
        decoding: how a token is chosen.
        limits: how large a batch may be.

    Source: MultiMix section 3.2, successive max.
    """

    def __init__(
        self, lm: MaskedLM, table: PieceTable, decoding: Decoding, limits: Limits
    ) -> None:
        self.lm = lm
        self.table = table
        self.decoding = decoding
        self.limits = limits
        self.may_begin = torch.from_numpy(table.may_begin).to(lm.device)
        self.may_continue = torch.from_numpy(table.may_continue).to(lm.device)

    def fill(
        self,
        requests: Sequence[Request],
        progress: Callable[[int], None] = lambda done: None,
    ) -> List[Filled]:
        """Make one variant a request, and tell ``progress`` how many were made.

        Raises:
            UserError: the model predicts no numbers.
        """
        filled = [unchanged(request.part.tokens) for request in requests]
        todo = [i for i, request in enumerate(requests) if len(request.units)]
        progress(len(requests) - len(todo))
        lengths = np.array([len(requests[i].part.tokens) for i in todo], np.int64)
        for batch in self.limits.batches(lengths):
            plans = [_Plan(requests[todo[i]]) for i in batch]
            # Those with most steps first, so that those still at work stand together.
            order = np.argsort([-len(plan.places) for plan in plans], kind="stable")
            tokens, scores = self._run([plans[i] for i in order])
            for column, i in enumerate(order):
                steps = len(plans[i].places)
                filled[todo[batch[i]]] = plans[i].fill(
                    tokens[:steps, column], scores[:steps, column]
                )
            progress(len(batch))
        return filled

    @torch.inference_mode()
    def _run(self, plans: List[_Plan]) -> Tuple[np.ndarray, np.ndarray]:
        """Fill the masks of a batch.

        Args:
            plans: those with most masks first.

        Returns:
            predicted tokens and their log-probabilities, each ``(steps, rows)``.
        """
        # Of each step of each plan, ``(steps, rows)``; 0 after its last.
        tables = [
            pad_sequence([torch.from_numpy(getattr(plan, name)) for plan in plans])
            for name in ("lengths", "drops", "places", "masks", "begins", "uniforms")
        ]
        # ``(rows, len)``, of which the last are padding.
        texts = [torch.from_numpy(np.append(x.tokens, self.table.pad)) for x in plans]
        tables.append(pad_sequence(texts, True, self.table.pad))
        lengths, shrinks = tables[0].numpy(), tables[1].any(dim=1).tolist()
        rows = (lengths > 0).sum(axis=1)
        longest = lengths.max(axis=1)
        has_padding = [
            bool((lengths[step, :n] < longest[step]).any())
            for step, n in enumerate(rows)
        ]
        drops, places, masks, begins, uniforms, tokens = (
            table.to(self.lm.device) for table in tables[1:]
        )
        predicted = torch.zeros_like(places)
        scores = torch.zeros(places.shape, device=self.lm.device)
        columns = torch.arange(tokens.size(1), device=self.lm.device)
        # From here to the end of the loop, nothing waits for a GPU.
        for step, n in enumerate(rows.tolist()):
            place = places[step, :n]
            width = int(longest[step])
            if shrinks[step]:
                follows = columns > place.unsqueeze(1)
                moved = columns + follows * drops[step, :n].unsqueeze(1)
                tokens[:n] = tokens[:n].gather(1, moved.clamp_(max=len(columns) - 1))
            distance = columns[:width] - place.unsqueeze(1)
            masked = (distance >= 0) & (distance < masks[step, :n].unsqueeze(1))
            current = tokens[:n, :width].masked_fill_(masked, self.table.mask)
            states = self.lm.states(current, place, has_padding[step])
            for low in range(0, n, PROJECTED_ROWS):
                part = slice(low, min(n, low + PROJECTED_ROWS))
                predicted[step, part], scores[step, part] = choose_tokens(
                    self.lm.logits(states[part]),
                    torch.where(
                        begins[step, part].unsqueeze(1),
                        self.may_begin,
                        self.may_continue,
                    ),
                    uniforms[step, part],
                    self.decoding,
                )
            current.scatter_(1, place.unsqueeze(1), predicted[step, :n].unsqueeze(1))
        found = scores.cpu().numpy().astype(np.float64)
        if not np.isfinite(found).all():
            raise UserError(
                "the language model predicts no numbers; use --bf16 instead of --fp16, "
                "or neither"
            )
        return predicted.cpu().numpy(), found
