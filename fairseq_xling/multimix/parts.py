"""The parts of a sample that are changed by themselves, and how they join again."""

from dataclasses import dataclass
from typing import List, NamedTuple, Optional, Sequence

import numpy as np

from fairseq_xling.data.sequences import join_pair, split_pair
from fairseq_xling.multimix.pieces import PieceTable, find_units


@dataclass(frozen=True, eq=False)
class Sample:
    """One row of the data.

    Batches hold it, so it is no tuple: of named tuples fairseq makes plain ones when it
    moves a batch to a GPU.

    Attributes:
        stream: its split and language, such as ``"train.en"``.
        row: its place there.
        tokens: with special tokens, ``(len,)``.
        word_starts: where its words begin, ``(words,)``; None for sentence pairs.
    """

    stream: str
    row: int
    tokens: np.ndarray
    word_starts: Optional[np.ndarray]


class Part(NamedTuple):
    """What the language model reads at once, and what may be masked in it.

    Attributes:
        tokens: a whole sentence or pair, with special tokens, ``(len,)``.
        starts: first token of each unit, ``(units,)``.
        widths: tokens of each unit, ``(units,)``.
        begins: whether a unit begins a word, bool ``(units,)``.
        is_single: whether a unit becomes a single token, not as many as it has.
    """

    tokens: np.ndarray
    starts: np.ndarray
    widths: np.ndarray
    begins: np.ndarray
    is_single: bool = False

    @property
    def masks(self) -> np.ndarray:
        """How many tokens are masked, and predicted, of each unit, ``(units,)``."""
        return np.ones_like(self.widths) if self.is_single else self.widths


class Filled(NamedTuple):
    """A part, or a whole sample, with some units replaced.

    Attributes:
        tokens: ``(len,)``, as many as before without those that are lost.
        positions: of the predicted tokens, ascending, ``(predicted,)``.
        log_probs: what the language model gave each (natural logarithm),
            ``(predicted,)``.
        masked: number of units that were masked.
        kept: number of these that were predicted as they had been.
        lost: where in the original stood tokens whose units became a single one,
            ascending, ``(lost,)``.
    """

    tokens: np.ndarray
    positions: np.ndarray
    log_probs: np.ndarray
    masked: int
    kept: int
    lost: np.ndarray = np.zeros(0, np.int64)

    def word_starts(self, original: np.ndarray) -> np.ndarray:
        """Where words begin now that began at ``original``, ``(words,)``."""
        return original - np.searchsorted(self.lost, original)

    def changed(self, original: np.ndarray) -> np.ndarray:
        """Positions of tokens that differ from ``original``, or stand for several."""
        places = np.delete(np.arange(len(original)), self.lost)
        is_several = np.diff(places, append=len(original)) > 1
        return np.flatnonzero((self.tokens != original[places]) | is_several)

    def aligned(self, original: np.ndarray) -> np.ndarray:
        """The tokens where ``original`` has its own, -1 where one is lost."""
        found = np.full(len(original), -1)
        found[np.delete(np.arange(len(original)), self.lost)] = self.tokens
        return found


def unchanged(tokens: np.ndarray) -> Filled:
    """The tokens as they are."""
    return Filled(tokens, np.zeros(0, np.int64), np.zeros(0), 0, 0)


def split_sample(
    table: PieceTable, sample: Sample, is_cross: bool, mask_unit: str, longest: int
) -> List[Part]:
    """Split a sample as ``successive-cross`` does, or take it whole.

    A sentence pair is split into its sentences, and the language model reads each by
    itself. A sentence of words is split into its halves (of an odd number of words,
    the second is longer); the model reads the sentence with the other half as it was.
    What is longer than the model can read has nothing to be masked.

    Args:
        table: of the dictionary.
        sample: the sample.
        is_cross: whether to split it.
        mask_unit: ``"word"``, ``"piece"``, or ``"single"`` for words that become one
            token each.
        longest: tokens that the language model can read.

    Source: MultiMix section 3.2, successive cross.
    """
    tokens = sample.tokens

    def part(text: np.ndarray, units: Sequence[np.ndarray]) -> Part:
        most = len(text) if len(text) <= longest else 0
        starts, widths, begins = (values[:most] for values in units)
        return Part(text, starts, widths, begins, mask_unit == "single")

    if is_cross and sample.word_starts is None:
        return [
            part(sentence, find_units(table, sentence, None, mask_unit))
            for sentence in split_pair(tokens, table.eos, table.separators)
        ]
    units = find_units(table, tokens, sample.word_starts, mask_unit)
    if not is_cross:
        return [part(tokens, units)]
    bound = half_bound(sample)
    in_first = units[0] < bound
    return [part(tokens, [x[half] for x in units]) for half in (in_first, ~in_first)]


def half_bound(sample: Sample) -> int:
    """First token of a sentence's second half."""
    starts = sample.word_starts
    assert starts is not None
    return int(starts[len(starts) // 2]) if len(starts) else 1


def join(table: PieceTable, sample: Sample, chosen: List[Filled]) -> Filled:
    """Join a variant of each part of a sample that was split."""
    if len(chosen) == 1:
        return chosen[0]
    first, second = chosen
    if sample.word_starts is None:
        tokens = join_pair(first.tokens, second.tokens, table.separators)
        # The second sentence's <s> gives its place to what separates them.
        shift = len(tokens) - len(second.tokens)
        lost_shift = shift + len(first.lost)
    else:
        bound = half_bound(sample)
        shift, lost_shift = -len(first.lost), 0
        tokens = np.concatenate([first.tokens[: bound + shift], second.tokens[bound:]])
    return Filled(
        tokens,
        np.concatenate([first.positions, second.positions + shift]),
        np.concatenate([first.log_probs, second.log_probs]),
        first.masked + second.masked,
        first.kept + second.kept,
        np.concatenate([first.lost, second.lost + lost_shift]),
    )
