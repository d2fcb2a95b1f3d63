"""xling-agree: train data from what two models selected and label alike.

    xling-agree data-bin/xner distilled/2 distilled/3 --lang es --results-path selected

writes the samples of the pool that both have selected (``xling-distill``) and on which
their labels are the same, with these labels. With one folder and ``--no-agreement``,
one model's selection is written as it is.
"""

import argparse
from pathlib import Path

from fairseq_xling.cli.options import entry_point, new_parser
from fairseq_xling.errors import UserError
from fairseq_xling.multimix.agreement import write_agreed


def build_parser() -> argparse.ArgumentParser:
    """The command line of ``xling-agree``."""
    parser = new_parser(__doc__)
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
    """Write the samples, of as many peers as are needed."""
    expected = 1 if args.no_agreement else 2
    if len(args.peers) != expected:
        raise UserError(
            f"{len(args.peers)} peers: give {expected} "
            f"with{'' if args.no_agreement else 'out'} --no-agreement"
        )
    write_agreed(args.data, args.split, args.lang, args.peers, Path(args.results_path))


cli_main = entry_point(build_parser, main)

if __name__ == "__main__":
    cli_main()
