"""Trained models for people who have text."""

from fairseq_xling.predictor.predictor import Predictor, from_pretrained

__all__ = ["Predictor", "from_pretrained"]
