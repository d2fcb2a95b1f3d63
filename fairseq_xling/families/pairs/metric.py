"""Accuracy."""

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
