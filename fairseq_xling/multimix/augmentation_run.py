"""A run of the generator over chunks of samples, saved after each."""

import logging
import sys
import time
from typing import Any, Callable, Dict, FrozenSet, Iterator, List, Optional, Sequence

import torch
from tqdm import tqdm

from fairseq_xling.errors import UserError
from fairseq_xling.multimix.parts import Sample
from fairseq_xling.multimix.store import VariantStore, describe
from fairseq_xling.multimix.variants import GenLM

logger = logging.getLogger(__name__)


class AugmentationRun:
    """Generates chunk after chunk; those that are stored already are read instead.

    Args:
        gen_lm: makes the variants.
        streams: the splits and languages that samples come from.
        chunks: number of samples of each chunk that will come.
        store: where variants are kept, or None.
        finish: called when the last chunk is stored, or None.
    """

    # fairseq-generate asks for it; special tokens are left out all the same.
    symbols_to_strip_from_output: FrozenSet[int] = frozenset()

    def __init__(
        self,
        gen_lm: GenLM,
        streams: Sequence[str],
        chunks: Sequence[int],
        store: Optional[VariantStore],
        finish: Optional[Callable[[], None]],
    ) -> None:
        self.gen_lm = gen_lm
        self.chunks = chunks
        self.store = store
        self.finish = finish
        self.step_number = 0
        self.stored = 0
        self.readers: Dict[str, "_Reader"] = {}
        if store is not None:
            gen_lm.counts.update(store.counts)
            store.counts = dict(gen_lm.counts)
            self.stored = len(chunks) if store.is_finished else store.chunks
            self.readers = {name: _Reader(store.read(name)) for name in streams}
        done = sum(chunks[: self.stored])
        self.generated = 0
        self.began = time.monotonic()
        self.bar = tqdm(
            total=sum(chunks),
            initial=done,
            unit=" sentences",
            # On a terminal, fairseq-generate has a bar above, which counts chunks.
            position=int(sys.stderr.isatty()),
            leave=False,
            mininterval=0.1 if sys.stderr.isatty() else 10,
        )

    @property
    def is_over(self) -> bool:
        """Whether the last chunk has come."""
        return self.step_number == len(self.chunks)

    def step(self, samples: Sequence[Sample]) -> List[List[Dict[str, Any]]]:
        """Make, or read, the variants of the next chunk.

        Returns:
            what :func:`~fairseq_xling.multimix.store.describe` tells of each variant
            of each sample, and its ``tokens``.
        """
        number, self.step_number = self.step_number, self.step_number + 1
        if number < self.stored:
            told = [self.readers[one.stream].take(one.row) for one in samples]
        else:
            told = self._make(samples)
        # A run that was killed before it could finish has every chunk stored.
        is_open = self.store is None or not self.store.is_finished
        if self.is_over and is_open:
            if self.finish is not None:
                self.finish()
            self._report()
        return told

    def _make(self, samples: Sequence[Sample]) -> List[List[Dict[str, Any]]]:
        try:
            made = self.gen_lm.generate(samples, self.bar.update)
        except UserError:
            self.bar.close()  # The message has a line of its own.
            raise
        self.generated += len(samples)
        if self.store is not None and samples:
            self.store.write(samples, made, self.gen_lm.counts)
        return [
            [
                {**describe(sample, variant), "tokens": variant.filled.tokens}
                for variant in variants
            ]
            for sample, variants in zip(samples, made)
        ]

    def _report(self) -> None:
        self.bar.close()
        counts = self.gen_lm.counts
        seconds = max(time.monotonic() - self.began, 1e-9)
        kept = self.gen_lm.augmentation.keep_duplicates
        logger.info(
            f"{counts['samples']} samples, {counts['variants']} variants, "
            f"{counts['duplicates']} duplicates {'kept' if kept else 'dropped'}, "
            f"{counts['unchangeable']} samples that cannot be changed kept as they "
            f"are; of {counts['masked']} masked words, {counts['as_they_were']} were "
            f"predicted as they were; {self.generated / seconds:.1f} sentences/s"
        )


class _Reader:
    """Takes the variants of one row after the other."""

    def __init__(self, variants: Iterator[Dict[str, Any]]) -> None:
        self.variants = variants
        self.next = next(variants, None)

    def take(self, row: int) -> List[Dict[str, Any]]:
        taken = []
        while self.next is not None and self.next["row"] == row:
            taken.append(self.next)
            self.next = next(self.variants, None)
        return taken


def as_hypothesis(variant: Dict[str, Any]) -> Dict[str, Any]:
    """Turn a described variant into what ``fairseq-generate`` prints."""
    scores = torch.zeros(variant["length"])
    scores[variant["positions"]] = torch.tensor(variant["log_probs"])
    return {
        "tokens": torch.from_numpy(variant["tokens"].astype("int64")),
        "score": variant["log_prob"],
        "positional_scores": scores,
        "alignment": [],
    }
