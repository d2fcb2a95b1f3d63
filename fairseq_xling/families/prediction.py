"""Running a trained model over a dataset."""

import argparse
from typing import Any, Iterator

from fairseq import utils
from tqdm import tqdm

from fairseq_xling.data.batch_limits import check_max_tokens
from fairseq_xling.devices import choose_device
from fairseq_xling.precision import half_dtype


def predict_batches(
    task: Any, model: Any, dataset: Any, args: argparse.Namespace, title: str
) -> Iterator[Any]:
    """What the task predicts for each batch of a dataset.

    Args:
        task: a task with ``predict_step``.
        model: its model.
        dataset: one of its datasets.
        args: ``batch_size``, ``max_tokens``, ``num_workers``, ``cpu``, and ``fp16``
            (without a GPU this is left undone) or ``bf16``.
        title: what the rows are, for the progress bar and messages.

    Raises:
        UserError: a row has more than ``max_tokens`` tokens.
    """
    device = choose_device(args.cpu)
    on_gpu = device.type != "cpu"
    dtype = half_dtype(args, on_gpu)
    if dtype is not None:
        model = model.to(dtype)
    model = model.to(device)
    model.eval()
    limit = task.max_positions()
    check_max_tokens(dataset, args.max_tokens, title)
    batches = task.get_batch_iterator(
        dataset,
        max_tokens=args.max_tokens,
        max_sentences=None if args.max_tokens else args.batch_size,
        max_positions=limit,
        num_workers=args.num_workers,
    ).next_epoch_itr(shuffle=False)
    for sample in tqdm(batches, desc=title, unit=" batches", disable=None):
        sample = utils.move_to_cuda(sample, device) if on_gpu else sample
        yield task.predict_step(sample, model)
