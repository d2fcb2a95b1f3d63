"""xling-join-shards: the shards of an augmentation as one folder.

    xling-join-shards augmented-0 augmented-1 augmented-2 --destdir augmented

The result is what a run without ``--distributed-world-size`` would have written.
"""

import argparse

from fairseq_xling.cli.options import entry_point, new_parser
from fairseq_xling.multimix.shards import join_shards


def build_parser() -> argparse.ArgumentParser:
    """The command line of ``xling-join-shards``."""
    parser = new_parser(__doc__)
    parser.add_argument("shards", nargs="+", help="the shards' --results-path folders")
    parser.add_argument("--destdir", required=True, help="the folder to write")
    return parser


def main(args: argparse.Namespace) -> None:
    """Join the shards."""
    join_shards(args.shards, args.destdir)


cli_main = entry_point(build_parser, main)

if __name__ == "__main__":
    cli_main()
