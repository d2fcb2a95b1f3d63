"""Successive masking: one word after the other, each seeing those before it."""

from typing import Callable, Iterator, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np
import torch

from fairseq_xling.errors import UserError
from fairseq_xling.multimix.masked_lm import MaskedLM
from fairseq_xling.multimix.masking import Choice
from fairseq_xling.multimix.parts import Filled, Part, unchanged
from fairseq_xling.multimix.pieces import PieceTable
from fairseq_xling.multimix.predicting import Decoding, predict

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
            rows = self.max_rows or len(order)
            if self.max_tokens is not None:
                rows = min(rows, max(1, self.max_tokens // int(lengths[order[0]])))
            yield order[:rows]
            order = order[rows:]


class Request(NamedTuple):
    """One variant to be made: a part, and which of its units are masked when."""

    part: Part
    choice: Choice


class _Plan:
    """Where a request's masks stand at each step, known before the first prediction.

    Each masked unit becomes one token, so those behind it move to the left.
    """

    def __init__(self, request: Request) -> None:
        part, order = request.part, request.choice.units
        self.request = request
        self.starts = part.starts[order]
        self.widths = part.widths[order]
        removed = self.widths - 1
        # Row: a unit; column: a unit that stands to its left.
        to_the_left = self.starts[None, :] < self.starts[:, None]
        before = np.tri(len(order), k=-1, dtype=bool)
        self.places = self.starts - (to_the_left & before) @ removed
        self.positions = self.starts - to_the_left @ removed
        self.lengths = len(part.tokens) - np.cumsum(removed)

    def fill(self, table: PieceTable, tokens: np.ndarray, scores: np.ndarray) -> Filled:
        """Put predictions in, given in the order of the masks.

        Args:
            table: of the dictionary.
            tokens: predicted, ``(masked,)``.
            scores: their log-probabilities, ``(masked,)``.
        """
        original = self.request.part.tokens
        kept = np.ones(len(original), bool)
        new = original.copy()
        changed = np.zeros(len(tokens), bool)
        for i, (start, width, token) in enumerate(
            zip(self.starts, self.widths, tokens)
        ):
            new[start] = token
            kept[start + 1 : start + width] = False
            replaced = original[start : start + width]
            changed[i] = table.text(replaced) != table.symbols[token]
        order = np.argsort(self.starts)
        return Filled(
            new[kept],
            self.positions[order],
            changed[order],
            scores[order],
            self.starts[order],
            self.widths[order] - 1,
        )


class SuccessiveGenerator:
    """Fills masks one at a time, many sequences at once.

    The steps of a sequence depend on each other, those of different sequences do not:
    sequences of similar length go through the model together. A sequence leaves the
    batch after its last mask. Where each mask will stand is known beforehand, so
    nothing is copied between CPU and GPU from the first step to the last.

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
        """Make variants.

        Args:
            requests: what to make.
            progress: told how many requests were made, again and again.

        Returns:
            one variant a request, in the same order.

        Raises:
            UserError: the model predicts no numbers.
        """
        filled = [unchanged(request.part.tokens) for request in requests]
        todo = [i for i, request in enumerate(requests) if len(request.choice.units)]
        progress(len(requests) - len(todo))
        lengths = np.array([len(requests[i].part.tokens) for i in todo], np.int64)
        for batch in self.limits.batches(lengths):
            plans = [_Plan(requests[todo[i]]) for i in batch]
            # Those with most masks first, so that those still at work stand together.
            order = np.argsort([-len(plan.starts) for plan in plans], kind="stable")
            tokens, scores = self._run([plans[i] for i in order])
            for column, i in enumerate(order):
                masked = len(plans[i].starts)
                filled[todo[batch[i]]] = plans[i].fill(
                    self.table, tokens[:masked, column], scores[:masked, column]
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
        lengths, *arrays = _tables(plans, self.table.pad)
        rows = (lengths > 0).sum(axis=1)
        longest = lengths.max(axis=1)
        has_padding = [
            bool((lengths[step, :n] < longest[step]).any())
            for step, n in enumerate(rows)
        ]
        tokens, places, widths, begins, uniforms = (
            torch.from_numpy(array).to(self.lm.device) for array in arrays
        )
        predicted = torch.zeros_like(places)
        scores = torch.zeros(places.shape, device=self.lm.device)
        columns = torch.arange(tokens.size(1), device=self.lm.device)
        # From here to the end of the loop, nothing waits for a GPU.
        for step, n in enumerate(rows.tolist()):
            place = places[step, :n].unsqueeze(1)
            # The mask takes the place of all the unit's tokens.
            behind = (columns > place) * (widths[step, :n].unsqueeze(1) - 1)
            moved = (columns + behind).clamp(max=tokens.size(1) - 1)
            current = tokens[:n].gather(1, moved).scatter(1, place, self.table.mask)
            states = self.lm.states(
                current[:, : longest[step]], places[step, :n], has_padding[step]
            )
            for low in range(0, n, PROJECTED_ROWS):
                part = slice(low, min(n, low + PROJECTED_ROWS))
                predicted[step, part], scores[step, part] = predict(
                    self.lm.logits(states[part]),
                    torch.where(
                        begins[step, part].unsqueeze(1),
                        self.may_begin,
                        self.may_continue,
                    ),
                    uniforms[step, part],
                    self.decoding,
                )
            tokens[:n] = current.scatter(1, place, predicted[step, :n].unsqueeze(1))
        found = scores.cpu().numpy().astype(np.float64)
        if not np.isfinite(found).all():
            raise UserError(
                "the language model predicts no numbers; use --bf16 instead of --fp16, "
                "or neither"
            )
        return predicted.cpu().numpy(), found


def _tables(plans: List[_Plan], pad: int) -> Tuple[np.ndarray, ...]:
    """What a batch needs to know of its plans, one column a plan.

    Returns:
        lengths with the mask in, ``(steps, rows)``, 0 where a plan has come to its
        end; tokens ``(rows, len + 1)``, whose last column stays padding, to move in
        from the right; places of the masks, widths of the units, whether they begin
        a word, and uniform numbers, each ``(steps, rows)``.
    """
    steps = len(plans[0].starts)
    shape = (steps, len(plans))
    longest = max(len(plan.request.part.tokens) for plan in plans)
    tokens = np.full((len(plans), longest + 1), pad)
    lengths, places, widths = (np.zeros(shape, np.int64) for _ in range(3))
    begins, uniforms = np.ones(shape, bool), np.zeros(shape)
    for row, plan in enumerate(plans):
        part, choice = plan.request
        masked = len(plan.starts)
        tokens[row, : len(part.tokens)] = part.tokens
        lengths[:masked, row] = plan.lengths
        places[:masked, row] = plan.places
        widths[:masked, row] = plan.widths
        begins[:masked, row] = part.begins[choice.units]
        uniforms[:masked, row] = choice.uniforms
    return lengths, tokens, places, widths, begins, uniforms
