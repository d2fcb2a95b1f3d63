"""xling-agree: train data from what two models selected and label alike.

    xling-agree data-bin/xner distilled/2 distilled/3 --lang es --results-path selected

writes the samples of the pool that both have selected (``xling-distill``) and on which
their labels are the same, with these labels. With one folder and ``--no-agreement``,
one model's selection is written as it is.
"""

import argparse
import logging
from pathlib import Path
from typing import Any, Dict, List

import numpy as np

from fairseq_xling.cli.distill import SELECTED, SELECTION
from fairseq_xling.cli.options import entry_point
from fairseq_xling.data.manifest import Manifest, stream_prefix
from fairseq_xling.errors import UserError
from fairseq_xling.files.destination import check_new
from fairseq_xling.files.hashes import sha256_of
from fairseq_xling.multimix.distillation import agree
from fairseq_xling.multimix.pool_predictions import (
    PoolPredictions,
    open_predictions,
    read_json,
    read_settings,
)
from fairseq_xling.multimix.selected_data import (
    accuracy_of,
    gold_labels,
    write_selected,
)

logger = logging.getLogger(__name__)


def build_parser() -> argparse.ArgumentParser:
    """The command line of ``xling-agree``."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", help="the pool: a folder of binarized data")
    parser.add_argument("peers", nargs="+", help="folders of xling-distill")
    parser.add_argument("--split", default="train")
    parser.add_argument("--lang", required=True, help="the pool's language")
    parser.add_argument("--results-path", required=True, help="folder to write")
    parser.add_argument(
        "--no-agreement", action="store_true", help="take one peer's selection"
    )
    return parser


def main(args: argparse.Namespace) -> None:
    """Write the samples.

    Raises:
        UserError: the folders do not belong to the pool, or nothing is left.
    """
    expected = 1 if args.no_agreement else 2
    if len(args.peers) != expected:
        raise UserError(
            f"{len(args.peers)} peers: give {expected} "
            f"with{'' if args.no_agreement else 'out'} --no-agreement"
        )
    pool, destination = Path(args.data), Path(args.results_path)
    check_new(destination, "--results-path")
    if args.lang not in Manifest.load(pool).splits.get(args.split, {}):
        raise UserError(f"{pool}: no split {args.split} in {args.lang}")
    check_pools(args)
    opened = [open_predictions(peer) for peer in args.peers]
    chosen = [open_selected(peer, one) for peer, one in zip(args.peers, opened)]
    both = np.logical_and.reduce(chosen)
    same = agree(opened[0].labels, opened[-1].labels, opened[0].offsets)
    rows = np.flatnonzero(both & same)
    counts: Dict[str, Any] = {
        "samples": len(both),
        "selected": [int(one.sum()) for one in chosen],
        "selected_by_all": int(both.sum()),
        "agreed": len(rows),
    }
    gold = gold_labels(pool, args.split, args.lang)
    if gold is not None:
        labels, offsets = opened[0].labels, opened[0].offsets
        counts["accuracy_agreed"] = accuracy_of(labels, gold, offsets, both & same)
    logger.info(say(args, counts))
    if len(rows) == 0:
        stage = "label alike" if counts["selected_by_all"] else "select"
        raise UserError(
            f"{pool} {args.split}.{args.lang}: no sample that both peers {stage}; "
            "give a larger --distill-factor or a smaller --posterior-threshold, train "
            "the models longer, or use --no-agreement"
        )
    selection = {
        "pool": read_settings(args.peers[0])["data"],
        "peers": [
            {
                "checkpoint": read_settings(peer)["checkpoint"],
                **read_json(Path(peer) / SELECTION),
            }
            for peer in args.peers
        ],
        "counts": counts,
    }
    write_selected(pool, args.split, args.lang, rows, opened[0], destination, selection)


def check_pools(args: argparse.Namespace) -> None:
    """Refuse predictions of another pool than the one given.

    Raises:
        UserError: there are such.
    """
    prefix = stream_prefix(args.data, args.split, args.lang, "input")
    expected = (sha256_of(f"{prefix}.bin"), f"{args.split}.{args.lang}")
    for peer in args.peers:
        settings = read_settings(peer)
        if (settings.get("data"), settings.get("stream")) != expected:
            raise UserError(
                f"{peer}: holds predictions of other data than {args.data} "
                f"{args.split}.{args.lang}"
            )


def open_selected(folder: str, predictions: PoolPredictions) -> np.ndarray:
    """A peer's selection, bool ``(samples,)``.

    Raises:
        UserError: it is missing or cut short.
    """
    path = Path(folder) / SELECTED
    try:
        selected = np.fromfile(path, bool)
    except OSError as error:
        raise UserError(
            f"{path}: cannot be read ({error}); run xling-distill again"
        ) from None
    if len(selected) != len(predictions.confidence):
        raise UserError(f"{path}: cut short; run xling-distill again")
    return selected


def say(args: argparse.Namespace, counts: Dict[str, Any]) -> str:
    """A line about what is left."""
    each: List[str] = [str(number) for number in counts["selected"]]
    line = f"{args.data} {args.split}.{args.lang}: of {counts['samples']} samples "
    if len(each) == 1:
        return f"{line}{each[0]} selected"
    return (
        f"{line}{' and '.join(each)} selected, {counts['selected_by_all']} by both, "
        f"{counts['agreed']} with the same labels"
    )


cli_main = entry_point(build_parser, main)

if __name__ == "__main__":
    cli_main()
