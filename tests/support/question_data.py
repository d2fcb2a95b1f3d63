"""Small binarized questions about passages, written with fairseq's own builder."""

import json
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence

import numpy as np
import torch
from fairseq.data import Dictionary
from omegaconf import OmegaConf
from pair_data import SYMBOLS, pair_tokens, tiny_dictionary, write_stream

from fairseq_xling.data.manifest import Manifest, SplitEntry, stream_prefix
from fairseq_xling.families.questions.task import QuestionsConfig
from fairseq_xling.tasks import XMixupXQuADTask
from fairseq_xling.version import __version__

NOTHING = torch.tensor([], dtype=torch.long)


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
    rows = rows or {"train": 20, "valid": 8, "test": 8}
    folder.mkdir(parents=True)
    dictionary = tiny_dictionary()
    dictionary.save(str(folder / "dict.txt"))
    Dictionary().save(str(folder / "label.dict.txt"))
    (folder / "sentencepiece.bpe.model").write_bytes(b"not used")
    generator = np.random.default_rng(seed)

    def draw(count: int, shift: int) -> List[dict]:
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

    splits: Dict[str, Dict[str, SplitEntry]] = {}
    for split, count in rows.items():
        splits[split] = {}
        for lang in languages:
            own = draw(count, 0 if lang == "en" else SYMBOLS // 2)
            streams = {"input": [row["tokens"] for row in own]}
            for name in ("context_length", "span"):
                streams[name] = [row[name] for row in own]
            if split != "train":
                streams["offsets"] = [row["offsets"] for row in own]
                lines = []
                for number, row in enumerate(own):
                    entry = {k: row[k] for k in ("question", "context", "answers")}
                    lines.append(json.dumps({"id": f"{lang}-{number}", **entry}))
                path = folder / f"{split}.{lang}.examples.jsonl"
                path.write_text("\n".join(lines) + "\n")
            if lang != "en":
                source = draw(count, 0)
                streams["source"] = [row["tokens"] for row in source]
                streams["source"][::5] = [NOTHING] * len(range(0, count, 5))
            if lang != "en" and split == "train":
                spans = [row["span"] for row in source]
                spans[::5] = [NOTHING] * len(range(0, count, 5))
                spans[2::5] = [NOTHING] * len(range(2, count, 5))
                streams["source_span"] = spans
                back = [row["tokens"] for row in draw(count, 0)]
                back[1::5] = [NOTHING] * len(range(1, count, 5))
                streams["backtranslation"] = back
            kept = [s for s in streams if f"{split}.{lang}.{s}" not in without]
            for stream in kept:
                write_stream(
                    stream_prefix(folder, split, lang, stream), streams[stream]
                )
            splits[split][lang] = SplitEntry(rows=count, streams=kept)
    Manifest(
        task=task,
        source_lang="en",
        languages=list(languages),
        labels=[],
        splits=splits,
        dictionary_size=len(dictionary) + 1,
        dictionary_sha256="",
        tokenizer_sha256="",
        version=__version__,
    ).save(folder)
    return folder


def question_task(data, task=XMixupXQuADTask, config=QuestionsConfig, **options):
    values = {
        "data": str(data),
        "seed": 3,
        "train_subset": "train",
        "max_update": 0,
        "max_epoch": 0,
        "update_freq": [1],
        "max_positions": 24,
        "doc_stride": 5,
        "max_question_length": 6,
        "max_answer_length": 4,
        **options,
    }
    return task.setup_task(OmegaConf.merge(OmegaConf.structured(config), values))


def covered_text(text: str, context: Any, first: int, last: int) -> str:
    """The original text of tokens ``first`` to ``last``, both included."""
    return text[context.begins[first] : context.ends[last]].strip()
