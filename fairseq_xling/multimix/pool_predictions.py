"""What one model predicts for a pool: labels and scores on disk, a row at a time."""

import json
from pathlib import Path
from typing import Any, Dict, Iterable, Iterator, NamedTuple, Tuple, Union

import numpy as np

from fairseq_xling.data.streams import Streams
from fairseq_xling.errors import UserError
from fairseq_xling.families.prediction import BatchOptions, predict_batches
from fairseq_xling.files.atomic import atomic_folder
from fairseq_xling.files.json_text import read_object
from fairseq_xling.multimix.distillation import score

SETTINGS = "predictions.json"
# Plain files of numbers, by the names of PoolPredictions.
DTYPES = {
    "labels": np.dtype(np.int16),
    "offsets": np.dtype(np.int64),
    "confidence": np.dtype(np.float64),
    "loss": np.dtype(np.float64),
}


class PoolPredictions(NamedTuple):
    """A model's labels for the samples of a pool, memory-mapped.

    Attributes:
        labels: class of each word of each sample, ``(words of all samples,)``.
        offsets: where each sample's labels begin, and their end, ``(samples + 1,)``.
        confidence: mean largest probability of each sample, ``(samples,)``.
        loss: mean cross-entropy of each against these labels, in nats, ``(samples,)``.
    """

    labels: np.ndarray
    offsets: np.ndarray
    confidence: np.ndarray
    loss: np.ndarray


def labels_per_row(streams: Streams) -> np.ndarray:
    """Number of labels of each row, ``(rows,)``."""
    if streams.word_starts is None:
        return np.ones(len(streams), np.int64)
    return np.asarray(streams.word_starts.sizes)


def predict_rows(
    task: Any, model: Any, dataset: Any, batches: BatchOptions, title: str
) -> Iterator[Tuple[int, np.ndarray]]:
    """Row and probabilities ``(words, classes)`` of every sample of a pool."""
    for output in predict_batches(task, model, dataset, batches, title):
        yield from ((one.row, one.probabilities) for one in output)


def write_predictions(
    folder: Union[str, Path],
    settings: Dict[str, Any],
    words: np.ndarray,
    predicted: Iterable[Tuple[int, np.ndarray]],
) -> None:
    """Write a pool's predictions; the folder appears when they are complete.

    Args:
        settings: what the predictions depend on.
        words: number of labels of each sample, ``(samples,)``.
        predicted: row and probabilities ``(words, classes)`` of each sample, each row
            once, in any order.

    Raises:
        UserError: a probability is not a number.
    """
    offsets = np.concatenate([[0], np.cumsum(words, dtype=np.int64)])
    sizes = dict.fromkeys(DTYPES, len(words))
    sizes.update(labels=int(offsets[-1]), offsets=len(offsets))
    with atomic_folder(folder) as work:
        # numpy cannot map an empty array.
        arrays = {
            name: np.memmap(work / f"{name}.bin", dtype, "w+", shape=(sizes[name],))
            if sizes[name]
            else np.zeros(0, dtype)
            for name, dtype in DTYPES.items()
        }
        arrays["offsets"][:] = offsets
        for row, probabilities in predicted:
            found = score(probabilities)
            if not np.isfinite(found).all():
                raise UserError(
                    f"row {row + 1}: probabilities that are not numbers; give an "
                    "earlier checkpoint, or leave out --fp16"
                )
            labels = probabilities.argmax(axis=1)
            arrays["labels"][offsets[row] : offsets[row + 1]] = labels
            arrays["confidence"][row], arrays["loss"][row] = found
        for name, array in arrays.items():
            (work / f"{name}.bin").touch()
            if isinstance(array, np.memmap):
                array.flush()
        text = json.dumps(settings, indent=2, ensure_ascii=False)
        (work / SETTINGS).write_text(text + "\n", encoding="utf-8")


def read_part(folder: Union[str, Path], name: str) -> Dict[str, Any]:
    """Read an object that ``xling-distill`` wrote."""
    return read_object(Path(folder) / name, "write it with xling-distill")


def open_predictions(folder: Union[str, Path]) -> PoolPredictions:
    """Open what :func:`write_predictions` wrote.

    Raises:
        UserError: a part is missing or cut short.
    """
    parts = {}
    for name, dtype in DTYPES.items():
        path = Path(folder) / f"{name}.bin"
        try:
            size = path.stat().st_size
            parts[name] = np.memmap(path, dtype, "r") if size else np.zeros(0, dtype)
        except (OSError, ValueError) as error:
            raise UserError(
                f"{path}: cannot be read ({error}); remove the folder and run "
                "xling-distill again"
            ) from None
    found = PoolPredictions(**parts)
    samples = len(found.offsets) - 1
    if (
        len(found.confidence) != samples
        or len(found.loss) != samples
        or len(found.labels) != found.offsets[-1]
    ):
        raise UserError(
            f"{folder}: its files do not belong together; remove it and run "
            "xling-distill again"
        )
    return found
