"""xling-pseudo-label: a source model's tags for the translated training sentences.

Writes the ``soft_tags`` stream of every target language's training set: for each word
the distribution over all tags that a model trained on the source language predicts.
Languages that are done are left as they are, so a stopped run goes on.
"""

import argparse
import json
import logging
import os
from pathlib import Path
from typing import Any, Dict, List

import numpy as np

from fairseq_xling.checkpoints.paths import find_checkpoint_file
from fairseq_xling.cli.options import add_batch_options, check_least, entry_point
from fairseq_xling.data.binarize import StreamWriter
from fairseq_xling.data.manifest import Manifest, stream_prefix
from fairseq_xling.errors import UserError
from fairseq_xling.evaluation.checked_prediction import load_checked
from fairseq_xling.families.prediction import predict_batches
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


def build_parser() -> argparse.ArgumentParser:
    """The command line of ``xling-pseudo-label``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", help="folder of binarized tagging data")
    parser.add_argument(
        "--path", required=True, help="checkpoint trained on the source language"
    )
    parser.add_argument(
        "--target-langs", help="comma list (default: all with translated training data)"
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="replace those of another checkpoint"
    )
    add_batch_options(parser)
    return parser


def main(args: argparse.Namespace) -> None:
    """Write the pseudo-labels.

    Raises:
        UserError: the data or the checkpoint is wrong, or pseudo-labels of another
            checkpoint are there.
    """
    check_least(args)
    args.path = find_checkpoint_file(args.path)
    task, model = load_checked(args.path, args.data)
    if task.family != "tagging":
        raise UserError(
            f"{args.data}: holds {task.benchmark} data; pseudo-labels are for tagging"
        )
    # Whatever languages the model was to be evaluated in.
    task.languages = task.manifest.languages
    folder = Path(args.data)
    digest = sha256_of(args.path)
    languages = choose_languages(task.manifest, args)
    for lang in languages:  # before anything is written
        is_done(folder, lang, digest, args.overwrite)
    for lang in languages:
        # Another process may be at the same language.
        with locked(stream_prefix(folder, "train", lang, "input") + ".bin"):
            if is_done(folder, lang, digest, args.overwrite):
                logger.info(f"train.{lang}: done before")
                continue
            remove_stream(folder, lang)
            write_stream(task, model, folder, lang, args)
            add_stream(folder, lang, {"path": str(args.path), "sha256": digest})


def is_done(folder: Path, lang: str, digest: str, overwrite: bool) -> bool:
    """Whether a language has the pseudo-labels of a checkpoint.

    Args:
        folder: the data.
        lang: the language.
        digest: of the checkpoint.
        overwrite: whether those of another may be replaced.

    Raises:
        UserError: it has those of another, which must not be replaced.
    """
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


def choose_languages(manifest: Manifest, args: argparse.Namespace) -> List[str]:
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
    if args.target_langs is not None:
        wanted = read_languages("--target-langs", args.target_langs)
    unknown = sorted(set(wanted) - set(held))
    if unknown or not wanted:
        raise UserError(
            f"{args.data}: no translated training data without tags in "
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
    task: Any, model: Any, folder: Path, lang: str, args: argparse.Namespace
) -> None:
    """Predict one language's training sentences and write the distributions."""
    dataset = task.open_dataset([("train", lang)], set(), is_train=False)
    rows: List[Any] = [None] * task.manifest.splits["train"][lang].rows
    certain = words = 0.0
    for batch in predict_batches(task, model, dataset, args, f"train.{lang}"):
        for tagged in batch:
            if not np.isfinite(tagged.probabilities).all():
                raise UserError(
                    f"{args.path}: probabilities that are not numbers in {lang}; give "
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


cli_main = entry_point(build_parser, main)

if __name__ == "__main__":
    cli_main()
