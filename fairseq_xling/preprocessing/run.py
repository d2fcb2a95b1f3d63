"""Raw folders to binarized data: what all preprocess/*.py share."""

import argparse
import codecs
import itertools
import logging
import os
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence

from fairseq.data import Dictionary

from fairseq_xling.data.binarize import TextEncoder
from fairseq_xling.data.dictionaries import load_dictionary
from fairseq_xling.data.manifest import Manifest, SplitEntry
from fairseq_xling.errors import UserError
from fairseq_xling.files.atomic import atomic_folder
from fairseq_xling.files.destination import BINARIZED, check_replaceable
from fairseq_xling.files.hashes import sha256_of
from fairseq_xling.option_values import read_languages
from fairseq_xling.preprocessing.aligned_rows import align
from fairseq_xling.preprocessing.raw_layout import (
    RawLayout,
    SplitSources,
    require_labels,
    say_what_is_missing,
)
from fairseq_xling.version import __version__

logger = logging.getLogger(__name__)

CHUNK_ROWS = 8192


def build_parser(task: str) -> argparse.ArgumentParser:
    """The command line that every ``preprocess/{task}.py`` has."""
    parser = argparse.ArgumentParser(
        description=f"Binarize raw {task} data; the README describes the raw folder."
    )
    parser.add_argument("raw", type=Path, metavar="RAW_DIR", help="raw data folder")
    parser.add_argument(
        "--tokenizer",
        "--spm",
        required=True,
        help="of the checkpoint: sentencepiece.bpe.model, or mBERT's tokenizer.json",
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


def parse_args(
    parser: argparse.ArgumentParser, argv: Optional[Sequence[str]]
) -> argparse.Namespace:
    """Read the command line, set up logging and check what can be checked at once.

    Raises:
        UserError: an option is out of range, or ``--destdir`` must not be replaced.
    """
    args = parser.parse_args(argv)
    logging.basicConfig(
        level=logging.INFO,
        format="%(asctime)s | %(message)s",
        datefmt="%H:%M:%S",
        force=True,
    )
    if args.workers < 1:
        raise UserError(f"--workers {args.workers}: must be at least 1")
    reads = [args.raw, args.tokenizer, args.dict]
    check_replaceable(args.destdir, args.overwrite, BINARIZED, reads)
    return args


def run(
    args: argparse.Namespace,
    task: str,
    labels: Sequence[str],
    layout: RawLayout,
    make_encoder: Callable[[str, Dictionary, int], Any],
    write_split: Callable[..., SplitEntry],
) -> None:
    """Write the binarized folder.

    Args:
        args: the command line.
        task: name of the benchmark, for the manifest.
        labels: class names in the order of their ids.
        layout: the raw folder.
        make_encoder: called with the tokenizer's file, dictionary and threads.
        write_split: called with a part, the folder, the encoder and the dictionary of
            labels; writes the part's streams and returns its entry. One without rows
            is left out.

    Raises:
        UserError: anything in the raw data that is wrong.
    """
    langs = choose_languages(layout, args.target_langs)
    dictionary = load_dictionary(args.dict)
    encoder: TextEncoder = make_encoder(args.tokenizer, dictionary, args.workers)
    label_dictionary = Dictionary()
    for label in labels:
        label_dictionary.add_symbol(label)
    splits = layout.splits(langs)
    require_labels([part for part in splits if needs_labels(part, args.source_lang)])
    say_what_is_missing(splits, langs, args.source_lang)
    layout.say_what_is_not_read(langs)
    with atomic_folder(args.destdir) as folder:
        entries: Dict[str, Dict[str, SplitEntry]] = {}
        for part in splits:
            encoder.tokens = encoder.unknown = 0
            entry = write_split(part, folder, encoder, label_dictionary)
            if entry.rows:
                entries.setdefault(part.split, {})[part.lang] = entry
                continue
            for path in folder.glob(f"{part.split}.{part.lang}.*"):
                path.unlink()
        compare_row_counts(entries["train"], args.source_lang)
        label_dictionary.save(str(folder / "label.dict.txt"))
        held = {lang for by_lang in entries.values() for lang in by_lang}
        Manifest(
            task=task,
            source_lang=args.source_lang,
            languages=[args.source_lang, *(lang for lang in langs if lang in held)],
            labels=list(labels),
            splits=entries,
            **copy_vocabulary(args.dict, args.tokenizer, folder, encoder),
            version=__version__,
        ).save(folder)
    logger.info(f"wrote {args.destdir}")


def copy_vocabulary(
    dictionary: str, tokenizer: str, folder: Path, encoder: TextEncoder
) -> Dict[str, Any]:
    """Copy dictionary and tokenizer, without byte order marks, to binarized data.

    Args:
        dictionary, tokenizer: the files.
        folder: where to.
        encoder: what they made.

    Returns:
        what the manifest says of them.
    """
    for source, name in (
        (dictionary, "dict.txt"),
        (tokenizer, encoder.tokenizer.file_name),
    ):
        raw = Path(source).read_bytes()
        (folder / name).write_bytes(raw.removeprefix(codecs.BOM_UTF8))
    return {
        "dictionary_size": len(encoder.dictionary),
        "dictionary_sha256": sha256_of(dictionary),
        "tokenizer_sha256": sha256_of(tokenizer),
        "tokenizer": encoder.tokenizer.kind,
    }


def needs_labels(part: SplitSources, source_lang: str) -> bool:
    """Whether a part is trained on with labels of its own."""
    is_translated = part.split == "train" and part.lang != source_lang
    if is_translated:
        return part.input.labels_survive_translation
    return part.split == "train"


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
    given = read_languages("--target-langs", wanted)
    langs = sorted(set(given) - {layout.source_lang})
    for lang in langs:
        if lang not in held:
            raise UserError(
                f"--target-langs {lang}: {layout.folder} has no file in that language; "
                f"it has {','.join(held) or 'none'}"
            )
    return langs


def chunks(part: SplitSources, same_labels: bool) -> Iterator[list]:
    """Aligned rows of a part, some thousands at a time."""
    rows = align(part.input, [part.source, part.backtranslation], same_labels)
    while True:
        chunk = list(itertools.islice(rows, CHUNK_ROWS))
        if not chunk:
            return
        yield chunk


def summary(rows: int, remarks: Dict[str, int], encoder: TextEncoder) -> str:
    """What the log says of a part: its rows, what is special, unknown pieces."""
    parts = [f"{rows} rows"]
    parts += [f"{count} {what}" for what, count in remarks.items() if count]
    unknown = encoder.unknown / max(encoder.tokens, 1)
    return ", ".join([*parts, f"{unknown:.2%} unknown pieces"])
