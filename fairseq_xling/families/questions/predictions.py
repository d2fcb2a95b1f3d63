"""Questions as evaluation reads them, and the predicted answers of one language."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from fairseq_xling.errors import UserError
from fairseq_xling.families.base import PredictedRow, Predictions
from fairseq_xling.families.questions.answers import Answer
from fairseq_xling.families.row_file import RowFile
from fairseq_xling.files.json_text import json_object, parse_json


class Example(NamedTuple):
    """A question as evaluation knows it."""

    id: str
    question: str
    context: str
    answers: List[str]


class ExampleFile:
    """The questions of one split in one language, read one by one."""

    def __init__(self, folder: Path, split: str, lang: str) -> None:
        self.path = folder / f"{split}.{lang}.examples.jsonl"
        if not self.path.exists():
            raise UserError(f"{self.path}: not found; run preprocessing again")
        with open(self.path, "rb") as file:
            self.ends = np.cumsum(np.fromiter(map(len, file), np.int64))

    def __getitem__(self, row: int) -> Example:
        with open(self.path, "rb") as file:
            file.seek(int(self.ends[row - 1]) if row else 0)
            line = file.readline()
        try:
            return Example(**parse_json(line))
        except (ValueError, TypeError):
            raise UserError(
                f"{self.path}, line {row + 1}: damaged; run preprocessing again"
            ) from None


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

    def __init__(self, rows: RowFile, labels: Sequence[str]) -> None:
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

    def submission(self, way: str) -> Iterator[str]:
        """The answers' texts by question id, as JSON."""
        return json_object((row.example.id, row.answers[0].text) for row in self.rows)

    def n_best(self) -> Iterator[str]:
        """All listed answers with their probabilities, by question id, as JSON."""
        return json_object(
            (row.example.id, self._listed(row, "text")) for row in self.rows
        )

    def results(self, texts: Sequence[Any]) -> List[Dict[str, Any]]:
        """The best ``answer``, its ``start``, its ``probability``, and ``n_best``."""
        listed = [self._listed(row, "answer") for row in self.rows]
        return [{**answers[0], "n_best": answers} for answers in listed]

    def _listed(self, row: AnsweredRow, name: str) -> List[Dict[str, Any]]:
        return [
            {name: one.text, "start": one.begin, "probability": one.probability}
            for one in row.answers
        ]
