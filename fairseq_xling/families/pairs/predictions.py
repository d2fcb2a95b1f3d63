"""Predicted classes of one language, from either stream or both."""

from dataclasses import dataclass
from typing import Any, Dict, List, Optional, Sequence

import numpy as np

from fairseq_xling.families.pairs.metric import accuracy

WAYS = ("mean", "target", "source")


@dataclass
class ClassPredictions:
    """A model's classes for one language, in the order of its rows.

    Attributes:
        target: probabilities from the target stream, ``(rows, classes)``.
        source: probabilities from the source stream, same shape; those of the target
            where a row has no counterpart.
        has_source: rows with a counterpart, bool ``(rows,)``.
        labels: gold classes, ``(rows,)``, or None.
        ratio: mixup ratios ``(rows with counterpart, mixing layers)``, or None.
    """

    target: np.ndarray
    source: np.ndarray
    has_source: np.ndarray
    labels: Optional[np.ndarray]
    ratio: Optional[np.ndarray]

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

    def __len__(self) -> int:
        return len(self.target)

    @property
    def is_finite(self) -> bool:
        """Whether all probabilities are numbers."""
        return bool(np.isfinite(self.target).all() and np.isfinite(self.source).all())

    def scores(self, way: str) -> Optional[Dict[str, float]]:
        """Accuracy in percent; None without labels."""
        if self.labels is None:
            return None
        return {"score": accuracy(self.predicted(way), self.labels)}

    def outcomes(self, way: str) -> np.ndarray:
        """Whether each row is right, bool ``(rows,)``, for the paired bootstrap."""
        return self.predicted(way) == self.labels

    def submission(self, way: str, labels: Sequence[str]) -> str:
        """XTREME's prediction file: one label a line."""
        return "".join(f"{labels[i]}\n" for i in self.predicted(way))


def as_arrays(output: Dict[str, Any]) -> Dict[str, Optional[np.ndarray]]:
    """A batch's output as arrays with one entry a row."""
    target = output["target"].cpu().numpy()
    pairs = len(output["source"])
    source = target.copy()
    source[:pairs] = output["source"].cpu().numpy()
    ratio = None
    if output["ratio"] is not None:
        ratio = np.full((len(target), output["ratio"].size(1)), np.nan)
        ratio[:pairs] = output["ratio"].float().cpu().numpy()
    label = output["label"]
    return {
        "lang": output["lang"],
        "row": output["row"],
        "target": target,
        "source": source,
        "has_source": np.arange(len(target)) < pairs,
        "label": None if label is None else label.cpu().numpy(),
        "ratio": ratio,
    }


def put_together(parts: List[Dict[str, Any]]) -> ClassPredictions:
    """Merge the parts of one language, in the order of its rows."""
    order = np.argsort(np.concatenate([part["row"] for part in parts]))

    def merged(key: str) -> np.ndarray:
        return np.concatenate([part[key] for part in parts])[order]

    has_source = merged("has_source")
    ratios = [part["ratio"] for part in parts if part["ratio"] is not None]
    ratio = np.concatenate(ratios) if ratios else None
    if ratio is not None:
        ratio = ratio[~np.isnan(ratio).any(axis=1)]
    # No labels are -1 where other languages of the same batch have some.
    unlabelled = any(
        part["label"] is None or (part["label"] < 0).any() for part in parts
    )
    return ClassPredictions(
        target=merged("target"),
        source=merged("source"),
        has_source=has_source,
        labels=None if unlabelled else merged("label"),
        ratio=ratio if ratio is not None and len(ratio) else None,
    )
