"""Raw question answering to binarized data: preprocess/{xquad,mlqa,tydiqa}.py."""

import json
import logging
from contextlib import ExitStack
from pathlib import Path
from typing import Callable, Dict, FrozenSet, List, Optional, Sequence, Union, cast

import numpy as np
from fairseq.data import Dictionary
from tqdm import tqdm

from fairseq_xling.data.binarize import StreamWriter
from fairseq_xling.data.manifest import SplitEntry, stream_prefix
from fairseq_xling.errors import UserError, one_line_errors
from fairseq_xling.families.questions.encode import EncodedQuestion, QuestionEncoder
from fairseq_xling.families.questions.raw import (
    Question,
    QuestionFile,
    QuestionSubset,
    read_questions,
)
from fairseq_xling.preprocessing.aligned_rows import RawFile
from fairseq_xling.preprocessing.raw_layout import Places, RawLayout, SplitSources
from fairseq_xling.preprocessing.run import (
    build_parser,
    chunks,
    parse_args,
    run,
    summary,
)

logger = logging.getLogger(__name__)

# Positions and characters in a passage: more than this says, so that they are 32 bits.
NUMBERS = 1 << 30
TRAINED = ("train", "supervised")
COUNTERPARTS = ("source", "backtranslation")
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
    """A raw folder of which a share of the training questions may be held out."""

    held_out = 0.0

    def splits(self, langs: List[str]) -> List[SplitSources]:
        """The splits to write; held-out questions are the dev set in every language.

        Raises:
            UserError: as :meth:`RawLayout.splits`; a training file has no answers; or
                questions cannot be held out.
        """
        splits = super().splits(langs)
        for part in splits:
            if part.split in TRAINED and not part.input.has_labels:
                raise UserError(
                    f"{part.input.path}: no question has an answer, which training "
                    "needs; give it answers, or remove it"
                )
            # Answers that are not used need not stand where the file says.
            if part.source is not None and part.split not in TRAINED:
                cast(QuestionFile, part.source).reads_answers = False
            if part.backtranslation is not None:
                cast(QuestionFile, part.backtranslation).reads_answers = False
        return self._hold_out(splits) if self.held_out else splits

    def _hold_out(self, splits: List[SplitSources]) -> List[SplitSources]:
        if any(part.split == "valid" for part in splits):
            raise UserError(
                f"--held-out {self.held_out}: {self.folder} has dev files; leave the "
                "option out, or these"
            )
        ids = last_questions(cast(QuestionFile, splits[0].input), self.held_out)
        rest, dev = [], []
        for part in splits:
            if part.split != "train":
                rest.append(part)
                continue
            kept, held = (
                QuestionSubset(cast(QuestionFile, part.input), ids, inside)
                for inside in (False, True)
            )
            rest.append(part._replace(input=kept))
            if next(held.rows(), None) is not None:  # some may not be translated
                dev.append(SplitSources("valid", part.lang, held, part.source))
        return rest + dev


def last_questions(file: QuestionFile, share: float) -> FrozenSet[str]:
    """Ids of the last questions, whole passages of them, about ``share`` of all.

    Raises:
        UserError: these are all questions.
    """
    rows = list(file.rows())
    first = rows[min(int(len(rows) * (1 - share)), len(rows) - 1)].context
    place = next(i for i, row in enumerate(rows) if row.context == first)
    if place == 0:
        raise UserError(
            f"--held-out {share}: no passage of {file.path} is left to train on; give "
            "a smaller share"
        )
    return frozenset(row.id for row in rows[place:])


