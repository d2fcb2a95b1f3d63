"""Raw sentence-pair folders to binarized data: what preprocess/*.py share."""

import argparse
import itertools
import logging
import os
import shutil
from pathlib import Path
from typing import Dict, Iterator, List, Optional, Sequence, Tuple

import numpy as np
from fairseq.data import Dictionary
from tqdm import tqdm

from fairseq_xling.data.aligned_rows import align
from fairseq_xling.data.atomic import atomic_folder
from fairseq_xling.data.binarize import PairEncoder, StreamWriter
from fairseq_xling.data.manifest import (
    MANIFEST_NAME,
    Manifest,
    SplitEntry,
    sha256_of,
    stream_prefix,
)
from fairseq_xling.data.raw_layout import RawLayout, SplitSources, say_what_is_missing
from fairseq_xling.errors import UserError
from fairseq_xling.models.loading import SENTENCEPIECE_NAME, load_dictionary
from fairseq_xling.version import __version__

logger = logging.getLogger(__name__)

CHUNK_ROWS = 8192
Pair = Optional[Tuple[str, str]]


def build_parser(task: str) -> argparse.ArgumentParser:
    """The command line of ``preprocess/{task}.py``."""
    parser = argparse.ArgumentParser(
        description=f"Binarize raw {task} data; the README describes the raw folder."
    )
    parser.add_argument("raw", type=Path, metavar="RAW_DIR", help="raw data folder")
    parser.add_argument(
        "--spm", required=True, help="SentencePiece model of the checkpoint"
    )
    parser.add_argument("--dict", required=True, help="dict.txt of the checkpoint")
    parser.add_argument(
        "--destdir", required=True, type=Path, help="folder to write, made as a whole"
    )
    parser.add_argument("--source-lang", default="en", help="language with labels")
    parser.add_argument(
        "--target-langs", help="comma list (default: all that the folder holds)"
    )
    parser.add_argument(
        "--workers", type=int, default=os.cpu_count() or 1, help="threads that encode"
    )
    parser.add_argument(
        "--skip-empty-rows",
        action="store_true",
        help="leave out rows that lack a sentence, as some of PAWS-X's do, instead of "
        "refusing them",
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="replace a destdir that exists"
    )
    return parser


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
    args = build_parser(task).parse_args(argv)
    logging.basicConfig(
        level=logging.INFO,
        format="%(asctime)s | %(message)s",
        datefmt="%H:%M:%S",
        force=True,
    )
    if args.workers < 1:
        raise UserError(f"--workers {args.workers}: must be at least 1")
    check_destdir(args.destdir, args.overwrite)
    known = {**{label: label for label in labels}, **(spellings or {})}
    layout = RawLayout(args.raw, args.source_lang, known, args.skip_empty_rows)
    langs = choose_languages(layout, args.target_langs)
    dictionary = load_dictionary(args.dict)
    encoder = PairEncoder(args.spm, dictionary, args.workers)
    label_dictionary = Dictionary()
    for label in labels:
        label_dictionary.add_symbol(label)
    splits = layout.splits(langs)
    say_what_is_missing(splits, langs, args.source_lang)
    with atomic_folder(args.destdir) as folder:
        entries: Dict[str, Dict[str, SplitEntry]] = {}
        for part in splits:
            entry = write_split(part, folder, encoder, label_dictionary)
            entries.setdefault(part.split, {})[part.lang] = entry
        compare_row_counts(entries["train"], args.source_lang)
        shutil.copyfile(args.dict, folder / "dict.txt")
        shutil.copyfile(args.spm, folder / SENTENCEPIECE_NAME)
        label_dictionary.save(str(folder / "label.dict.txt"))
        Manifest(
            task=task,
            source_lang=args.source_lang,
            languages=[args.source_lang, *langs],
            labels=list(labels),
            splits=entries,
            dictionary_size=len(dictionary),
            dictionary_sha256=sha256_of(args.dict),
            sentencepiece_sha256=sha256_of(args.spm),
            version=__version__,
        ).save(folder)
    logger.info(f"wrote {args.destdir}")


def check_destdir(destdir: Path, overwrite: bool) -> None:
    """Refuse to write over anything but a folder that this command wrote.

    Raises:
        UserError: there is something at ``destdir`` that must not be replaced.
    """
    if not destdir.exists():
        return
    if not overwrite:
        raise UserError(f"{destdir}: exists; replace it with --overwrite")
    if not destdir.is_dir() or (
        any(destdir.iterdir()) and not (destdir / MANIFEST_NAME).exists()
    ):
        raise UserError(
            f"{destdir}: exists and is not a folder of binarized data, so --overwrite "
            "does not replace it; give another --destdir"
        )


def compare_row_counts(train: Dict[str, SplitEntry], source_lang: str) -> None:
    """Log which translations have more or fewer rows than the source language."""
    rows = train[source_lang].rows
    for lang, entry in train.items():
        if entry.rows != rows:
            logger.warning(
                f"train.{lang}: {entry.rows} rows, but train.{source_lang} has {rows}"
            )


def choose_languages(layout: RawLayout, wanted: Optional[str]) -> List[str]:
    """The target languages, sorted.

    Raises:
        UserError: a language asked for has no file.
    """
    held = layout.languages()
    if wanted is None:
        return held
    langs = sorted(set(wanted.split(",")) - {layout.source_lang, ""})
    for lang in langs:
        if lang not in held:
            raise UserError(
                f"--target-langs {lang}: {layout.folder} has no file in that language; "
                f"it has {','.join(held) or 'none'}"
            )
    return langs


def chunks(part: SplitSources) -> Iterator[list]:
    """Aligned rows of a split, some thousands at a time."""
    rows = align(part.input, [part.source, part.backtranslation], part.split == "train")
    while True:
        chunk = list(itertools.islice(rows, CHUNK_ROWS))
        if not chunk:
            return
        yield chunk


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
    encoder.tokens = encoder.unknown = 0
    with tqdm(desc=f"{part.split}.{part.lang}", unit=" rows", disable=None) as progress:
        for whole_chunk in chunks(part):
            chunk = [aligned for aligned in whole_chunk if aligned[0].is_whole]
            skipped += len(whole_chunk) - len(chunk)
            if not chunk:
                continue
            pairs: Dict[str, List[Pair]] = {
                "input": [(row.first, row.second) for row, _ in chunk]
            }
            for position, name in enumerate(("source", "backtranslation")):
                pairs[name] = [
                    None if other[position] is None else other[position][:2]
                    for _, other in chunk
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
    remarks = [f"{rows} rows"]
    if skipped:
        remarks.append(f"{skipped} left out for lack of a sentence")
    for name, count in unpaired.items():
        if name in names and count:
            remarks.append(f"{count} without {name}")
    unknown = encoder.unknown / max(encoder.tokens, 1)
    remarks.append(f"{unknown:.2%} unknown pieces")
    logger.info(f"{part.split}.{part.lang}: {', '.join(remarks)}")
    return SplitEntry(rows, names)
