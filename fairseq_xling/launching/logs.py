"""What commands log: our own lines, and of fairseq and torch only what matters."""

import logging
import warnings


def quiet_logging() -> None:
    """Log our own lines, and of fairseq and torch only what matters."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", force=True)
    logging.getLogger("fairseq").setLevel(logging.WARNING)
    # It tells in many lines of the heads that check_head refuses in one.
    logging.getLogger("fairseq.models.roberta").setLevel(logging.ERROR)
    # fairseq asks for pinned memory without a GPU, too, which torch then remarks on.
    warnings.filterwarnings("ignore", message=".*pin_memory.*", category=UserWarning)
