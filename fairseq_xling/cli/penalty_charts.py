"""xling-penalty-charts: how models judge labelled samples, with and without penalty.

    xling-penalty-charts data-bin/panx --path with.pt without.pt \
        --names "with penalty" "without penalty" --lang es --results-path charts

draws the figures of MultiMix's appendix B: losses of accurate and of noisy samples,
loss against length, lengths of what a distillation selects, and the classes by t-SNE.
"""

import argparse
from pathlib import Path

from fairseq_xling.analysis.confidence_penalty import compare_penalties
from fairseq_xling.checkpoints.paths import find_checkpoint_file
from fairseq_xling.cli import options
from fairseq_xling.errors import UserError


def build_parser() -> argparse.ArgumentParser:
    """The command line of ``xling-penalty-charts``."""
    parser = options.new_parser(__doc__)
    parser.add_argument("data", help="folder of binarized data")
    parser.add_argument("--path", required=True, nargs="+", help="checkpoints")
    parser.add_argument("--names", nargs="+", help="of the checkpoints, in the charts")
    parser.add_argument("--split", default="valid")
    parser.add_argument("--lang", required=True)
    parser.add_argument("--distill-factor", type=float, default=80.0)
    parser.add_argument("--seed", type=int, default=1, help="of t-SNE")
    parser.add_argument("--results-path", required=True, help="folder to write")
    options.add_batch_options(parser)
    return parser


def main(args: argparse.Namespace) -> None:
    """Draw the charts."""
    batches = options.batch_options(args)
    paths = [find_checkpoint_file(path) for path in args.path]
    names = args.names or [Path(path).resolve().parent.name for path in paths]
    if len(names) != len(paths):
        raise UserError(f"--names: give {len(paths)}, one a checkpoint")
    compare_penalties(
        list(zip(names, paths)), args.data, args.split, args.lang, args.distill_factor,
        args.seed, Path(args.results_path), batches,
    )  # fmt: skip


cli_main = options.entry_point(build_parser, main)

if __name__ == "__main__":
    cli_main()
