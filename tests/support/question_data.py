"""Small binarized questions about passages."""

import json
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence

import numpy as np
import torch
from pair_data import pair_tokens
from small_data import SYMBOLS, Rows, empty, setup_task, write_data

from fairseq_xling.families.questions.task import QuestionsConfig
from fairseq_xling.tasks import XMixupXQuADTask


def write_question_data(
    folder: Path,
    rows: Optional[Dict[str, int]] = None,
    languages: Sequence[str] = ("en", "de", "sw"),
    seed: int = 0,
    longest: int = 40,
    longest_question: int = 8,
    task: str = "xquad",
    without: Sequence[str] = (),
) -> Path:
    """Write data whose passages are words ``w5 w17``, one token each.

    Args:
        rows: rows of each split in each language.
        longest, longest_question: tokens of the longest passage and question.
        without: streams, as ``"split.lang.stream"``, to leave out. A row in five has
            no source, the second one in five no back-translation, the third a source
            without answer.
    """
    generator = np.random.default_rng(seed)

    def questions(count: int, shift: int) -> List[dict]:
        drawn = []
        for _ in range(count):
            question = generator.integers(0, SYMBOLS // 2, size=SYMBOLS) + 4 + shift
            question = question[: generator.integers(1, longest_question + 1)]
            size = int(generator.integers(3, longest + 1))
            context = generator.integers(0, SYMBOLS // 2, size) + 4 + shift
            first = int(generator.integers(0, size))
            last = min(size - 1, first + int(generator.integers(0, 3)))
            tokens = pair_tokens(question.tolist(), context.tolist())
            words = [f"w{token}" for token in context]
            ends = np.cumsum([len(word) + 1 for word in words]) - 1
            begins = ends - [len(word) for word in words]
            text = " ".join(words)
            drawn.append(
                {
                    "tokens": tokens,
                    "context_length": torch.tensor([size]),
                    "span": torch.tensor([first, last]) + len(question) + 3,
                    "offsets": torch.from_numpy(np.stack([begins, ends], 1).ravel()),
                    "question": " ".join(f"w{token}" for token in question),
                    "context": text,
                    "answers": [text[begins[first] : ends[last]]],
                }
            )
        return drawn

    def draw(split: str, lang: str, count: int) -> Dict[str, Rows]:
        own = questions(count, 0 if lang == "en" else SYMBOLS // 2)
        streams = {"input": [row["tokens"] for row in own]}
        for name in ("context_length", "span"):
            streams[name] = [row[name] for row in own]
        if split != "train":
            streams["offsets"] = [row["offsets"] for row in own]
            lines = []
            for number, row in enumerate(own):
                entry = {k: row[k] for k in ("question", "context", "answers")}
                lines.append(json.dumps({"id": f"{lang}-{number}", **entry}) + "\n")
            (folder / f"{split}.{lang}.examples.jsonl").write_text("".join(lines))
        if lang != "en":
            source = questions(count, 0)
            streams["source"] = empty([row["tokens"] for row in source], 5)
        if lang != "en" and split == "train":
            spans = empty([row["span"] for row in source], 5)
            streams["source_span"] = empty(spans, 5, first=2)
            back = [row["tokens"] for row in questions(count, 0)]
            streams["backtranslation"] = empty(back, 5, first=1)
        return streams

    rows = rows or {"train": 20, "valid": 8, "test": 8}
    return write_data(folder, task, [], rows, languages, without, draw)


def question_task(data, task=XMixupXQuADTask, config=QuestionsConfig, **options):
    values = {"max_positions": 24, "doc_stride": 5}
    values.update(max_question_length=6, max_answer_length=4)
    return setup_task(task, config, data, **{**values, **options})


def covered_text(text: str, context: Any, first: int, last: int) -> str:
    """The original text of tokens ``first`` to ``last``, both included."""
    return text[context.begins[first] : context.ends[last]].strip()
