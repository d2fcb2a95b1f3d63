"""Samples of a pool with labels of models, as a folder to train on."""

import dataclasses
import shutil
from pathlib import Path
from typing import Any, Dict, Iterable, Optional

import numpy as np

from fairseq_xling.data.binarize import StreamWriter
from fairseq_xling.data.dictionaries import load_labels
from fairseq_xling.data.manifest import Manifest, SplitEntry, stream_prefix
from fairseq_xling.data.stream_files import open_stream
from fairseq_xling.data.tokenizers import common_files
from fairseq_xling.errors import UserError
from fairseq_xling.files.atomic import PathLike, atomic_folder
from fairseq_xling.multimix.pool_predictions import PoolPredictions
from fairseq_xling.multimix.store import MOST_POSITIONS

# What a selected sample keeps of its pool; labels are the models'.
KEPT = ("input", "word_starts", "source", "backtranslation")
# Wide enough for all that streams hold.
MOST_SYMBOLS = 2**31 - 1


def check_part(data: PathLike, manifest: Manifest, split: str, lang: str) -> None:
    """Refuse a split or language that a folder does not hold."""
    if lang not in manifest.splits.get(split, {}):
        raise UserError(f"{data}: no split {split} in {lang}")


def write_selected(
    pool: Path,
    split: str,
    lang: str,
    rows: np.ndarray,
    predictions: PoolPredictions,
    destination: Path,
    selection: Dict[str, Any],
) -> None:
    """Write rows of a part of a pool as a folder to train on, with predicted labels.

    It appears when it is complete. ``selection``, how the rows were selected, is for
    its manifest.
    """
    manifest = Manifest.load(pool)
    kept = [x for x in KEPT if x in manifest.splits[split][lang].streams]
    labels = "tags" if "word_starts" in kept else "label"
    dictionary = load_labels(pool, manifest)
    with atomic_folder(destination) as work:
        for name in common_files(pool):
            shutil.copyfile(pool / name, work / name)
        for stream in kept:
            opened = open_stream(stream_prefix(pool, split, lang, stream))
            symbols = manifest.dictionary_size
            if stream == "word_starts":
                symbols = MOST_POSITIONS
            write_rows(
                stream_prefix(work, "train", lang, stream),
                symbols,
                (opened[int(row)].numpy() for row in rows),
            )
        begins = predictions.offsets
        write_rows(
            stream_prefix(work, "train", lang, labels),
            len(dictionary),
            (
                # As in preprocessed data, labels are entries of the dictionary.
                predictions.labels[begins[row] : begins[row + 1]] + dictionary.nspecial
                for row in rows
            ),
        )
        dataclasses.replace(
            manifest,
            languages=[lang],
            splits={"train": {lang: SplitEntry(len(rows), [*kept, labels])}},
            augmentation=None,
            selection=selection,
        ).save(work)


def gold_labels(pool: Path, split: str, lang: str) -> Optional[np.ndarray]:
    """The pool's own labels, ``(words of all samples,)``; None where it has none."""
    manifest = Manifest.load(pool)
    held = manifest.splits[split][lang]
    streams = [name for name in ("label", "tags") if name in held.streams]
    if not streams or held.rows == 0:
        return None
    opened = open_stream(stream_prefix(pool, split, lang, streams[0]))
    special = load_labels(pool, manifest).nspecial
    return np.concatenate([opened[row].numpy() for row in range(held.rows)]) - special


def accuracy_of(
    labels: np.ndarray, gold: np.ndarray, offsets: np.ndarray, chosen: np.ndarray
) -> Optional[float]:
    """How many labels of the chosen samples are right, in percent; None of none.

    Args:
        labels, gold: ``(words of all samples,)``.
        offsets: where a sample's labels begin, and their end, ``(samples + 1,)``.
        chosen: bool ``(samples,)``.
    """
    words = np.repeat(chosen, np.diff(offsets))
    if not words.any():
        return None
    return round(100 * float((labels == gold)[words].mean()), 2)


def write_rows(prefix: str, symbols: int, rows: Iterable[np.ndarray]) -> None:
    """Write a stream, row by row."""
    writer = StreamWriter(prefix, symbols)
    for row in rows:
        writer.write(row, np.array([len(row)]))
    writer.close()


def copy_stream(prefix: str, goal: str, rows: Optional[np.ndarray] = None) -> None:
    """Copy some rows of a stream, or all where they are None."""
    if rows is None:
        for ending in ("bin", "idx"):
            shutil.copyfile(f"{prefix}.{ending}", f"{goal}.{ending}")
        return
    opened = open_stream(prefix)
    write_rows(goal, MOST_SYMBOLS, (opened[int(row)].numpy() for row in rows))
