"""Raw question answering to binarized data: preprocess/{xquad,mlqa,tydiqa}.py."""

import json
import logging
from contextlib import ExitStack
from pathlib import Path
from typing import Callable, Dict, FrozenSet, List, Optional, Sequence, cast

import numpy as np
from fairseq.data import Dictionary
from tqdm import tqdm

from fairseq_xling.cli.preprocess import (
    build_parser,
    chunks,
    parse_args,
    run,
    summary,
)
from fairseq_xling.data.binarize import StreamWriter
from fairseq_xling.data.binarize_questions import EncodedQuestion, QuestionEncoder
from fairseq_xling.data.manifest import SplitEntry, stream_prefix
from fairseq_xling.data.raw_layout import Places, RawLayout, SplitSources
from fairseq_xling.data.raw_questions import (
    QuestionFile,
    QuestionSubset,
    read_questions,
)
from fairseq_xling.errors import UserError

logger = logging.getLogger(__name__)

# Positions and characters in a passage.
NUMBERS = 1 << 30
# What the log calls a long passage: more than XLM-R reads at once.
LONG = 512

# A user's own files; the benchmarks' scripts put theirs before these.
OWN_PLACES: Dict[str, List[str]] = {
    "train": ["train-{src}.json"],
    "translate-train": ["translate-train/{src}-{lang}-translated.json"],
    "back-translation": ["translate-train-{src}/{src}-{lang}-{src}-translated.json"],
    "supervised": ["train-{lang}.json"],
    "dev": ["dev-{lang}.json"],
    "test": ["test-{lang}.json"],
    "translate-dev": ["translate-dev/dev-{lang}-{src}-translated.json"],
    "translate-test": ["translate-test/test-{lang}-{src}-translated.json"],
}
SQUAD_PLACES: Dict[str, List[str]] = {
    "train": ["squad/train-v1.1.json"],
    "translate-train": [
        "squad/translate-train/squad.translate.train.{src}-{lang}.json",
        "SQuAD/translate-train/squad.translate.train.{src}-{lang}.json",
    ],
    "back-translation": [
        "squad/translate-train-{src}/squad.translate.train.{src}-{lang}-{src}.json"
    ],
    "supervised": ["squad/train-{lang}.json"],
    "dev": ["mlqa/MLQA_V1/dev/dev-context-{lang}-question-{lang}.json"],
    "translate-dev": ["mlqa/translate-dev/mlqa.translate.dev.{lang}-{src}.json"],
}


class QuestionLayout(RawLayout):
    """A raw folder of which a share of the training articles may be held out."""

    held_out = 0.0

    def splits(self, langs: List[str]) -> List[SplitSources]:
        """The splits to write; held-out articles are the dev set in every language."""
        splits = super().splits(langs)
        if not self.held_out:
            return splits
        if any(part.split == "valid" for part in splits):
            raise UserError(
                f"--held-out {self.held_out}: {self.folder} has dev files; leave the "
                "option out, or these"
            )
        source = cast(QuestionFile, splits[0].input)
        ids = last_questions(source, self.held_out)
        train, dev = [], []
        for part in splits:
            if part.split != "train":
                train.append(part)
                continue
            file = cast(QuestionFile, part.input)
            train.append(part._replace(input=QuestionSubset(file, ids, inside=False)))
            held = QuestionSubset(file, ids, inside=True)
            dev.append(part._replace(split="valid", input=held, backtranslation=None))
        return train + dev


def last_questions(file: QuestionFile, share: float) -> FrozenSet[str]:
    """Ids of the last questions, whole passages of them, about ``share`` of all."""
    rows = list(file.rows())
    first = rows[int(len(rows) * (1 - share))].context
    place = next(i for i, row in enumerate(rows) if row.context == first)
    return frozenset(row.id for row in rows[place:])


def main(
    task: str,
    places: Places,
    lang_of: Callable[[str], Optional[str]] = lambda question_id: None,
    argv: Optional[Sequence[str]] = None,
) -> None:
    """Read raw data and write the binarized folder.

    Args:
        task: name of the benchmark, for the manifest.
        places: where its files are looked for, before ``OWN_PLACES``.
        lang_of: the language that a question's id names, for files that mix languages.
        argv: command line arguments (default: those of the process).

    Raises:
        UserError: anything in the raw data or the arguments that is wrong.
    """
    parser = build_parser(task)
    parser.add_argument(
        "--skip-misplaced-answers",
        action="store_true",
        help="leave out answers that do not stand where the file says",
    )
    parser.add_argument(
        "--held-out",
        type=float,
        default=0.0,
        metavar="SHARE",
        help="share of the training questions that becomes the dev set",
    )
    args = parse_args(parser, argv)
    if not 0 <= args.held_out < 1:
        raise UserError(f"--held-out {args.held_out}: give a share from 0 to below 1")

    def open_file(paths: List[Path], lang: Optional[str]) -> QuestionFile:
        return QuestionFile(paths, lang, lang_of, args.skip_misplaced_answers)

    def languages_in(path: Path) -> FrozenSet[str]:
        found = {lang_of(question_id) for question_id, *_ in read_questions(path)}
        return frozenset(lang for lang in found if lang)

    all_places = {
        kind: [*places.get(kind, ()), *own] for kind, own in OWN_PLACES.items()
    }
    layout = QuestionLayout(
        args.raw, args.source_lang, all_places, open_file, languages_in
    )
    layout.held_out = args.held_out
    run(args, task, [], layout, QuestionEncoder, write_split)


