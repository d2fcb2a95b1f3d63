"""Predicted tags of one language."""

import itertools
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Dict, Iterator, List, Optional, Sequence

import numpy as np

from fairseq_xling.families.base import PredictedRow, Predictions
from fairseq_xling.families.row_file import RowFile
from fairseq_xling.families.tagging.metric import f1_from_counts, sentence_counts

# Sentences whose chunks are counted at once; bounds memory, not the result.
BLOCK_ROWS = 8192


@dataclass
class TaggedRow(PredictedRow):
    """A predicted sentence.

    Attributes:
        probabilities: ``(words, tags)``.
        gold: tag indices, ``(words,)``; None where they are unknown.
    """

    probabilities: np.ndarray
    gold: Optional[np.ndarray]


class TagPredictions(Predictions):
    """A model's tags for one language."""

    def __init__(self, rows: RowFile, labels: Sequence[str]) -> None:
        super().__init__(rows, labels)
        self.is_known = all(one.gold is not None for one in rows)

    @property
    def is_finite(self) -> bool:
        return all(np.isfinite(one.probabilities).all() for one in self.rows)

    def predicted(self) -> Iterator[List[str]]:
        """The most probable tag of each word, by sentence."""
        return (self._named(one.probabilities.argmax(axis=1)) for one in self.rows)

    def scores(self, way: str) -> Optional[Dict[str, float]]:
        """F1, as seqeval computes it."""
        if not self.is_known:
            return None
        return {"score": f1_from_counts(*self.outcomes(way).sum(axis=0).tolist())}

    def outcomes(self, way: str) -> np.ndarray:
        """Right, predicted and gold chunks of each sentence, ``(sentences, 3)``."""
        return self.counts

    @cached_property
    def counts(self) -> np.ndarray:
        rows, counts = iter(self.rows), []
        while block := list(itertools.islice(rows, BLOCK_ROWS)):
            gold = [self._named(one.gold) for one in block]
            found = [self._named(one.probabilities.argmax(axis=1)) for one in block]
            counts.append(sentence_counts(gold, found))
        return np.concatenate(counts)

    def submission(self, way: str) -> Iterator[str]:
        """One tag a line, an empty line after a sentence."""
        for tags in self.predicted():
            yield "".join(f"{tag}\n" for tag in tags) + "\n"

    def _named(self, tags: np.ndarray) -> List[str]:
        return [self.labels[tag] for tag in tags]

    def results(self, texts: Sequence[Any]) -> List[Dict[str, Any]]:
        """The ``words``, their ``tags`` and the ``probabilities`` of these."""
        return [
            {
                "words": text.words,
                "tags": tags,
                "probabilities": one.probabilities.max(axis=1).tolist(),
            }
            for text, tags, one in zip(texts, self.predicted(), self.rows)
        ]
