"""Predicted tags of one language."""

from dataclasses import dataclass
from typing import Any, Dict, List, Optional, Sequence

import numpy as np

from fairseq_xling.families.base import PredictedRow, Predictions
from fairseq_xling.families.tagging.metric import sentence_counts, tagging_f1


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

    def __init__(self, rows: Sequence[TaggedRow], labels: Sequence[str]) -> None:
        super().__init__(rows, labels)
        gold = [one.gold for one in self.rows]
        self.gold: Optional[List[List[str]]] = None
        if all(tags is not None for tags in gold):
            self.gold = [[labels[tag] for tag in tags] for tags in gold]

    @property
    def is_finite(self) -> bool:
        return all(np.isfinite(one.probabilities).all() for one in self.rows)

    def predicted(self) -> List[List[str]]:
        """The most probable tag of each word, by sentence."""
        return [
            [self.labels[tag] for tag in one.probabilities.argmax(axis=1)]
            for one in self.rows
        ]

    def scores(self, way: str) -> Optional[Dict[str, float]]:
        """F1, as seqeval computes it."""
        if self.gold is None:
            return None
        return {"score": tagging_f1(self.gold, self.predicted())}

    def outcomes(self, way: str) -> np.ndarray:
        """Right, predicted and gold chunks of each sentence, ``(sentences, 3)``."""
        assert self.gold is not None
        return sentence_counts(self.gold, self.predicted())

    def submission(self, way: str) -> str:
        """One tag a line, an empty line after a sentence."""
        return "".join(
            "".join(f"{tag}\n" for tag in tags) + "\n" for tags in self.predicted()
        )

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