def write_split(
    part: SplitSources, folder: Path, encoder: QuestionEncoder, labels: Dictionary
) -> SplitEntry:
    """Write the streams of one split in one language."""
    is_trained = part.split in ("train", "supervised")
    has_labels = part.input.has_labels
    names = ["input", "context_length"] + ["span"] * has_labels
    names += [] if is_trained else ["offsets"]
    names += ["source"] * (part.source is not None)
    names += ["source_span"] * (part.source is not None and is_trained)
    names += ["backtranslation"] * (part.backtranslation is not None)
    tokens = ("input", "source", "backtranslation")
    rows = longest = long = 0
    remarks: Dict[str, int] = {}

    def count(what: str, number: int) -> None:
        remarks[what] = remarks.get(what, 0) + int(number)

    with ExitStack() as stack:
        writers = {
            name: StreamWriter(
                stream_prefix(folder, part.split, part.lang, name),
                len(encoder.dictionary) if name in tokens else NUMBERS,
            )
            for name in names
        }
        texts = None
        if not is_trained:
            path = folder / f"{part.split}.{part.lang}.examples.jsonl"
            texts = stack.enter_context(open(path, "w", encoding="utf-8"))
        progress = stack.enter_context(
            tqdm(desc=f"{part.split}.{part.lang}", unit=" rows", disable=None)
        )
        for whole_chunk in chunks(part, same_labels=False):
            chunk = [aligned for aligned in whole_chunk if aligned[0].is_whole]
            count("without question or passage, left out", len(whole_chunk) - len(chunk))
            questions = encoder.encode([row for row, _ in chunk])
            kept = range(len(chunk))
            if is_trained:
                kept = [i for i in kept if questions[i] and questions[i].span]
                count("whose answer is lost, left out", len(chunk) - len(kept))
            others = list(zip(*(other for _, other in chunk))) or [(), ()]
            groups = {"input": [questions[i] for i in kept]}
            for name, group in zip(tokens[1:], others):
                if name in writers:
                    encoded = encoder.encode([group[i] for i in kept])
                    groups[name] = encoded
                    count(f"without {name}", encoded.count(None))
            write_groups(writers, groups)
            for i in kept:
                row, question = chunk[i][0], questions[i]
                longest = max(longest, len(question.tokens))
                long += len(question.tokens) > LONG
                if texts is not None:
                    texts.write(example_line(row))
            rows += len(kept)
            progress.update(len(chunk))
    for writer in writers.values():
        writer.close()
    if not rows:
        raise UserError(
            f"{part.input.path}: has no {'answered ' if is_trained else ''}questions; "
            "give it some, or remove it"
        )
    count("answers not where the file says", getattr(part.input, "misplaced", 0))
    count(f"over {LONG} tokens", long)
    count("tokens in the longest", longest)
    logger.info(f"{part.split}.{part.lang}: {summary(rows, remarks, encoder)}")
    return SplitEntry(rows, names)


def write_groups(
    writers: Dict[str, StreamWriter],
    groups: Dict[str, Sequence[Optional[EncodedQuestion]]],
) -> None:
    """Write the streams of some rows; an absent counterpart is an empty sequence."""

    def write(name: str, sequences: List[Sequence[int]]) -> None:
        if name in writers:
            flat = [np.asarray(sequence, np.int64) for sequence in sequences]
            lengths = np.array([len(sequence) for sequence in flat], np.int64)
            writers[name].write(np.concatenate([*flat, np.zeros(0, np.int64)]), lengths)

    for name, group in groups.items():
        write(name, [() if row is None else row.tokens for row in group])
        prefix = "" if name == "input" else f"{name}_"
        write(f"{prefix}span", [() if row is None else row.span for row in group])
    rows = [row.context for row in groups["input"] if row is not None]
    write("context_length", [[len(context.tokens)] for context in rows])
    write("offsets", [np.stack(context[1:], axis=1).ravel() for context in rows])


def example_line(row) -> str:
    """What evaluation needs to know of a question, as one line of JSON."""
    entry = {
        "id": row.id,
        "question": row.question,
        "context": row.context,
        "answers": [text for text, _ in row.answers],
    }
    return json.dumps(entry, ensure_ascii=False) + "\n"
