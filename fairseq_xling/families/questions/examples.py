"""The questions that evaluation reads beside the streams: texts and gold answers."""

from pathlib import Path
from typing import List, NamedTuple

import numpy as np

from fairseq_xling.errors import UserError
from fairseq_xling.files.json_text import parse_json


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
            self.places = np.cumsum([0] + [len(line) for line in file])

    def __getitem__(self, row: int) -> Example:
        with open(self.path, "rb") as file:
            file.seek(int(self.places[row]))
            line = file.readline()
        try:
            return Example(**parse_json(line))
        except (ValueError, TypeError):
            raise UserError(
                f"{self.path}, line {row + 1}: damaged; run preprocessing again"
            ) from None
