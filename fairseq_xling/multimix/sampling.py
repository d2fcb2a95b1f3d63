"""A share of the training data, source and target not parallel."""

import logging
import shutil
from pathlib import Path
from typing import Dict, Optional, Set, Tuple

import numpy as np

from fairseq_xling.data.manifest import Manifest, SplitEntry, stream_prefix
from fairseq_xling.data.stream_files import open_stream
from fairseq_xling.data.tokenizers import common_files
from fairseq_xling.errors import UserError
from fairseq_xling.files.atomic import atomic_folder
from fairseq_xling.files.destination import check_new
from fairseq_xling.multimix.selected_data import check_part, copy_stream

logger = logging.getLogger(__name__)


def sample_data(
    data: Path,
    target_lang: str,
    target_split: str,
    percentage: float,
    destination: Path,
    seed: int = 1,
    target_seed: Optional[int] = None,
) -> None:
    """Write a random share of the source's training rows, and of the target's.

    Args:
        data: folder of binarized data.
        target_lang, target_split: where the target's rows are; those that translate
            the source's are not drawn.
        percentage: of the rows of each that are drawn; all other splits are kept whole.
        target_seed: of the target's share, for another beside the same of the source.

    Raises:
        UserError: an option is wrong, the folder exists, or too few rows of the target
            are no translations.

    Source: MultiMix section 4.2, XNLI-5%.
    """
    check_new(destination, "--results-path")
    if not 0 < percentage <= 100:
        raise UserError(
            f"--percentage {percentage:g}: give a value above 0, at most 100"
        )
    manifest = Manifest.load(data)
    source, target = ("train", manifest.source_lang), (target_split, target_lang)
    for part in (source, target):
        check_part(data, manifest, *part)
    generator = np.random.default_rng(seed)
    chosen = {source: draw_rows(generator, manifest, source, percentage, None)}
    allowed = untranslated(data, manifest, source, chosen[source], target)
    if target_seed is not None:
        generator = np.random.default_rng([seed, target_seed])
    chosen[target] = draw_rows(generator, manifest, target, percentage, allowed)
    with atomic_folder(destination) as work:
        for name in common_files(data):
            shutil.copyfile(data / name, work / name)
        splits: Dict[str, Dict[str, SplitEntry]] = {}
        for split, entries in manifest.splits.items():
            for lang, entry in entries.items():
                rows = chosen.get((split, lang))
                if rows is None and split in ("train", target_split):
                    continue
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


def draw_rows(
    generator: np.random.Generator,
    manifest: Manifest,
    part: Tuple[str, str],
    percentage: float,
    allowed: Optional[np.ndarray],
) -> np.ndarray:
    """Draw a share of all rows of a part, at least one, in rising order.

    They are drawn from those ``allowed``, ``(allowed,)``; None for all.

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
