"""xling-pseudo-label: a source model's tags for the translated training sentences.

Writes the ``soft_tags`` stream of every target language's training set: for each word
the distribution over all tags that a model trained on the source language predicts.
Languages that are done are left as they are, so a stopped run goes on.
"""

import argparse

from fairseq_xling.checkpoints.paths import find_checkpoint_file
from fairseq_xling.checkpoints.task_model import load_task_model
from fairseq_xling.cli.options import add_batch_options, batch_options, entry_point
from fairseq_xling.families.tagging.pseudo_labels import write_pseudo_labels


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
    batches = batch_options(args)
    path = find_checkpoint_file(args.path)
    # Whatever languages the model was to be evaluated in.
    task, model = load_task_model(path, args.data, target_langs=None)
    write_pseudo_labels(
        task, model, path, args.data, args.target_langs, args.overwrite, batches
    )


cli_main = entry_point(build_parser, main)

if __name__ == "__main__":
    cli_main()
