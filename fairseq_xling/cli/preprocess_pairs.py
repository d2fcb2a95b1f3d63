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

from fairseq_xling.data.atomic import atomic_folder
from fairseq_xling.data.binarize import PairEncoder, StreamWriter
from fairseq_xling.data.manifest import (
    Manifest,
    SplitEntry,
    sha256_of,
    stream_prefix,
)
from fairseq_xling.data.raw_layout import RawLayout, SplitSources
from fairseq_xling.data.raw_pairs import align
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
    if args.destdir.exists() and not args.overwrite:
        raise UserError(f"{args.destdir}: exists; replace it with --overwrite")
    known = {**{label: label for label in labels}, **(spellings or {})}
    layout = RawLayout(args.raw, args.source_lang, known)
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


def say_what_is_missing(
    splits: Sequence[SplitSources], langs: Sequence[str], source_lang: str
) -> None:
    """Log by name what the raw data lack, and what that switches off."""
    have = {(part.split, part.lang): part for part in splits}
    lacks: Dict[str, List[str]] = {}

    def note(what: str, lang: str) -> None:
        lacks.setdefault(what, []).append(lang)

    for lang in langs:
        train = have.get(("train", lang))
        if train is None:
            note("no translate-train: evaluated only, not trained on", lang)
        elif train.backtranslation is None:
            note("no back-translation: scheduled sampling is off", lang)
        for split, kind in (("valid", "dev"), ("test", "test")):
            part = have.get((split, lang))
            if part is None:
                note(f"no {kind}: not evaluated there", lang)
            elif part.source is None:
                note(f"no translate-{kind}: no mixup inference there", lang)
    for split, kind in (("valid", "dev"), ("test", "test")):
        if (split, source_lang) not in have:
            note(f"no {kind}: not evaluated there", source_lang)
    for what, names in lacks.items():
        logger.warning(f"{','.join(names)}: {what}")


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
    rows = unpaired = 0
    encoder.tokens = encoder.unknown = 0
    with tqdm(desc=f"{part.split}.{part.lang}", unit=" rows", disable=None) as progress:
        for chunk in chunks(part):
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
            unpaired += pairs["source"].count(None)
            progress.update(len(chunk))
    for writer in writers.values():
        writer.close()
    if not rows:
        raise UserError(f"{part.input.path}: has no rows; give it some, or remove it")
    lost = f", {unpaired} without counterpart" if part.source and unpaired else ""
    unknown = encoder.unknown / max(encoder.tokens, 1)
    logger.info(
        f"{part.split}.{part.lang}: {rows} rows{lost}, {unknown:.2%} unknown pieces"
    )
    return SplitEntry(rows, names)
