"""Whether the rows of a dataset fit into the batches that are asked for."""

from typing import Any, Optional

import numpy as np

from fairseq_xling.errors import UserError


def check_max_tokens(
    dataset: Any,
    max_tokens: Optional[int],
    title: str,
    option: str = "--max-tokens",
) -> None:
    """Refuse a limit that a row alone is over.

    fairseq would fail, or leave the row out of training.

    Args:
        dataset: a :class:`~fairseq_xling.data.paired_dataset.PairedDataset`, or a
            mixture of one.
        max_tokens: tokens of a batch; None for no limit.
    """
    rows = getattr(dataset, "dataset", dataset)
    # Rows with all their windows are never split: one over the limit is a batch.
    if not max_tokens or not len(rows) or getattr(rows, "whole_rows", False):
        return
    needed = int(rows.num_tokens_vec(np.arange(len(rows))).max())
    if needed > max_tokens:
        raise UserError(
            f"{option} {max_tokens}: an item of {title} takes {needed} tokens, both "
            "streams together; give as many or more, or --batch-size instead"
        )
