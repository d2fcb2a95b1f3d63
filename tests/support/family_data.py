"""Raw data of every family of tasks, binarized, and small models trained on them."""

import json
import logging
import random
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Dict, List, Optional, Sequence

import torch
from binarized import preprocess
from forked import run_in_fork
from raw_data import WORDS, row_file, write_pairs
from raw_questions import answer, question_file, without_answer, write_questions
from raw_tags import write_tags
from training import train_command

from fairseq_xling.cli import pseudo_label

TARGETS = ("de", "zh")
SIZES = {"train": 24, "dev": 7, "test": 9}
TAGS = ("DET", "NOUN", "VERB", "ADJ", "X")
LIMITS = {
    "xmixup_xnli": [],
    "multimix_xnli": [],
    # Long sentences and passages have several windows.
    "xmixup_udpos": ["--max-positions=24"],
    "xmixup_xquad": ["--max-positions=24", "--doc-stride=6", "--max-question-length=9"],
}
METRICS = {
    "xmixup_xnli": "accuracy",
    "multimix_xnli": "accuracy",
    "xmixup_udpos": "f1",
    "xmixup_xquad": "score",
}
UPDATES = 16
SAMPLING = ["--scheduled-sampling-midpoint=0.5", f"--max-update={UPDATES}", "--seed=7"]


def binarize(task: str, raw: Path, spm, *options: str) -> Path:
    folder = raw.parent / f"{raw.name}-bin"
    handlers, level = logging.root.handlers[:], logging.root.level
    preprocess(task, raw, spm, folder, *options)
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)
    return folder


def tag_folder(
    folder: Path, spm, labels: Sequence[str] = TAGS, unlabelled: Sequence[str] = ()
) -> Path:
    """UD POS where a word's tag is that of its number in the list of words.

    Args:
        unlabelled: languages whose test set has no tags.
    """
    generator = random.Random(5)

    def draw(lang: str, count: int, least: int = 1, longest: int = 6) -> List[Any]:
        words = WORDS[lang]
        rows = []
        for _ in range(count):
            length = generator.randint(least, longest)
            drawn = generator.choices(range(len(words)), k=length)
            rows.append([(words[i], labels[i % len(labels)]) for i in drawn])
        return rows

    for split, count in SIZES.items():
        tagged = split != "test" or "en" not in unlabelled
        write_tags(folder / f"{split}-en.tsv", draw("en", count), tagged=tagged)
    for lang in TARGETS:
        train, count = draw(lang, SIZES["train"]), SIZES["train"]
        write_tags(folder / row_file("train", lang), train, tagged=False)
        write_tags(folder / f"train-{lang}.tsv", train)
        back = draw("en", count)
        write_tags(folder / row_file("train", lang, "en"), back, tagged=False)
        for split in ("dev", "test"):
            tagged = split == "dev" or lang not in unlabelled
            rows = draw(lang, SIZES[split] - 1) + draw(lang, 1, 30, 50)
            write_tags(folder / f"{split}-{lang}.tsv", rows, tagged=tagged)
            lines = [" ".join(w for w, _ in row) for row in draw("en", SIZES[split])]
            lines[2] = ""  # one sentence has no translation
            path = (folder / row_file(split, lang, "en")).with_suffix(".txt")
            path.parent.mkdir(exist_ok=True)
            path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return binarize("udpos", folder, spm, f"--labels={','.join(labels)}")


def draw_questions(
    generator: random.Random, lang: str, count: int, prefix: str
) -> List[Dict[str, Any]]:
    """Questions; every answer has two readings, one with a word more."""
    joiner = "" if lang == "zh" else " "
    rows = []
    for i in range(count):
        words = generator.choices(WORDS[lang], k=generator.randint(5, 16))
        first = generator.randrange(len(words) - 1)
        last = generator.randrange(first, len(words) - 1)
        start = len(joiner.join([*words[:first], ""]))
        texts = [joiner.join(words[first : end + 1]) for end in (last, last + 1)]
        asked = generator.choices(WORDS[lang], k=4)
        row = {"id": f"{prefix}{i}", "question": joiner.join(asked)}
        answers = [answer(text, start) for text in texts]
        rows.append({**row, "context": joiner.join(words), "answers": answers})
    return rows


