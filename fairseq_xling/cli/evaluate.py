"""xling-evaluate: every language of a split, one model or several side by side."""

import argparse
from typing import Any, Dict

from fairseq_xling.checkpoints.paths import find_checkpoint_file
from fairseq_xling.cli import options
from fairseq_xling.errors import UserError
from fairseq_xling.evaluation.evaluate import (
    Evaluation,
    evaluate,
    evaluate_benchmarks,
)
from fairseq_xling.families.base import WAYS


def build_parser() -> argparse.ArgumentParser:
    """The command line of ``xling-evaluate``."""
    parser = options.new_parser(__doc__)
    parser.add_argument(
        "data",
        nargs="+",
        help="folder of binarized data; several, of different tasks, with a checkpoint "
        "each, give X-Mixup's Table 3",
    )
    parser.add_argument(
        "--path", required=True, nargs="+", help="checkpoint to evaluate, one for each"
    )
    parser.add_argument(
        "--compare", nargs="+", default=[], metavar="PATH", help="further checkpoints"
    )
    parser.add_argument(
        "--names", nargs="+", help="names of the checkpoints in the tables"
    )
    parser.add_argument("--split", default="test")
    parser.add_argument(
        "--target-langs",
        help="comma list of languages beside the source (default: the checkpoint's)",
    )
    parser.add_argument(
        "--predict",
        nargs="+",
        default=["mean"],
        choices=WAYS,
        help="stream that gives a model's prediction: the mean of both, the target or "
        "the source; one for all models, or one for each",
    )
    parser.add_argument(
        "--no-mixup-inference",
        action="store_true",
        help="leave the counterparts out, whatever the models were trained with",
    )
    parser.add_argument(
        "--results-path", help="folder to write (default: beside the checkpoint)"
    )
    options.add_batch_options(parser)
    options.add_sharing_options(parser)
    parser.add_argument("--bootstrap-samples", type=int, default=10000)
    parser.add_argument("--seed", type=int, default=1, help="of the bootstrap")
    return parser


def main(args: argparse.Namespace) -> Dict[str, Any]:
    """Evaluate one task, or several one after the other.

    Returns:
        what ``results.json`` holds; for several tasks, that by task.
    """
    if len(args.data) != len(args.path):
        raise UserError(
            f"--path: {len(args.path)} checkpoints for {len(args.data)} data folders; "
            "give each its own (further ones of the same data go to --compare)"
        )
    names = args.names
    if len(args.data) > 1:
        names = names or ["model"]
        if args.compare or not args.results_path:
            raise UserError(
                "several data folders: give --results-path, and compare models of one "
                "task at a time"
            )
        if len(names) > 1:
            raise UserError(
                f"--names {' '.join(names)}: give one, that of the table's row, as "
                "there are several data folders"
            )
    batches = options.batch_options(args, bootstrap_samples=1, seed=0)
    each = [
        Evaluation(
            data,
            [find_checkpoint_file(one) for one in (path, *args.compare)],
            names,
            args.split,
            args.target_langs,
            args.predict,
            args.no_mixup_inference,
            args.results_path,
            batches,
            args.bootstrap_samples,
            args.seed,
        )  # fmt: skip
        for data, path in zip(args.data, args.path)
    ]
    if len(each) > 1:
        return evaluate_benchmarks(each, args.results_path)
    return evaluate(each[0])


cli_main = options.entry_point(build_parser, main, shares=True)

if __name__ == "__main__":
    cli_main()
