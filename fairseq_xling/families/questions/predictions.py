"""Predicted answers of one language."""

import json
from dataclasses import dataclass
from typing import Any, Dict, List, Optional, Sequence, Tuple

import numpy as np

from fairseq_xling.families.base import PredictedRow, Predictions
from fairseq_xling.families.questions.answers import Answer
from fairseq_xling.families.questions.examples import Example


@dataclass
class AnsweredRow(PredictedRow):
    """A question with its predicted answers, best first.

    Attributes:
        example: the question; its ``answers`` are the gold ones.
        answers: the predicted ones.
        scores: exact match and F1 of the best, from 0 to 1; None without gold ones.
    """

    example: Example
    answers: List[Answer]
    scores: Optional[Tuple[float, float]]


class AnswerPredictions(Predictions):
    """A model's answers for one language."""

    ending = "json"

    def __init__(self, rows: Sequence[AnsweredRow], labels: Sequence[str]) -> None:
        super().__init__(rows, labels)
        scores = [one.scores for one in self.rows]
        self.found = None if None in scores else 100 * np.array(scores)

    @property
    def is_finite(self) -> bool:
        return all(np.isfinite(a.probability) for row in self.rows for a in row.answers)

    def scores(self, way: str) -> Optional[Dict[str, float]]:
        """F1, exact match and their mean."""
        if self.found is None:
            return None
        exact, f1 = self.found.mean(axis=0)
        return {
            "score": float(exact + f1) / 2,
            "f1": float(f1),
            "exact_match": float(exact),
        }

    def outcomes(self, way: str) -> np.ndarray:
        """The mean of F1 and exact match of each question, ``(questions,)``."""
        assert self.found is not None
        return self.found.mean(axis=1) / 100

    def submission(self, way: str) -> str:
        """The answers' texts by question id, as JSON."""
        best = {row.example.id: row.answers[0].text for row in self.rows}
        return json.dumps(best, ensure_ascii=False, indent=2) + "\n"

    def to_json(self) -> Dict[str, Any]:
        """All listed answers with their probabilities, by question id."""
        return {
            row.example.id: [
                {"text": a.text, "start": a.begin, "probability": a.probability}
                for a in row.answers
            ]
            for row in self.rows
        }

    def results(self, texts: Sequence[Any]) -> List[Dict[str, Any]]:
        """The best ``answer``, its ``start``, its ``probability``, and ``n_best``."""
        found = []
        for row in self.rows:
            listed = [
                {"answer": a.text, "start": a.begin, "probability": a.probability}
                for a in row.answers
            ]
            found.append({**listed[0], "n_best": listed})
        return found
