"""Train data from what two models selected and label alike."""

import logging
from pathlib import Path
from typing import Any, Dict, Sequence

import numpy as np

from fairseq_xling.data.manifest import Manifest, stream_prefix
from fairseq_xling.errors import UserError
from fairseq_xling.files.destination import check_new
from fairseq_xling.files.hashes import sha256_of
from fairseq_xling.multimix.distil_pool import SELECTED, SELECTION
from fairseq_xling.multimix.distillation import agree
from fairseq_xling.multimix.pool_predictions import (
    SETTINGS,
    open_predictions,
    read_part,
)
from fairseq_xling.multimix.selected_data import (
    accuracy_of,
    check_part,
    gold_labels,
    write_selected,
)

logger = logging.getLogger(__name__)


def write_agreed(
    data: str, split: str, lang: str, peers: Sequence[str], destination: Path
) -> None:
    """Write the samples of a pool that all peers selected and label alike.

    The pool is a part of a folder of binarized data; the peers are two folders of
    ``xling-distill``, or one whose selection is taken as it is.

    Raises:
        UserError: the folders do not belong to the pool, or nothing is left.
    """
    check_new(destination, "--results-path")
    pool = Path(data)
    check_part(pool, Manifest.load(pool), split, lang)
    digest = sha256_of(f"{stream_prefix(data, split, lang, 'input')}.bin")
    settings = [read_part(peer, SETTINGS) for peer in peers]
    for peer, held in zip(peers, settings):
        if (held.get("data"), held.get("stream")) != (digest, f"{split}.{lang}"):
            raise UserError(
                f"{peer}: holds predictions of other data than {data} {split}.{lang}"
            )
    opened = [open_predictions(peer) for peer in peers]
    chosen = [
        open_selected(Path(peer) / SELECTED, len(one.confidence))
        for peer, one in zip(peers, opened)
    ]
    both = np.logical_and.reduce(chosen)
    labels, offsets = opened[0].labels, opened[0].offsets
    agreed = both & agree(labels, opened[-1].labels, offsets)
    rows = np.flatnonzero(agreed)
    counts: Dict[str, Any] = {
        "samples": len(both),
        "selected": [int(one.sum()) for one in chosen],
        "selected_by_all": int(both.sum()),
        "agreed": len(rows),
    }
    gold = gold_labels(pool, split, lang)
    if gold is not None:
        counts["accuracy_agreed"] = accuracy_of(labels, gold, offsets, agreed)
    said = f"of {len(both)} samples {' and '.join(map(str, counts['selected']))}"
    said += " selected"
    if len(peers) > 1:
        said += (
            f", {counts['selected_by_all']} by both, {len(rows)} with the same labels"
        )
    logger.info(f"{data} {split}.{lang}: {said}")
    if len(rows) == 0:
        stage = "label alike" if counts["selected_by_all"] else "select"
        raise UserError(
            f"{pool} {split}.{lang}: no sample that both peers {stage}; give "
            "a larger --distill-factor or a smaller --posterior-threshold, train "
            "the models longer, or use --no-agreement"
        )
    selection = {
        "pool": digest,
        "peers": [
            {"checkpoint": held["checkpoint"], **read_part(peer, SELECTION)}
            for peer, held in zip(peers, settings)
        ],
        "counts": counts,
    }
    write_selected(pool, split, lang, rows, opened[0], destination, selection)


def open_selected(path: Path, samples: int) -> np.ndarray:
    """A peer's selection, bool ``(samples,)``."""
    try:
        selected = np.fromfile(path, bool)
    except OSError as error:
        raise UserError(
            f"{path}: cannot be read ({error}); run xling-distill again"
        ) from None
    if len(selected) != samples:
        raise UserError(f"{path}: cut short; run xling-distill again")
    return selected