@one_line_errors()
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

    def open_file(paths: List[Path], lang: Optional[str]) -> RawFile:
        skip = args.skip_misplaced_answers
        return QuestionFile(paths, lang, lang_of, skip)

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
    is_trained = part.split in TRAINED
    has_labels = part.input.has_labels
    names = ["input", "context_length"] + ["span"] * has_labels
    names += [] if is_trained else ["offsets"]
    names += ["source"] * (part.source is not None)
    names += ["source_span"] * (part.source is not None and is_trained)
    names += ["backtranslation"] * (part.backtranslation is not None)
    rows = longest = 0
    remarks: Dict[str, int] = {}

    def count(what: str, number: int) -> None:
        remarks[what] = remarks.get(what, 0) + int(number)

    with ExitStack() as stack:
        writers = {
            name: StreamWriter(
                stream_prefix(folder, part.split, part.lang, name),
                len(encoder.dictionary)
                if name in ("input", *COUNTERPARTS)
                else NUMBERS,
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
            chunk = [
                (row, others)
                for row, others in whole_chunk
                if row.is_whole
                and not encoder.is_blank(row.question)
                and not encoder.is_blank(row.context)
            ]
            if part.split not in TRAINED and len(chunk) < len(whole_chunk):
                refuse_empty([row for row, _ in whole_chunk], [row for row, _ in chunk])
            count(
                "without question or passage, left out", len(whole_chunk) - len(chunk)
            )
            questions = encoder.encode([row for row, _ in chunk])
            kept = [
                (row, others, question)
                for (row, others), question in zip(chunk, questions)
                if question is not None and (question.span or not is_trained)
            ]
            count("whose answer is lost, left out", len(chunk) - len(kept))
            write_rows(writers, [question for _, _, question in kept])
            for position, name in enumerate(COUNTERPARTS):
                if name in writers:
                    group = encoder.encode([others[position] for _, others, _ in kept])
                    write_texts(writers, name, group)
                    count(f"without {name}", group.count(None))
            for row, _, question in kept:
                longest = max(longest, len(question.tokens))
                count(f"over {LONG} tokens", len(question.tokens) > LONG)
                count("answers not where the file says, left out", row.misplaced)
                if texts is not None:
                    texts.write(example_line(row))
            rows += len(kept)
            progress.update(len(whole_chunk))
    for writer in writers.values():
        writer.close()
    if not rows:
        raise UserError(
            f"{part.input.path}: has no {'answered ' if is_trained else ''}questions; "
            "give it some, or remove it"
        )
    count("tokens in the longest", longest)
    logger.info(f"{part.split}.{part.lang}: {summary(rows, remarks, encoder)}")
    return SplitEntry(rows, names)


def refuse_empty(rows: Sequence[Question], kept: Sequence[Question]) -> None:
    """Refuse questions to be judged by that lack their text or their passage.

    Args:
        rows: all questions.
        kept: those that lack neither.

    Raises:
        UserError: there is one; without it scores would be of other questions.
    """
    ids = {row.id for row in kept}
    for row in rows:
        if row.id not in ids:
            raise UserError(
                f"{row.path}, question {row.id}: empty question or context; fill it "
                "in, or remove the question"
            )


def write_texts(
    writers: Dict[str, StreamWriter],
    name: str,
    group: Sequence[Optional[EncodedQuestion]],
) -> None:
    """Write questions with their passages, and where their answers stand.

    Args:
        writers: the streams' writers; spans are written where there is one for them.
        name: the stream of the tokens.
        group: the questions; None is written as an empty sequence.
    """
    write_sequences(writers[name], [row.tokens if row else () for row in group])
    spans = "span" if name == "input" else f"{name}_span"
    if spans in writers:
        write_sequences(writers[spans], [row.span if row else () for row in group])


def write_rows(
    writers: Dict[str, StreamWriter], questions: Sequence[EncodedQuestion]
) -> None:
    """Write the rows themselves, with what else their passages have."""
    write_texts(writers, "input", questions)
    contexts = [question.context for question in questions]
    lengths = [[len(context.tokens)] for context in contexts]
    write_sequences(writers["context_length"], lengths)
    if "offsets" in writers:
        offsets = [np.stack([x.begins, x.ends], axis=1).ravel() for x in contexts]
        write_sequences(writers["offsets"], offsets)


def write_sequences(
    writer: StreamWriter, sequences: Sequence[Union[np.ndarray, Sequence[int]]]
) -> None:
    """Write sequences of numbers."""
    lengths = np.array([len(sequence) for sequence in sequences], np.int64)
    flat = np.concatenate([np.zeros(0, np.int64), *sequences]).astype(np.int64)
    writer.write(flat, lengths)


def example_line(row: Question) -> str:
    """What evaluation needs to know of a question, as one line of JSON."""
    entry = {
        "id": row.id,
        "question": row.question,
        "context": row.context,
        "answers": [text for text, _ in row.answers],
    }
    return json.dumps(entry, ensure_ascii=False) + "\n"
