"""xling-sample: a part of the training data, source and target not parallel.

    xling-sample data-bin/xnli --target-lang sw --percentage 5 --results-path xnli-5

keeps a random share of the source language's training rows, and as large a share of the
target's that are no translations of those. All other splits are kept whole (MultiMix
section 4.2, XNLI-5%).
"""

import argparse
from pathlib import Path

from fairseq_xling.cli.options import entry_point, new_parser
from fairseq_xling.multimix.sampling import sample_data


def build_parser() -> argparse.ArgumentParser:
    """The command line of ``xling-sample``."""
    parser = new_parser(__doc__)
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
    """Write the folder."""
    sample_data(
        Path(args.data), args.target_lang, args.target_split, args.percentage,
        Path(args.results_path), args.seed, args.target_seed,
    )  # fmt: skip


cli_main = entry_point(build_parser, main)

if __name__ == "__main__":
    cli_main()
