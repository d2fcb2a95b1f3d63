"""Running a trained model over a split."""

import argparse
from typing import Any, Dict, Iterator, List, Tuple

import numpy as np
from fairseq import checkpoint_utils, utils
from fairseq.tasks import TASK_REGISTRY
from omegaconf.errors import OmegaConfBaseException
from tqdm import tqdm

from fairseq_xling.checkpoint_paths import find_checkpoint_file
from fairseq_xling.data.batch_limits import check_max_tokens
from fairseq_xling.devices import choose_device
from fairseq_xling.errors import UserError
from fairseq_xling.precision import half_dtype
from fairseq_xling.prediction.answers import AnswerPredictions
from fairseq_xling.prediction.classes import as_arrays, put_together
from fairseq_xling.prediction.tags import TagPredictions
from fairseq_xling.stored_task import foreign_task, is_ours, stored_task


def load_task_model(path: str, data: str, **options: Any) -> Tuple[Any, Any]:
    """Load a checkpoint with its task, set to other data.

    Args:
        path: the checkpoint.
        data: folder of binarized data.
        options: other options of the task that are to differ from the checkpoint's.

    Raises:
        UserError: there is no such file, or it was not trained by a task of ours on
            these labels.
    """
    path = find_checkpoint_file(path)
    state = checkpoint_utils.load_checkpoint_to_cpu(path, {"data": data, **options})
    stored = stored_task(state)
    if not is_ours(stored) or not hasattr(TASK_REGISTRY[stored], "predict_step"):
        raise foreign_task(path, stored)
    try:
        models, _, task = checkpoint_utils.load_model_ensemble_and_task(
            [path], state=state
        )
    except UserError as error:
        raise UserError(error if path in str(error) else f"{path}: {error}") from None
    except (OmegaConfBaseException, AssertionError, LookupError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise UserError(
            f"{path}: cannot be loaded by this version ({reason}); give another "
            "checkpoint, or save it anew without what is named"
        ) from None
    return task, models[0]


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


def predict_split(
    task: Any, model: Any, split: str, args: argparse.Namespace
) -> Dict[str, Any]:
    """Predict all rows of a split.

    Args:
        task: a task with ``predict_step``.
        model: its model.
        split: name of the split.
        args: as :func:`predict_batches`.

    Returns:
        the family's predictions by language, in the task's order of languages.

    Raises:
        UserError: there is no such split, or it cannot be predicted.
    """
    if task.family != "classification" and split == task.cfg.train_subset:
        raise UserError(
            f"--split {split}: the model was trained on it; only other splits are "
            f"predicted for {task.benchmark}"
        )
    # Counterparts of pairs serve baselines, too: their source stream is translate-test.
    with_source = None
    if task.family == "classification":
        with_source = not task.cfg.no_mixup_inference
    dataset = task.load_dataset(split, with_source=with_source, with_unlabelled=True)
    outputs = predict_batches(task, model, dataset, args, split)
    if task.family == "classification":
        found = merge_classes(outputs)
    else:
        found = merge_rows(task, split, outputs)
        for lang, streams in zip(dataset.lang_ids, dataset.streams):
            found[lang].has_source = streams.paired()
    return {task.languages[lang]: found[lang] for lang in sorted(found)}


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
