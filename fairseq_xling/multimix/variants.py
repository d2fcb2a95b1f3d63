"""GEN-LM: the virtual samples around each real one."""

import itertools
import math
from dataclasses import dataclass
from typing import Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

from fairseq_xling.errors import UserError
from fairseq_xling.multimix.masked_words import choose_units, sample_generator
from fairseq_xling.multimix.parts import Filled, Sample, join, split_sample, unchanged
from fairseq_xling.multimix.pieces import PieceTable
from fairseq_xling.multimix.successive import Request, SuccessiveGenerator

AUG_TYPES = ["successive-max", "successive-cross"]
MASK_UNITS = ["word", "piece", "single"]
# What is counted of all samples, see GenLM.
COUNTED = (
    "samples", "variants", "duplicates", "unchangeable", "masked", "as_they_were"
)  # fmt: skip


@dataclass(frozen=True)
class Augmentation:
    """What is generated.

    Attributes:
        aug_type: ``"successive-max"`` or ``"successive-cross"``.
        percentage: P, how many of a sample's words are masked.
        factors: delta, or delta_1 and delta_2 for ``"successive-cross"``.
        mask_unit: ``"word"``, ``"piece"``, or ``"single"`` for words that become one
            token each, as in the authors' code.
        seed: of the words that are chosen.
        keep_duplicates: whether to keep variants that equal another or the original.
    """

    aug_type: str
    percentage: float
    factors: Tuple[int, ...]
    mask_unit: str
    seed: int
    keep_duplicates: bool

    @property
    def most_variants(self) -> int:
        """Largest number of variants of a sample."""
        return math.prod(self.factors)

    @property
    def is_cross(self) -> bool:
        """Whether samples are split in two parts."""
        return self.aug_type == "successive-cross"


def read_augmentation(
    has_parts: bool,
    aug_type: Optional[str],
    percentage: float,
    factor: Optional[str],
    mask_unit: str,
    seed: int,
    keep_duplicates: bool,
) -> Augmentation:
    """What options ask for.

    Without an ``aug_type``, samples that have parts, pairs, are crossed. Factors are
    as :func:`read_factors` takes them; None for 3, or 2x2.

    Raises:
        UserError: one is out of range.
    """
    aug_type = aug_type or AUG_TYPES[has_parts]
    if not 0 <= percentage <= 100:
        raise UserError(f"--aug-percentage {percentage}: give a value from 0 to 100")
    factors = factor or ("2x2" if aug_type == "successive-cross" else "3")
    return Augmentation(
        aug_type,
        percentage,
        read_factors(factors, aug_type),
        mask_unit,
        seed,
        keep_duplicates,
    )


def read_factors(text: str, aug_type: str) -> Tuple[int, ...]:
    """Read ``--diversification-factor``: ``3``, or ``2x2`` for successive-cross.

    Raises:
        UserError: not positive numbers, or not as many as ``aug_type`` needs.
    """
    parts = text.lower().split("x")
    option = f"--diversification-factor {text}"
    if not all(part.isdecimal() and int(part) > 0 for part in parts) or len(parts) > 2:
        raise UserError(
            f"{option}: give a number from 1, or two such as 2x2 for successive-cross"
        )
    if aug_type == "successive-max" and len(parts) == 2:
        raise UserError(
            f"{option}: successive-max makes a number of variants, such as "
            f"{int(parts[0]) * int(parts[1])}; two numbers are for --aug-type "
            "successive-cross (MultiMix's Table 7 names successive-max beside 2x2, "
            "which its section 3.2 rules out)"
        )
    if aug_type == "successive-cross" and len(parts) == 1:
        raise UserError(
            f"{option}: successive-cross makes variants of two parts; give two "
            "numbers, such as 2x2"
        )
    return tuple(int(part) for part in parts)


class Variant(NamedTuple):
    """A virtual sample.

    Attributes:
        number: which variant of the sample, or of each part; empty where the sample
            cannot be changed and is kept as it is.
        filled: its tokens, and what was predicted of them.
    """

    number: Tuple[int, ...]
    filled: Filled


class GenLM:
    """Makes the variants of samples.

    What is masked in a sample depends on its stream, its row and the seed alone; what
    is predicted, too, in fp32: in half precision rounding depends on the batch.

    Args:
        generator: fills masks.
        augmentation: what to generate.

    Attributes:
        counts: of all samples so far: ``samples``, ``variants`` (kept ones),
            ``duplicates`` (dropped, or found where they are kept), ``unchangeable``
            samples (kept as they are), ``masked`` words, and of these those that the
            model predicted ``as_they_were``.

    Source: MultiMix section 3.2 and Algorithm 1, GEN-LM.
    """

    def __init__(
        self, generator: SuccessiveGenerator, augmentation: Augmentation
    ) -> None:
        self.generator = generator
        self.augmentation = augmentation
        self.counts: Dict[str, int] = dict.fromkeys(COUNTED, 0)

    @property
    def table(self) -> PieceTable:
        """What the dictionary's pieces are to words."""
        return self.generator.table

    def generate(
        self,
        samples: Sequence[Sample],
        progress: Callable[[int], None] = lambda done: None,
    ) -> List[List[Variant]]:
        """Make the variants of samples, and tell ``progress`` how many were made.

        Returns:
            the variants of each sample; none where all were duplicates.
        """
        # Every part's variants are asked for once, whatever they are joined with.
        requests: List[Request] = []
        wanted = [self._requests_of(sample) for sample in samples]
        for parts in wanted:
            for part in parts:
                requests += part
        told = made = 0

        def tell(done: int) -> None:
            nonlocal told, made
            made += done
            now = len(samples) * made // max(1, len(requests))
            progress(now - told)
            told = now

        filled = iter(self.generator.fill(requests, tell))
        progress(len(samples) - told)
        return [
            self._join(sample, [[next(filled) for _ in part] for part in parts])
            for sample, parts in zip(samples, wanted)
        ]

    def _requests_of(self, sample: Sample) -> List[List[Request]]:
        what = self.augmentation
        longest = self.generator.lm.longest
        parts = split_sample(self.table, sample, what.is_cross, what.mask_unit, longest)
        if not any(len(part.starts) for part in parts):
            return []
        random = sample_generator(what.seed, sample.stream, sample.row)
        return [
            [
                Request(part, *choice)
                for choice in choose_units(random, part.masks, what.percentage, factor)
            ]
            for part, factor in zip(parts, what.factors)
        ]

    def _join(self, sample: Sample, parts: List[List[Filled]]) -> List[Variant]:
        counts = self.counts
        counts["samples"] += 1
        if not parts:
            counts["unchangeable"] += 1
            counts["variants"] += 1
            return [Variant((), unchanged(sample.tokens))]
        seen = {self.table.text(sample.tokens)}
        variants = []
        for number in itertools.product(*(range(len(part)) for part in parts)):
            filled = join(
                self.table, sample, [part[i] for part, i in zip(parts, number)]
            )
            text = self.table.text(filled.tokens)
            if text in seen:
                counts["duplicates"] += 1
                if not self.augmentation.keep_duplicates:
                    continue
            seen.add(text)
            counts["variants"] += 1
            counts["masked"] += filled.masked
            counts["as_they_were"] += filled.kept
            variants.append(Variant(number, filled))
        return variants
