"""Predictions of a trained model for every language of a split."""

from fairseq_xling.prediction.classes import WAYS, ClassPredictions, put_together
from fairseq_xling.prediction.run import load_task_model, predict_batches, predict_split

__all__ = [
    "WAYS",
    "ClassPredictions",
    "load_task_model",
    "predict_batches",
    "predict_split",
    "put_together",
]
