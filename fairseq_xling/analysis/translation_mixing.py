"""How a model mixes translated rows with what they were made from."""

from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np
import torch
from scipy.stats import pearsonr

from fairseq_xling.analysis.correlation import rank_correlation
from fairseq_xling.analysis.ratio_by_language import keep_what_mixes
from fairseq_xling.analysis.translated_rows import Text, TranslatedRow
from fairseq_xling.analysis.translation_measures import count_words, row_score
from fairseq_xling.errors import UserError
from fairseq_xling.families.prediction import BatchOptions, predict_batches
from fairseq_xling.predictor import Predictor, from_pretrained
from fairseq_xling.preprocessing.benchmarks import Benchmark

# Rows of equal numbers are put together, at most so many bins of at least so many.
MOST_BINS, LEAST_ROWS = 10, 10


class Mixer(NamedTuple):
    """A model of which the layers that mix are left, their numbers, and how it runs."""

    predictor: Predictor
    layers: List[int]
    batches: BatchOptions


class Mixed(NamedTuple):
    """How a layer mixes rows of a language.

    Attributes:
        ratio, score, words: mixup ratio, chrF and words of the source of each row,
            ``(rows,)``.
    """

    layer: int
    ratio: np.ndarray
    score: np.ndarray
    words: np.ndarray


def open_mixer(
    path: str, data: Optional[str], benchmark: Benchmark, batches: BatchOptions
) -> Mixer:
    """Load a checkpoint.

    Raises:
        UserError: it does not mix, or reads no rows of that kind.
    """
    predictor = from_pretrained(path, data=data)
    task = predictor.task
    if task.family.encoder is not benchmark.files.encoder:
        raise UserError(
            f"{path}: a model for {task.benchmark}, which reads other rows; give the "
            "--task of the raw folder, and a model for it"
        )
    return Mixer(predictor, keep_what_mixes(predictor.model, path), batches)


@torch.no_grad()
def batch_ratios(sample: Dict[str, Any], model: Any) -> List[Tuple[int, np.ndarray]]:
    """Rows of a batch with the ratios of each layer that mixes, ``(layers,)``."""
    tokens, sources = (
        sample["net_input"][name] for name in ("src_tokens", "source_tokens")
    )
    if sources is None:
        return []
    _, extra = model(tokens[: len(sources)], sources, features_only=True)
    return list(zip(sample["row"].tolist(), extra["mixup_ratio"].float().cpu().numpy()))


def compare(
    mixer: Mixer,
    rows: Sequence[TranslatedRow],
    scores: Dict[Text, float],
    title: str,
) -> List[Dict[str, Any]]:
    """The mixup ratio against chrF, of each layer that mixes.

    Args:
        scores: chrF of texts; rows without any are left out.
    """
    held = [(row, row_score(row.texts, scores)) for row in rows]
    chosen = [row for row, score in held if score is not None]
    found = np.array([score for _, score in held if score is not None])
    words = np.array(
        [sum(count_words(text.source) for text in row.texts) for row in chosen]
    )
    ratios = mixing_ratios(mixer, chosen, f"{title}: mixup ratio")
    return [
        numbers(Mixed(layer, ratio, found, words))
        for layer, ratio in zip(mixer.layers, ratios.T)
    ]


def mixing_ratios(
    mixer: Mixer, rows: Sequence[TranslatedRow], title: str
) -> np.ndarray:
    """Mixup ratios of rows with what they were made from, as in training.

    Returns:
        ``(rows, layers)``; of a row that is read in windows, their mean.
    """
    task, reader = mixer.predictor.task, mixer.predictor.reader
    texts = [row.row for row in rows]
    streams = reader.streams(texts, [row.source for row in rows], task.source_lang)
    dataset = task.family.make_dataset(
        [streams], ["input"], is_train=False, texts=[texts]
    )
    total = np.zeros((len(rows), len(mixer.layers)))
    windows = np.zeros((len(rows), 1))
    outputs = predict_batches(
        task, mixer.predictor.model, dataset, mixer.batches, title, batch_ratios
    )
    for batch in outputs:
        for row, ratios in batch:
            total[row] += ratios
            windows[row] += 1
    return total / windows


def numbers(mixed: Mixed) -> Dict[str, Any]:
    """Mean ratio, its correlations, and the means of bins."""
    ratio = mixed.ratio.tolist()
    rho, p = rank_correlation(mixed.score.tolist(), ratio)
    of_length, p_of_length = rank_correlation(mixed.words.tolist(), ratio)
    is_constant = any(np.ptp(x) == 0 for x in (mixed.score, mixed.ratio))
    r, p_of_r = (
        pearsonr(mixed.score, mixed.ratio)
        if len(mixed.ratio) > 2 and not is_constant
        else (float("nan"), float("nan"))
    )
    return {
        "layer": mixed.layer,
        "rows": len(mixed.ratio),
        "ratio": {"mean": float(mixed.ratio.mean()), "std": float(mixed.ratio.std())},
        "spearman_with_chrf": {"rho": rho, "p": p},
        "pearson_with_chrf": {"r": float(r), "p": float(p_of_r)},
        "spearman_with_words": {"rho": of_length, "p": p_of_length},
        "bins": bins(mixed),
    }


def bins(mixed: Mixed) -> List[Dict[str, float]]:
    """Rows by their chrF, in bins of equal numbers: what they have on average."""
    count = max(1, min(MOST_BINS, len(mixed.score) // LEAST_ROWS))
    order = np.argsort(mixed.score, kind="stable")
    return [
        {
            "rows": len(rows),
            "chrf": float(mixed.score[rows].mean()),
            "ratio": float(mixed.ratio[rows].mean()),
            "standard_error": float(mixed.ratio[rows].std() / np.sqrt(len(rows))),
        }
        for rows in np.array_split(order, count)
    ]
