"""xling-distill: a model's labels for a pool, and which of them to trust.

    xling-distill augmented --path checkpoint_best.pt --split train --lang es \
        --distill-type confidence --distill-factor 80 --results-path distilled/1

One pass over the pool writes the model's label of every word or pair, its confidence
and its loss; the selection is made of these, and can be made again with other options
without another pass. The pool's own labels, where it has some, are only reported on.
"""

import argparse
from dataclasses import fields
from pathlib import Path

from fairseq_xling.cli import options
from fairseq_xling.multimix.distil_pool import DISTILL_TYPES, Selecting, distil_pool


def build_parser() -> argparse.ArgumentParser:
    """The command line of ``xling-distill``."""
    parser = options.new_parser(__doc__)
    parser.add_argument("data", help="the pool: a folder of binarized data")
    parser.add_argument("--path", required=True, help="checkpoint of a task model")
    parser.add_argument("--split", default="train")
    parser.add_argument("--lang", required=True, help="the pool's language")
    parser.add_argument("--results-path", required=True, help="folder to write")
    parser.add_argument("--distill-type", choices=DISTILL_TYPES, default="confidence")
    parser.add_argument(
        "--distill-factor",
        type=float,
        default=80.0,
        help="eta: how many are selected by confidence, in percent (default: 80)",
    )
    parser.add_argument(
        "--features",
        default="loss",
        help="what is clustered, a comma list: loss, then length (in tokens) and, of "
        "virtual samples, log_prob (default: loss)",
    )
    parser.add_argument(
        "--posterior-threshold",
        type=float,
        default=0.5,
        help="what the posterior of the component of smaller mean loss must exceed "
        "(default: 0.5)",
    )
    parser.add_argument("--seed", type=int, default=1, help="of the clustering")
    options.add_batch_options(parser)
    options.add_sharing_options(parser)
    return parser


def main(args: argparse.Namespace) -> None:
    """Predict the pool, unless that was done, and select."""
    batches = options.batch_options(args)
    names = [field.name for field in fields(Selecting)]
    selecting = Selecting(**{name: getattr(args, name) for name in names})
    folder = Path(args.results_path)
    distil_pool(args.path, args.data, args.split, args.lang, folder, selecting, batches)


cli_main = options.entry_point(build_parser, main, shares=True)

if __name__ == "__main__":
    cli_main()
