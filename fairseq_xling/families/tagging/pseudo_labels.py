"""A source model's tags for the translated training sentences."""

import itertools
import json
import logging
import os
from collections import deque
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Dict, Iterable, List, Optional

import numpy as np

from fairseq_xling.checkpoints.paths import find_checkpoint_file
from fairseq_xling.checkpoints.task_model import load_task_model
from fairseq_xling.data.binarize import StreamWriter
from fairseq_xling.data.manifest import Manifest, stream_prefix
from fairseq_xling.data.streams import Streams
from fairseq_xling.errors import UserError
from fairseq_xling.families.prediction import BatchOptions, predict_batches
from fairseq_xling.families.sharding import is_first, of_first
from fairseq_xling.files.atomic import atomic_file
from fairseq_xling.files.hashes import sha256_of
from fairseq_xling.files.json_text import read_object
from fairseq_xling.files.locks import locked
from fairseq_xling.option_values import read_languages

logger = logging.getLogger(__name__)

STREAM = "soft_tags"
# Which checkpoint each language's pseudo-labels come from.
RECORD = "pseudo_labels.json"
# The bits of 16-bit floats up to 1.0, which fairseq keeps as 16-bit integers.
BITS = 0x3C00 + 1
CHUNK_ROWS = 8192


def write_pseudo_labels(
    path: str,
    data: str,
    target_langs: Optional[str],
    overwrite: bool,
    batches: BatchOptions,
) -> None:
    """Write the ``soft_tags`` streams of the languages that are not done.

    Args:
        path: of a checkpoint trained on the source language, or its folder.
        target_langs: comma list; None for all with translated training data.
        overwrite: whether pseudo-labels of other checkpoints may be replaced.

    Raises:
        UserError: the checkpoint does not fit, the data are of no tagging or not
            translated, or pseudo-labels of another checkpoint are there.
    """
    checkpoint = find_checkpoint_file(path)
    # Whatever languages the model was to be evaluated in.
    task, model = load_task_model(checkpoint, data, target_langs=None)
    if STREAM not in task.family.label_streams:
        raise UserError(
            f"{data}: holds {task.benchmark} data; pseudo-labels are for tagging"
        )
    folder, digest = Path(data), sha256_of(checkpoint)
    languages = choose_languages(data, task.manifest, target_langs)
    for lang in languages:  # before anything is written
        is_done(folder, lang, digest, overwrite)
    for lang in languages:
        # Another run may be at the same language.
        held = locked(stream_prefix(folder, "train", lang, "input") + ".bin")
        with held if is_first() else nullcontext():
            if of_first(is_first() and is_done(folder, lang, digest, overwrite)):
                logger.info(f"train.{lang}: done before")
                continue
            dataset = task.open_dataset([("train", lang)], set(), is_train=False)
            found = predict_batches(task, model, dataset, batches, f"train.{lang}")
            if not is_first():  # it only predicts for the first
                deque(found, 0)
                continue
            remove_stream(folder, lang)
            write_stream(checkpoint, folder, dataset.streams[0], found)
            add_stream(folder, lang, {"path": str(checkpoint), "sha256": digest})


def is_done(folder: Path, lang: str, digest: str, overwrite: bool) -> bool:
    """Whether a language has the pseudo-labels of a checkpoint."""
    if not has_stream(Manifest.load(folder), lang):
        return False
    written_by = read_record(folder).get(lang, {})
    if written_by.get("sha256") == digest:
        return True
    if not overwrite:
        raise UserError(
            f"{folder}: train.{lang} has pseudo-labels of another checkpoint "
            f"({written_by.get('path', 'unknown')}); replace them with --overwrite"
        )
    return False


def read_record(folder: Path) -> Dict[str, Any]:
    """Which checkpoint each language's pseudo-labels come from."""
    path = folder / RECORD
    return read_object(path) if path.exists() else {}


