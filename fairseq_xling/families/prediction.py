"""Running a trained model over a dataset."""

from dataclasses import dataclass
from typing import Any, Callable, Dict, Iterator, Optional

import numpy as np
from fairseq import utils
from tqdm import tqdm

from fairseq_xling.devices import choose_device
from fairseq_xling.errors import UserError
from fairseq_xling.families.sharding import is_first, joined, process_number
from fairseq_xling.precision import half_dtype


@dataclass(frozen=True)
class BatchOptions:
    """How batches are made, and where they run.

    Attributes:
        batch_size: rows of a batch, where there is no ``max_tokens``.
        max_tokens: tokens of a batch, padding included.
        num_workers: processes that read the data; 0 for none of their own.
        cpu: whether to leave a GPU unused.
        fp16, bf16: whether to predict in half precision; fp16 on a GPU alone.
        processes: how many share the batches; all of them predict.
    """

    batch_size: int = 64
    max_tokens: Optional[int] = None
    num_workers: int = 0
    cpu: bool = False
    fp16: bool = False
    bf16: bool = False
    processes: int = 1


def predict_batches(
    task: Any,
    model: Any,
    dataset: Any,
    options: BatchOptions,
    title: str,
    step: Optional[Callable[[Dict[str, Any], Any], Any]] = None,
) -> Iterator[Any]:
    """What the task predicts for each batch of a dataset.

    Where several processes share them, it is the first one that gets everything, in
    the same order.

    Args:
        task: a task with ``predict_step``.
        options: how batches are made, and where they run.
        title: what the rows are, for the progress bar and messages.
        step: what is made of a batch and the model (default: the task's
            ``predict_step``).
    """
    device = choose_device(options.cpu)
    on_gpu = device.type != "cpu"
    dtype = half_dtype(options, on_gpu)
    if dtype is not None:
        model = model.to(dtype)
    model = model.to(device)
    model.eval()
    step = step or task.predict_step
    limit = task.max_positions()
    check_max_tokens(dataset, options.max_tokens, title)
    batches = task.get_batch_iterator(
        dataset,
        max_tokens=options.max_tokens,
        max_sentences=None if options.max_tokens else options.batch_size,
        max_positions=limit,
        num_workers=options.num_workers,
        num_shards=options.processes,
        shard_id=process_number() if options.processes > 1 else 0,
        # Not kept for a second reading.
        disable_iterator_cache=True,
    ).next_epoch_itr(shuffle=False)

    def outputs() -> Iterator[Any]:
        shown = None if is_first() else True
        for sample in tqdm(batches, desc=title, unit=" batches", disable=shown):
            sample = utils.move_to_cuda(sample, device) if on_gpu else sample
            # One that fills up, so that all processes have as many, is empty.
            yield step(sample, model) if sample else None

    yield from joined(outputs()) if options.processes > 1 else outputs()


def check_max_tokens(
    dataset: Any,
    max_tokens: Optional[int],
    title: str,
    option: str = "--max-tokens",
) -> None:
    """Refuse a limit that a row alone is over.

    fairseq would fail, or leave the row out of training.

    Args:
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
