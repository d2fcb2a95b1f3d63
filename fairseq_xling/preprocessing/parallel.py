"""Parallel text to binarized data for pre-training: preprocess/parallel.py."""

import itertools
import logging
from pathlib import Path
from typing import Dict, List, Optional, Sequence

from tqdm import tqdm

from fairseq_xling.data.binarize import StreamWriter
from fairseq_xling.data.binarize_sentences import SentenceEncoder
from fairseq_xling.data.dictionaries import load_dictionary
from fairseq_xling.data.manifest import Manifest, SplitEntry, stream_prefix
from fairseq_xling.errors import UserError, one_line_errors
from fairseq_xling.files.atomic import atomic_folder
from fairseq_xling.option_values import read_languages
from fairseq_xling.preprocessing.raw_parallel import ParallelText, find_parallel
from fairseq_xling.preprocessing.run import (
    CHUNK_ROWS,
    build_parser,
    copy_vocabulary,
    parse_args,
    summary,
)
from fairseq_xling.version import __version__

logger = logging.getLogger(__name__)

SPLITS = ("train", "valid")


@one_line_errors()
def main(argv: Optional[Sequence[str]] = None) -> None:
    """Read parallel text and write the binarized folder.

    Args:
        argv: command line arguments (default: those of the process).

    Raises:
        UserError: anything in the text or the arguments that is wrong.
    """
    args = parse_args(build_parser("parallel"), argv)
    if not args.raw.is_dir():
        raise UserError(f"{args.raw}: not a folder")
    parts = [
        part
        for split in SPLITS
        for part in choose(args.raw, split, args.source_lang, args.target_langs)
    ]
    dictionary = load_dictionary(args.dict)
    encoder = SentenceEncoder(args.tokenizer, dictionary, args.workers)
    splits: Dict[str, Dict[str, SplitEntry]] = {split: {} for split in SPLITS}
    with atomic_folder(args.destdir) as folder:
        for part in parts:
            encoder.tokens = encoder.unknown = 0
            splits[part.split][part.lang] = write_part(part, folder, encoder)
        Manifest(
            task="parallel",
            source_lang=args.source_lang,
            languages=[args.source_lang, *sorted({part.lang for part in parts})],
            labels=[],
            splits=splits,
            **copy_vocabulary(args.dict, args.tokenizer, folder, encoder),
            version=__version__,
        ).save(folder)
    logger.info(f"wrote {args.destdir}")


def choose(
    folder: Path, split: str, source_lang: str, wanted: Optional[str]
) -> List[ParallelText]:
    """The pairs of files to read, in the order of their languages.

    Raises:
        UserError: there is none, or a language asked for has no training text.
    """
    found = find_parallel(folder, split, source_lang)
    if wanted is None:
        return found
    langs = set(read_languages("--target-langs", wanted)) - {source_lang}
    lacking = sorted(langs - {part.lang for part in found})
    if lacking and split == "train":
        raise UserError(
            f"--target-langs {','.join(lacking)}: {folder} has no training text for it"
        )
    return [part for part in found if part.lang in langs]


def write_part(
    part: ParallelText, folder: Path, encoder: SentenceEncoder
) -> SplitEntry:
    """Write the two streams of one split in one language.

    Raises:
        UserError: the two files do not fit together, or no line has both sides.
    """
    writers = {
        stream: StreamWriter(
            stream_prefix(folder, part.split, part.lang, stream),
            len(encoder.dictionary),
        )
        for stream in ("input", "source")
    }
    rows = skipped = 0
    lines = part.rows()
    with tqdm(desc=f"{part.split}.{part.lang}", unit=" rows", disable=None) as progress:
        while chunk := list(itertools.islice(lines, CHUNK_ROWS)):
            pairs = [
                pair for pair in chunk if pair and not any(map(encoder.is_blank, pair))
            ]
            writers["source"].write(*encoder.encode([source for source, _ in pairs]))
            writers["input"].write(*encoder.encode([target for _, target in pairs]))
            rows += len(pairs)
            skipped += len(chunk) - len(pairs)
            progress.update(len(chunk))
    for writer in writers.values():
        writer.close()
    if not rows:
        raise UserError(
            f"{part.target}: no line has text both there and in {part.source}; give it "
            "some, or remove both files"
        )
    remarks = {"lines left out for lack of a side": skipped}
    logger.info(f"{part.split}.{part.lang}: {summary(rows, remarks, encoder)}")
    return SplitEntry(rows, list(writers))