def choose_languages(
    data: str, manifest: Manifest, target_langs: Optional[str]
) -> List[str]:
    """Languages whose training set is translated and so has no tags of its own.

    Raises:
        UserError: there is none, or one asked for is not among them.
    """
    held = [
        lang
        for lang, entry in manifest.splits.get("train", {}).items()
        if lang != manifest.source_lang and "tags" not in entry.streams
    ]
    wanted = held
    if target_langs is not None:
        wanted = read_languages("--target-langs", target_langs)
    unknown = sorted(set(wanted) - set(held))
    if unknown or not wanted:
        raise UserError(
            f"{data}: no translated training data without tags in "
            f"{','.join(unknown) or 'any language'}; it has {','.join(held) or 'none'}"
        )
    return wanted


def has_stream(manifest: Manifest, lang: str) -> bool:
    """Whether the manifest names a language's pseudo-labels."""
    return STREAM in manifest.splits["train"][lang].streams


def remove_stream(folder: Path, lang: str) -> None:
    """Take the stream out of the manifest before its files are replaced."""
    with locked(folder):
        manifest = Manifest.load(folder)
        if has_stream(manifest, lang):
            manifest.splits["train"][lang].streams.remove(STREAM)
            manifest.save(folder)


def add_stream(folder: Path, lang: str, written_by: Dict[str, Any]) -> None:
    """Name the stream, whose files are in place, in the record and the manifest."""
    with locked(folder):
        record = {**read_record(folder), lang: written_by}
        with atomic_file(folder / RECORD) as file:
            json.dump(record, file, indent=2)
        manifest = Manifest.load(folder)
        manifest.splits["train"][lang].streams.append(STREAM)
        manifest.save(folder)


def write_stream(
    checkpoint: str, folder: Path, streams: Streams, predicted: Iterable[List[Any]]
) -> None:
    """Write the distributions of one language's training sentences.

    They come in any order, so they are put in place in a file of their own.

    Raises:
        UserError: one is not of numbers.
    """
    lang, starts = streams.lang, streams.word_starts
    assert starts is not None
    ends = np.concatenate([[0], np.cumsum(starts.sizes, dtype=np.int64)])
    prefix = stream_prefix(folder, "train", lang, STREAM)
    for left in folder.glob(f"{Path(prefix).name}.*.part.*"):  # by a killed run
        left.unlink()
    temporary = f"{prefix}.{os.getpid()}.part"
    certain = 0.0
    bits: Any = None
    try:
        for tagged in itertools.chain.from_iterable(predicted):
            found = tagged.probabilities
            if not np.isfinite(found).all():
                raise UserError(
                    f"{checkpoint}: probabilities that are not numbers in {lang}; give "
                    "an earlier checkpoint, or leave out --fp16"
                )
            if bits is None:
                shape = (int(ends[-1]), found.shape[1])
                bits = np.memmap(f"{temporary}.rows", np.uint16, "w+", shape=shape)
            place = slice(ends[tagged.row], ends[tagged.row + 1])
            bits[place] = found.astype(np.float16).view(np.uint16)
            certain += float(found.max(axis=1).sum())
        writer = StreamWriter(temporary, BITS)
        for first in range(0, len(starts), CHUNK_ROWS):
            bounds = ends[first : first + CHUNK_ROWS + 1]
            held = bits[bounds[0] : bounds[-1]]
            writer.write(held.ravel(), np.diff(bounds) * held.shape[1])
        writer.close()
        for ending in ("bin", "idx"):
            os.replace(f"{temporary}.{ending}", f"{prefix}.{ending}")
    finally:
        for ending in ("rows", "bin", "idx"):
            Path(f"{temporary}.{ending}").unlink(missing_ok=True)
    logger.info(
        f"train.{lang}: {len(starts)} sentences, {ends[-1]} words, mean largest "
        f"probability {certain / max(ends[-1], 1):.2f}"
    )
