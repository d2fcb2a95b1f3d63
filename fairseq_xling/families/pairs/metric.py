"""Accuracy, language by language."""

from typing import Dict, Mapping, Optional

import numpy as np


def accuracy(predicted: np.ndarray, gold: np.ndarray) -> float:
    """Share of right predictions, in percent.

    Args:
        predicted, gold: class indices, ``(rows,)``.

    Raises:
        ValueError: their shapes differ, or there are no rows.
    """
    predicted, gold = np.asarray(predicted), np.asarray(gold)
    if predicted.shape != gold.shape or not predicted.size:
        raise ValueError(f"predictions {predicted.shape}, gold labels {gold.shape}")
    return 100.0 * float(np.mean(predicted == gold))


def accuracy_by_language(
    predicted: Mapping[str, np.ndarray], gold: Mapping[str, Optional[np.ndarray]]
) -> Dict[str, float]:
    """Accuracy in percent of each language that has gold labels.

    Args:
        predicted: class indices, ``(rows,)``, by language.
        gold: the same, or None for a language without labels, which is left out.
    """
    scores = {}
    for lang, classes in predicted.items():
        labels = gold[lang]
        if labels is not None:
            scores[lang] = accuracy(classes, labels)
    return scores