def question_folder(folder: Path, spm, unlabelled: Sequence[str] = ()) -> Path:
    """XQuAD's folders, with MLQA's dev sets.

    Args:
        unlabelled: languages whose test set has no answers.
    """
    generator = random.Random(6)

    def write(split: str, lang: str, english: str = "", lost: int = 0) -> None:
        rows = draw_questions(generator, english or lang, SIZES[split], split)[lost:]
        if english or (split == "test" and lang in unlabelled):
            rows = list(map(without_answer, rows))
        write_questions(folder / question_file(split, lang, english), rows)
        if split == "train" and lang != "en" and not english:
            write_questions(folder / f"squad/train-{lang}.json", rows)

    write("train", "en")
    for lang in TARGETS:
        write("train", lang)
        write("train", lang, "en")
    for split in ("dev", "test"):
        for lang in ("en", *TARGETS):
            write(split, lang)
            if lang != "en":
                write(split, lang, "en", lost=1)  # One question has no translation.
    return binarize("xquad", folder, spm)


def pair_folder(folder: Path, spm) -> Path:
    """XNLI in two languages."""
    return binarize("xnli", write_pairs(folder, 7, SIZES, ["de"]), spm)


def training(task: str, data: Path, save_dir: Path, *options: str) -> List[str]:
    """The command line of fairseq-train."""
    best = "--best-checkpoint-metric={}"
    replaced = {
        "--task=xmixup_xnli": f"--task={task}",
        best.format("accuracy"): best.format(METRICS[task]),
    }
    command = train_command(data, save_dir, *LIMITS[task], *options)
    return [replaced.get(option, option) for option in command]


def train(task: str, data: Path, save_dir: Path, *options: str) -> str:
    """Train, and return the log."""
    return run_in_fork(training(task, data, save_dir, *options), check=True).stdout


def label_arguments(data: Path, checkpoint: Path, *options: str):
    parser = pseudo_label.build_parser()
    return parser.parse_args([str(data), "--path", str(checkpoint), "--cpu", *options])


def tagging(spm, folder: Path) -> SimpleNamespace:
    """UD POS: a zero-shot model, its pseudo-labels, and X-Mixup trained on them."""
    data = tag_folder(folder / "raw", spm)
    logs = {}
    options = ["--training-set=source", "--best-checkpoint-metric=f1_en"]
    options += ["--max-update=30", "--lr=0.01", "--seed=3"]
    task = "xmixup_udpos"
    logs["zero"] = train(task, data, folder / "zero", *options)
    zero = folder / "zero/checkpoint_best.pt"
    pseudo_label.main(label_arguments(data, zero))
    logs["mixed"] = train(task, data, folder / "mixed", *SAMPLING)
    return models(folder, data, logs)


def questions(spm, folder: Path) -> SimpleNamespace:
    """XQuAD: X-Mixup without dropout in two micro-batches, and a zero-shot model."""
    data = question_folder(folder / "raw", spm)
    task, logs = "xmixup_xquad", {}
    options = [*SAMPLING, *NO_DROPOUT, "--update-freq=2"]
    logs["mixed"] = train(task, data, folder / "mixed", *options)
    options = ["--training-set=source", "--max-update=6"]
    logs["zero"] = train(task, data, folder / "zero", *options)
    return models(folder, data, logs)


NO_DROPOUT = ["--dropout=0", "--attention-dropout=0", "--pooler-dropout=0"]


def pairs(spm, folder: Path) -> SimpleNamespace:
    """XNLI: X-Mixup."""
    data = pair_folder(folder / "raw", spm)
    log = train("xmixup_xnli", data, folder / "mixed", "--max-update=8")
    return models(folder, data, {"mixed": log})


def models(folder: Path, data: Path, logs: Dict[str, str]) -> SimpleNamespace:
    return SimpleNamespace(
        folder=folder, raw=folder / "raw", data=data, logs=logs,
        **{name: folder / name / "checkpoint_best.pt" for name in logs},
    )  # fmt: skip


def logged(log: str, kind: str) -> List[Dict[str, Any]]:
    """The JSON that a log holds under ``train_inner`` or ``valid``.

    Without what a batch does not have, such as losses of pairs where it has none.
    """
    marker = f"| {kind} |"
    lines = [line.split(marker)[1] for line in log.splitlines() if marker in line]
    entries = [json.loads(line) for line in lines]
    return [{k: v for k, v in entry.items() if v is not None} for entry in entries]


def copy_with(
    source: Path, target: Path, change, name: str = "checkpoint_best.pt"
) -> Path:
    """Save a changed checkpoint under another name."""
    state: Optional[Any] = torch.load(source, map_location="cpu", weights_only=False)
    change(state)
    target.mkdir(parents=True, exist_ok=True)
    torch.save(state, target / name)
    return target / name
