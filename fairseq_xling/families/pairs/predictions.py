"""Predicted classes of one language, from either stream or both."""

from dataclasses import dataclass
from typing import Any, Dict, Iterator, List, Optional, Sequence

import numpy as np

from fairseq_xling.families.base import PredictedRow, Predictions
from fairseq_xling.families.pairs.metric import accuracy
from fairseq_xling.families.row_file import RowFile


@dataclass
class ClassifiedRow(PredictedRow):
    """A predicted pair of sentences.

    Attributes:
        target: probabilities from the target stream, ``(classes,)``.
        source: those from the source stream, or the same where there is none.
        ratio: mixup ratios, ``(mixing layers,)``, or None.
        gold: the class; None where it is unknown.
    """

    target: np.ndarray
    source: np.ndarray
    ratio: Optional[np.ndarray]
    gold: Optional[int]

    @property
    def probabilities(self) -> np.ndarray:
        """The mean of both streams, ``(1, classes)``."""
        return ((self.target + self.source) / 2)[None]


class ClassPredictions(Predictions):
    """A model's classes for one language.

    Attributes:
        target: probabilities from the target stream, ``(rows, classes)``.
        source: probabilities from the source stream, same shape; those of the target
            where a row has no counterpart.
        gold: classes, ``(rows,)``, or None.
    """

    def __init__(self, rows: RowFile, labels: Sequence[str]) -> None:
        super().__init__(rows, labels)
        self.target = np.empty((len(rows), len(labels)), np.float32)
        self.source = np.empty_like(self.target)
        gold = np.empty(len(rows), np.int64)
        mixed, ratio = np.zeros(len(rows), bool), None
        for place, (added, one) in enumerate(zip(rows.order(), rows)):
            self.target[place], self.source[place] = one.target, one.source
            gold[place] = -1 if one.gold is None else one.gold
            if one.ratio is not None:
                if ratio is None:
                    ratio = np.empty((len(rows), len(one.ratio)), np.float64)
                # Means are summed up in the order in which the rows came.
                mixed[added], ratio[added] = True, one.ratio
        self.gold = None if (gold < 0).any() else gold
        self.ratio = None if ratio is None else ratio[mixed]

    def probabilities(self, way: str) -> np.ndarray:
        """Probabilities by ``"target"``, ``"source"``, or the ``"mean"`` of both.

        Source: X-Mixup section 4.3 (the mean).
        """
        if way == "mean":
            return (self.target + self.source) / 2
        return self.target if way == "target" else self.source

    def predicted(self, way: str) -> np.ndarray:
        """Predicted classes, ``(rows,)``."""
        return self.probabilities(way).argmax(axis=1)

    @property
    def is_finite(self) -> bool:
        return bool(np.isfinite(self.target).all() and np.isfinite(self.source).all())

    def scores(self, way: str) -> Optional[Dict[str, float]]:
        """Accuracy."""
        if self.gold is None:
            return None
        return {"score": accuracy(self.predicted(way), self.gold)}

    def outcomes(self, way: str) -> np.ndarray:
        """Whether each row is right, bool ``(rows,)``."""
        return self.predicted(way) == self.gold

    def submission(self, way: str) -> Iterator[str]:
        """One label a line."""
        return (f"{self.labels[i]}\n" for i in self.predicted(way))

    def results(self, texts: Sequence[Any]) -> List[Dict[str, Any]]:
        """The ``label``, and ``probabilities`` by label."""
        return [
            {
                "label": self.labels[int(one.argmax())],
                "probabilities": dict(zip(self.labels, one.tolist())),
            }
            for one in self.probabilities("mean")
        ]
