"""Raw sentence-pair folders to binarized data: preprocess/{xnli,pawsx}.py."""

import logging
from pathlib import Path
from typing import Dict, List, Optional, Sequence, Tuple, cast

import numpy as np
from fairseq.data import Dictionary
from tqdm import tqdm

from fairseq_xling.data.binarize import PairEncoder, StreamWriter
from fairseq_xling.data.manifest import SplitEntry, stream_prefix
from fairseq_xling.errors import UserError, one_line_errors
from fairseq_xling.families.pairs.raw import Row, Table, languages_in
from fairseq_xling.preprocessing.raw_layout import RawLayout, SplitSources
from fairseq_xling.preprocessing.run import (
    build_parser,
    chunks,
    parse_args,
    run,
    summary,
)

logger = logging.getLogger(__name__)

Pair = Optional[Tuple[str, str]]

# XTREME's places (which are also those for a user's own translations), then those of
# the X-Mixup authors' folders for XNLI and for PAWS-X.
PLACES: Dict[str, List[str]] = {
    "train": [
        "train-{src}.tsv",
        "XNLI-MT-1.0/multinli/multinli.train.{src}.tsv",
        "{src}/train.tsv",
    ],
    "translate-train": [
        "translate-train/{src}-{lang}-translated.tsv",
        "translated/{src}-{lang}-translated.tsv",
        "XNLI-Translated/{src}-{lang}-translated.tsv",
        "XNLI-MT-1.0/multinli/multinli.train.{lang}.tsv",
        "{lang}/train.tsv",
        "{lang}/translated_train.tsv",
    ],
    "back-translation": [
        "translate-train-{src}/{src}-{lang}-{src}-translated.tsv",
        "translate-train-{src}/multinli.train.{lang}-{src}.tsv",
        "translate-train-{src}/translated_train.{lang}-{src}.tsv",
    ],
    "supervised": ["train-{lang}.tsv"],
    "dev": ["dev-{lang}.tsv", "XNLI-1.0/xnli.dev.tsv", "{lang}/dev_2k.tsv"],
    "test": ["test-{lang}.tsv", "XNLI-1.0/xnli.test.tsv", "{lang}/test_2k.tsv"],
    "translate-dev": [
        "translate-dev/dev-{lang}-{src}-translated.tsv",
        "translate-dev/xnli.dev.tsv",
        "translate-dev/dev_2k.{lang}.tsv",
    ],
    "translate-test": [
        "translate-test/test-{lang}-{src}-translated.tsv",
        "translated/test-{lang}-{src}-translated.tsv",
        "XNLI-Translated/test-{lang}-{src}-translated.tsv",
        "translate-test/test.{lang}.tsv",
    ],
}


@one_line_errors()
def main(
    task: str,
    labels: Sequence[str],
    spellings: Optional[Dict[str, str]] = None,
    argv: Optional[Sequence[str]] = None,
) -> None:
    """Read raw data and write the binarized folder.

    Args:
        task: name of the benchmark, for the manifest.
        labels: class names in the order of their ids.
        spellings: other spellings of labels that raw data use.
        argv: command line arguments (default: those of the process).

    Raises:
        UserError: anything in the raw data or the arguments that is wrong.
    """
    parser = build_parser(task)
    parser.add_argument(
        "--skip-empty-rows",
        action="store_true",
        help="leave out rows that lack a sentence, as some of PAWS-X's do, instead of "
        "refusing them",
    )
    parser.add_argument(
        "--pair-source",
        action="store_true",
        help="pair rows of the source language with themselves in training, dev and "
        "test (default: only where the folder has files that do, such as "
        "translate-train/en-en-translated.tsv)",
    )
    args = parse_args(parser, argv)
    known = {**{label: label for label in labels}, **(spellings or {})}

    def open_file(paths: List[Path], lang: Optional[str]) -> Table:
        return Table(paths[0], known, lang, args.skip_empty_rows)

    layout = RawLayout(
        args.raw, args.source_lang, PLACES, open_file, languages_in, args.pair_source
    )
    run(args, task, labels, layout, PairEncoder, write_split)


def whole(row: Row, part: SplitSources, encoder: PairEncoder) -> Optional[Row]:
    """A row, or None where one of its sentences is empty.

    Raises:
        UserError: the tokenizer leaves nothing of one, and such rows are refused.
    """
    if row.is_whole and not any(map(encoder.is_blank, row[:2])):
        return row
    if not cast(Table, part.input).allow_empty:
        raise UserError(
            f"{row.path}, line {row.line}: a sentence without visible characters; fill "
            "it in, or leave such rows out with --skip-empty-rows"
        )
    return None


def write_split(
    part: SplitSources, folder: Path, encoder: PairEncoder, labels: Dictionary
) -> SplitEntry:
    """Write the streams of one split in one language."""
    names = ["input"]
    if part.input.has_labels:
        names.append("label")
    names += [
        name
        for name in ("source", "backtranslation")
        if getattr(part, name) is not None
    ]
    writers = {
        name: StreamWriter(
            stream_prefix(folder, part.split, part.lang, name),
            len(labels if name == "label" else encoder.dictionary),
        )
        for name in names
    }
    rows = skipped = 0
    unpaired = {"source": 0, "backtranslation": 0}
    with tqdm(desc=f"{part.split}.{part.lang}", unit=" rows", disable=None) as progress:
        for whole_chunk in chunks(part, same_labels=part.split == "train"):
            chunk = [
                (row, [other and whole(other, part, encoder) for other in others])
                for row, others in whole_chunk
                if whole(row, part, encoder)
            ]
            skipped += len(whole_chunk) - len(chunk)
            if not chunk:
                continue
            pairs: Dict[str, List[Pair]] = {
                "input": [(row.first, row.second) for row, _ in chunk]
            }
            for position, name in enumerate(("source", "backtranslation")):
                pairs[name] = [
                    None if (other := others[position]) is None else other[:2]
                    for _, others in chunk
                ]
            for name in writers:
                if name == "label":
                    ids = np.array([labels.index(row.label) for row, _ in chunk])
                    writers[name].write(ids, np.ones(len(chunk), np.int64))
                else:
                    writers[name].write(*encoder.encode(pairs[name]))
            rows += len(chunk)
            for name in unpaired:
                unpaired[name] += pairs[name].count(None)
            progress.update(len(chunk))
    for writer in writers.values():
        writer.close()
    if not rows:
        raise UserError(f"{part.input.path}: has no rows; give it some, or remove it")
    remarks = {"left out for lack of a sentence": skipped}
    for name, count in unpaired.items():
        if name in names:
            remarks[f"without {name}"] = count
    logger.info(f"{part.split}.{part.lang}: {summary(rows, remarks, encoder)}")
    return SplitEntry(rows, names)
