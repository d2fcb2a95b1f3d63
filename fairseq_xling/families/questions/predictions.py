"""Predicted answers of one language."""

import json
from typing import Any, Dict, Optional, Sequence

import numpy as np

from fairseq_xling.families.questions.metric import score_answer


class AnswerPredictions:
    """A model's answers for one language, in the order of its questions.

    Args:
        rows: the answered questions, each with its ``example`` and its ``answers``,
            best first.
        lang: the language, by whose rules answers are compared.
        rules: ``"squad"`` or ``"mlqa"``.
    """

    ratio: Optional[np.ndarray] = None
    has_source: np.ndarray

    def __init__(self, rows: Sequence[Any], lang: str, rules: str) -> None:
        self.rows = rows
        self.found: Optional[np.ndarray] = None
        if all(row.example.answers for row in rows):
            self.found = 100 * np.array(
                [
                    score_answer(row.answers[0].text, row.example.answers, lang, rules)
                    for row in rows
                ]
            )
        self.has_source = np.zeros(len(rows), bool)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def is_finite(self) -> bool:
        """Whether all probabilities are numbers."""
        return all(np.isfinite(a.probability) for row in self.rows for a in row.answers)

    def scores(self, way: str) -> Optional[Dict[str, float]]:
        """F1, exact match and their mean in percent; None without gold answers."""
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

    def submission(self, way: str, labels: Sequence[str]) -> str:
        """XTREME's prediction file: the answers' texts by question id, as JSON."""
        best = {row.example.id: row.answers[0].text for row in self.rows}
        return json.dumps(best, ensure_ascii=False, indent=2) + "\n"

    def n_best(self) -> Dict[str, Any]:
        """All listed answers with their probabilities, by question id."""
        return {
            row.example.id: [
                {"text": a.text, "start": a.begin, "probability": a.probability}
                for a in row.answers
            ]
            for row in self.rows
        }
