"""xling-sample: a part of the training data, source and target not parallel.

    xling-sample data-bin/xnli --target-lang sw --percentage 5 --results-path xnli-5

keeps a random share of the source language's training rows, and as large a share of the
target's that are no translations of those. All other splits are kept whole (MultiMix
section 4.2, XNLI-5%).
"""

import argparse
import logging
import shutil
from pathlib import Path
from typing import Dict, Optional, Set, Tuple

import numpy as np

from fairseq_xling.cli.options import entry_point
from fairseq_xling.data.manifest import Manifest, SplitEntry, stream_prefix
from fairseq_xling.data.stream_files import open_stream
from fairseq_xling.data.tokenizers import common_files
from fairseq_xling.errors import UserError
from fairseq_xling.files.atomic import atomic_folder
from fairseq_xling.files.destination import check_new
from fairseq_xling.multimix.selected_data import write_rows

logger = logging.getLogger(__name__)

# Wide enough for all that streams hold.
SYMBOLS = 2**31 - 1


def build_parser() -> argparse.ArgumentParser:
    """The command line of ``xling-sample``."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", help="folder of binarized data")
    parser.add_argument("--target-lang", required=True)
    parser.add_argument("--target-split", default="train")
    parser.add_argument("--percentage", type=float, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--target-seed",
        type=int,
        help="of the target's share: with the same --seed, another one beside the "
        "same share of the source",
    )
    parser.add_argument("--results-path", required=True, help="folder to write")
    return parser


def main(args: argparse.Namespace) -> None:
    """Write the folder.

    Raises:
        UserError: an option is wrong, the folder exists, or too few rows of the target
            are no translations.
    """
    destination = Path(args.results_path)
    check_new(destination, "--results-path")
    if not 0 < args.percentage <= 100:
        raise UserError(
            f"--percentage {args.percentage:g}: give a value above 0, at most 100"
        )
    data = Path(args.data)
    manifest = Manifest.load(data)
    source = ("train", manifest.source_lang)
    target = (args.target_split, args.target_lang)
    for split, lang in (source, target):
        if lang not in manifest.splits.get(split, {}):
            raise UserError(f"{data}: no split {split} in {lang}")
    generator = np.random.default_rng(args.seed)
    chosen = {source: draw(generator, manifest, source, args.percentage, None)}
    allowed = untranslated(data, manifest, source, chosen[source], target)
    if args.target_seed is not None:
        generator = np.random.default_rng([args.seed, args.target_seed])
    chosen[target] = draw(generator, manifest, target, args.percentage, allowed)
    with atomic_folder(destination) as work:
        for name in common_files(data):
            shutil.copyfile(data / name, work / name)
        splits: Dict[str, Dict[str, SplitEntry]] = {}
        for split, entries in manifest.splits.items():
            for lang, entry in entries.items():
                part = (split, lang)
                if split in ("train", args.target_split) and part not in chosen:
                    continue
                rows = chosen.get(part)
                for stream in entry.streams:
                    prefix = stream_prefix(data, split, lang, stream)
                    copy_stream(prefix, stream_prefix(work, split, lang, stream), rows)
                count = entry.rows if rows is None else len(rows)
                splits.setdefault(split, {})[lang] = SplitEntry(count, entry.streams)
        manifest.splits = splits
        manifest.save(work)
    logger.info(
        ", ".join(f"{s}.{x}: {len(rows)} rows" for (s, x), rows in chosen.items())
    )


def copy_stream(prefix: str, goal: str, rows: Optional[np.ndarray]) -> None:
    """Copy some rows of a stream, or all where they are None."""
    if rows is None:
        for ending in ("bin", "idx"):
            shutil.copyfile(f"{prefix}.{ending}", f"{goal}.{ending}")
        return
    opened = open_stream(prefix)
    write_rows(goal, SYMBOLS, (opened[int(row)].numpy() for row in rows))


def draw(
    generator: np.random.Generator,
    manifest: Manifest,
    part: Tuple[str, str],
    percentage: float,
    allowed: Optional[np.ndarray],
) -> np.ndarray:
    """Draw a share of a part's rows, in rising order.

    Args:
        generator: where randomness comes from.
        manifest: of the data.
        part: split and language.
        percentage: of all rows; at least one is drawn.
        allowed: rows to draw from, ``(allowed,)``; None for all.

    Raises:
        UserError: fewer are allowed than are to be drawn.
    """
    split, lang = part
    total = manifest.splits[split][lang].rows
    count = max(1, int(total * percentage // 100))
    rows = np.arange(total) if allowed is None else allowed
    if len(rows) < count:
        raise UserError(
            f"{split}.{lang}: {len(rows)} rows are no translations of the source's "
            f"sample, but {count} are to be drawn; give a --percentage of at most 50"
        )
    return np.sort(generator.permutation(rows)[:count])


def untranslated(
    data: Path,
    manifest: Manifest,
    source: Tuple[str, str],
    rows: np.ndarray,
    target: Tuple[str, str],
) -> Optional[np.ndarray]:
    """The target's rows that are no translations of some rows of the source.

    Those are known by the target's ``source`` stream; without it all are taken to be
    independent, and None is returned.
    """
    split, lang = target
    if "source" not in manifest.splits[split][lang].streams:
        return None
    opened = open_stream(stream_prefix(data, *source, "input"))
    texts: Set[bytes] = {opened[int(row)].numpy().tobytes() for row in rows}
    counterparts = open_stream(stream_prefix(data, split, lang, "source"))
    return np.array(
        [
            row
            for row in range(len(counterparts))
            if counterparts[row].numpy().tobytes() not in texts
        ],
        np.int64,
    )


cli_main = entry_point(build_parser, main)

if __name__ == "__main__":
    cli_main()
