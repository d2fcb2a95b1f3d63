"""What the commands that run a model share."""

import argparse
import logging
import warnings


def add_batch_options(parser: argparse.ArgumentParser) -> None:
    """Add how batches are made and where they run."""
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--max-tokens", type=int, help="instead of --batch-size")
    parser.add_argument("--num-workers", type=int, default=0)
    parser.add_argument("--cpu", action="store_true", help="do not use a GPU")
    parser.add_argument("--fp16", action="store_true", help="half precision, on a GPU")


def quiet_logging() -> None:
    """Log our own lines, and of fairseq and torch only what matters."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", force=True)
    logging.getLogger("fairseq").setLevel(logging.WARNING)
    # It tells in many lines of the heads that check_head refuses in one.
    logging.getLogger("fairseq.models.roberta").setLevel(logging.ERROR)
    # fairseq asks for pinned memory without a GPU, too, which torch then remarks on.
    warnings.filterwarnings("ignore", message=".*pin_memory.*", category=UserWarning)
