"""Running a trained model over a dataset, and putting its predictions together."""

import argparse
from typing import Any, Dict, Iterator, List

import numpy as np
from fairseq import utils
from tqdm import tqdm

from fairseq_xling.data.batch_limits import check_max_tokens
from fairseq_xling.devices import choose_device
from fairseq_xling.families.pairs.predictions import as_arrays, put_together
from fairseq_xling.families.questions.predictions import AnswerPredictions
from fairseq_xling.families.tagging.predictions import TagPredictions
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


def merge_classes(outputs: Iterator[Any]) -> Dict[int, Any]:
    """Predicted classes by language."""
    collected: Dict[int, List[dict]] = {}
    for batch in outputs:
        output = as_arrays(batch)
        for lang in np.unique(output["lang"]):
            here = output["lang"] == lang
            collected.setdefault(int(lang), []).append(
                {
                    key: None if value is None else value[here]
                    for key, value in output.items()
                }
            )
    return {lang: put_together(parts) for lang, parts in collected.items()}


def merge_rows(task: Any, split: str, outputs: Iterator[Any]) -> Dict[int, Any]:
    """Predicted tags or answers by language, rows in the order of their data."""
    collected: Dict[int, List[Any]] = {}
    for rows in outputs:
        for row in rows:
            collected.setdefault(row.lang, []).append(row)
    found: Dict[int, Any] = {}
    for lang, rows in collected.items():
        rows.sort(key=lambda row: row.row)
        if task.family == "tagging":
            found[lang] = TagPredictions(rows, task.label_names)
        else:
            rules = task.rules.get(split, "squad")
            found[lang] = AnswerPredictions(rows, task.languages[lang], rules)
    return found
