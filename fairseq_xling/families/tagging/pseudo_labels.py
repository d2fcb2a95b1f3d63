"""A source model's tags for the translated training sentences."""

import json
import logging
import os
from pathlib import Path
from typing import Any, Dict, List, Optional

import numpy as np

from fairseq_xling.checkpoints.paths import find_checkpoint_file
from fairseq_xling.checkpoints.task_model import load_task_model
from fairseq_xling.data.binarize import StreamWriter
from fairseq_xling.data.manifest import Manifest, stream_prefix
from fairseq_xling.errors import UserError
from fairseq_xling.families.prediction import BatchOptions, predict_batches
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
        # Another process may be at the same language.
        with locked(stream_prefix(folder, "train", lang, "input") + ".bin"):
            if is_done(folder, lang, digest, overwrite):
                logger.info(f"train.{lang}: done before")
                continue
            remove_stream(folder, lang)
            write_stream(task, model, checkpoint, folder, lang, batches)
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
    task: Any,
    model: Any,
    checkpoint: str,
    folder: Path,
    lang: str,
    batches: BatchOptions,
) -> None:
    """Predict one language's training sentences and write the distributions."""
    dataset = task.open_dataset([("train", lang)], set(), is_train=False)
    rows: List[Any] = [None] * task.manifest.splits["train"][lang].rows
    certain = words = 0.0
    for batch in predict_batches(task, model, dataset, batches, f"train.{lang}"):
        for tagged in batch:
            if not np.isfinite(tagged.probabilities).all():
                raise UserError(
                    f"{checkpoint}: probabilities that are not numbers in {lang}; give "
                    "an earlier checkpoint, or leave out --fp16"
                )
            rows[tagged.row] = tagged.probabilities.astype(np.float16)
            certain += float(tagged.probabilities.max(axis=1).sum())
            words += len(tagged.probabilities)
    prefix = stream_prefix(folder, "train", lang, STREAM)
    for left in folder.glob(f"{Path(prefix).name}.*.part.*"):  # by a killed run
        left.unlink()
    temporary = f"{prefix}.{os.getpid()}.part"
    try:
        writer = StreamWriter(temporary, BITS)
        for row in rows:
            writer.write(row.view(np.uint16).ravel(), np.array([row.size]))
        writer.close()
        for ending in ("bin", "idx"):
            os.replace(f"{temporary}.{ending}", f"{prefix}.{ending}")
    except BaseException:
        for ending in ("bin", "idx"):
            Path(f"{temporary}.{ending}").unlink(missing_ok=True)
        raise
    logger.info(
        f"train.{lang}: {len(rows)} sentences, {int(words)} words, mean largest "
        f"probability {certain / max(words, 1):.2f}"
    )
