"""How models judge labelled samples, with and without confidence penalty."""

import json
import logging
from pathlib import Path
from typing import Any, Dict, Iterable, List, Sequence, Tuple

import numpy as np

from fairseq_xling.analysis.penalty_charts import (
    MOST_POINTS,
    MOST_WRONG,
    Judged,
    class_map,
    length_histogram,
    loss_by_length,
    loss_histogram,
)
from fairseq_xling.checkpoints.task_model import load_task_model
from fairseq_xling.errors import UserError
from fairseq_xling.families.prediction import BatchOptions
from fairseq_xling.files.atomic import atomic_file
from fairseq_xling.multimix.distillation import (
    check_percentage,
    score,
    select_confident,
)
from fairseq_xling.multimix.pool_predictions import labels_per_row, predict_rows
from fairseq_xling.multimix.selected_data import check_part, gold_labels

logger = logging.getLogger(__name__)


def compare_penalties(
    named: Sequence[Tuple[str, str]],
    data: str,
    split: str,
    lang: str,
    distill_factor: float,
    seed: int,
    folder: Path,
    batches: BatchOptions,
) -> None:
    """Write the charts and their numbers.

    Raises:
        UserError: the data have no labels, or an option is wrong.

    Source: MultiMix appendix B.
    """
    check_percentage(distill_factor)
    models: List[Judged] = []
    for name, path in named:
        task, model = load_task_model(path, data, target_langs=None)
        check_part(data, task.manifest, split, lang)
        gold = gold_labels(Path(data), split, lang)
        if gold is None:
            raise UserError(f"{data}: {split}.{lang} has no labels to judge by")
        dataset = task.open_dataset([(split, lang)], set(), is_train=False)
        predicted = predict_rows(task, model, dataset, batches, f"{split}.{lang}")
        models.append(judge(task, dataset, predicted, name, gold, distill_factor, seed))
    tagged = task.family.labels_words
    most_wrong, unit = (MOST_WRONG, "words") if tagged else (0, "tokens")
    loss_histogram(models, most_wrong, folder / "losses.png")
    loss_by_length(models, most_wrong, unit, folder / "loss-by-length.png")
    length_histogram(models, unit, folder / "selected-lengths.png")
    class_map(models, task.label_names, seed, folder / "classes.png")
    with atomic_file(folder / "charts.json") as file:
        json.dump([numbers(one, most_wrong) for one in models], file, indent=2)
    logger.info(f"wrote {folder}")


def judge(
    task: Any,
    dataset: Any,
    predicted: Iterable[Tuple[int, np.ndarray]],
    name: str,
    gold: np.ndarray,
    distill_factor: float,
    seed: int,
) -> Judged:
    """A model's predictions for all samples of a part of the data.

    Args:
        predicted: row and probabilities ``(words, classes)`` of each sample.
        gold: the samples' labels, ``(words of all samples,)``.
    """
    (streams,) = dataset.streams
    words = labels_per_row(streams)
    offsets = np.concatenate([[0], np.cumsum(words)])
    found = np.zeros((len(words), 2))
    wrong = np.zeros(len(words), int)
    logits = np.zeros((len(gold), len(task.label_names)), np.float32)
    for row, probabilities in predicted:
        here = slice(offsets[row], offsets[row + 1])
        found[row] = score(probabilities)
        wrong[row] = (probabilities.argmax(axis=1) != gold[here]).sum()
        logits[here] = np.log(np.maximum(probabilities, 1e-12))
    length = words if task.family.labels_words else np.asarray(streams.input.sizes)
    points = np.random.default_rng(seed).permutation(len(gold))[:MOST_POINTS]
    selected = select_confident(found[:, 0], distill_factor)
    return Judged(
        name, found[:, 1], wrong, length, selected, logits[points], gold[points]
    )


def numbers(one: Judged, most_wrong: int) -> Dict[str, Any]:
    """What the charts show, in numbers; means are None of no sample."""
    good = one.wrong <= most_wrong

    def mean(values: np.ndarray) -> Any:
        return round(float(values.mean()), 4) if len(values) else None

    return {
        "name": one.name,
        "samples": len(good),
        "accurate": int(good.sum()),
        "loss_of_accurate": mean(one.loss[good]),
        "loss_of_noisy": mean(one.loss[~good]),
        "selected": int(one.selected.sum()),
        "accurate_of_selected": int((good & one.selected).sum()),
        "length": mean(one.length),
        "length_of_selected": mean(one.length[one.selected]),
    }
