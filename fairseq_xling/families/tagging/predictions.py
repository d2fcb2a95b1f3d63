"""Predicted tags of one language."""

from typing import Any, Dict, List, Optional, Sequence

import numpy as np

from fairseq_xling.families.tagging.metric import sentence_counts, tagging_f1


class TagPredictions:
    """A model's tags for one language, in the order of its sentences.

    Args:
        rows: the predicted sentences, each with ``probabilities`` ``(words, tags)`` and
            ``gold`` ``(words,)`` or None.
        labels: names of the tags.
    """

    ratio: Optional[np.ndarray] = None
    has_source: np.ndarray

    def __init__(self, rows: Sequence[Any], labels: Sequence[str]) -> None:
        self.labels = labels
        self.probabilities = [row.probabilities for row in rows]
        gold = [row.gold for row in rows]
        self.gold: Optional[List[List[str]]] = None
        if all(tags is not None for tags in gold):
            self.gold = [[labels[tag] for tag in tags] for tags in gold]
        self.has_source = np.zeros(len(rows), bool)

    def __len__(self) -> int:
        return len(self.probabilities)

    @property
    def is_finite(self) -> bool:
        """Whether all probabilities are numbers."""
        return all(np.isfinite(one).all() for one in self.probabilities)

    def predicted(self) -> List[List[str]]:
        """The most probable tag of each word, by sentence."""
        return [
            [self.labels[tag] for tag in one.argmax(axis=1)]
            for one in self.probabilities
        ]

    def scores(self, way: str) -> Optional[Dict[str, float]]:
        """F1 in percent, as seqeval computes it; None without tags."""
        if self.gold is None:
            return None
        return {"score": tagging_f1(self.gold, self.predicted())}

    def outcomes(self, way: str) -> np.ndarray:
        """Right, predicted and gold chunks of each sentence, ``(sentences, 3)``."""
        assert self.gold is not None
        return sentence_counts(self.gold, self.predicted())

    def submission(self, way: str, labels: Sequence[str]) -> str:
        """XTREME's prediction file: one tag a line, an empty line after a sentence."""
        return "".join(
            "".join(f"{tag}\n" for tag in tags) + "\n" for tags in self.predicted()
        )
