"""xling-pseudo-label: a source model's tags for the translated training sentences.

Writes the ``soft_tags`` stream of every target language's training set: for each word
the distribution over all tags that a model trained on the source language predicts.
Languages that are done are left as they are, so a stopped run goes on.
"""

import argparse

from fairseq_xling.cli import options
from fairseq_xling.families.tagging.pseudo_labels import write_pseudo_labels


def build_parser() -> argparse.ArgumentParser:
    """The command line of ``xling-pseudo-label``."""
    parser = options.new_parser(__doc__)
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
    options.add_batch_options(parser)
    options.add_sharing_options(parser)
    return parser


def main(args: argparse.Namespace) -> None:
    """Write the pseudo-labels."""
    batches = options.batch_options(args)
    write_pseudo_labels(
        args.path, args.data, args.target_langs, args.overwrite, batches
    )


cli_main = options.entry_point(build_parser, main, shares=True)

if __name__ == "__main__":
    cli_main()
