"""Questions about passages as SQuAD has them, where XTREME has them for XQuAD."""

import json
from itertools import groupby
from pathlib import Path
from typing import Any, Dict, List, Sequence

FILES = {
    "train": "squad/translate-train/squad.translate.train.en-{}.json",
    "dev": "mlqa/MLQA_V1/dev/dev-context-{0}-question-{0}.json",
    "test": "xquad/xquad.{}.json",
}
TRANSLATED = {
    "train": "squad/translate-train-en/squad.translate.train.en-{}-en.json",
    "dev": "mlqa/translate-dev/mlqa.translate.dev.{}-en.json",
    "test": "xquad/translate-test/xquad.translate.test.{}-en.json",
}


def question_file(split: str, lang: str, english: str = "") -> str:
    """The file of a split; ``"en"`` for what is translated (back) to English."""
    if (split, lang) == ("train", "en"):
        return "squad/train-v1.1.json"
    return (TRANSLATED if english else FILES)[split].format(lang)


def answer(text: str, start: int) -> Dict[str, Any]:
    return {"text": text, "answer_start": start}


def write_questions(path: Path, rows: Sequence[Dict[str, Any]]) -> None:
    """Write questions; those of a passage that stand together are in one list.

    Args:
        rows: with ``id``, ``question``, ``context`` and ``answers``.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    names = ("id", "question", "answers")
    paragraphs = [
        {"context": context, "qas": [{name: row[name] for name in names} for row in of]}
        for context, of in groupby(rows, lambda row: row["context"])
    ]
    data = {"version": "1.1", "data": [{"title": "t", "paragraphs": paragraphs}]}
    path.write_text(json.dumps(data, indent=1), encoding="utf-8")


def read_questions(path: Path) -> List[Dict[str, Any]]:
    articles = json.loads(path.read_text(encoding="utf-8"))["data"]
    return [
        {"context": paragraph["context"], **entry}
        for article in articles
        for paragraph in article["paragraphs"]
        for entry in paragraph["qas"]
    ]


def without_answer(row: Dict[str, Any]) -> Dict[str, Any]:
    return {**row, "answers": []}
