"""Principal components, and the centroids of languages."""

from typing import NamedTuple, Optional

import numpy as np
import torch
from torch import Tensor


class Projection(NamedTuple):
    """Points on the axes along which they vary most.

    Attributes:
        points: ``(rows, axes)``, centred.
        explained: the share of all variance along each axis, ``(axes,)``.
    """

    points: np.ndarray
    explained: np.ndarray


def project(points: np.ndarray, axes: int = 2) -> Projection:
    """Principal component analysis; what cannot vary is 0.

    Args:
        points: ``(rows, dim)``.
        axes: how many components.
    """
    centred = points.astype(np.float64) - points.mean(axis=0)
    left, size, right = np.linalg.svd(centred, full_matrices=False)
    # Components are found but for their sign; this makes them the same everywhere.
    largest = np.abs(right).argmax(axis=1)
    signs = np.sign(right[np.arange(len(right)), largest])
    placed = np.zeros((len(points), axes))
    explained = np.zeros(axes)
    found = min(axes, len(size))
    placed[:, :found] = (left * (size * signs))[:, :found]
    if (size > 0).any():
        explained[:found] = (size**2 / (size**2).sum())[:found]
    return Projection(placed, explained)


class Centroid:
    """The mean of rows that come batch by batch, and how far they lie from it."""

    def __init__(self) -> None:
        self.rows = 0
        self.sums: Optional[Tensor] = None

    def update(self, rows: Tensor) -> None:
        """Add ``(rows, dim)``."""
        if not len(rows):
            return
        rows = rows.double()
        if self.sums is None:
            self.shift = rows[0]
            self.sums = torch.zeros_like(self.shift)
            self.squares = 0.0
        rows = rows - self.shift
        self.rows += len(rows)
        self.sums += rows.sum(dim=0)
        self.squares += float(rows.square().sum())

    @property
    def mean(self) -> np.ndarray:
        """``(dim,)``."""
        assert self.sums is not None
        return (self.shift + self.sums / self.rows).cpu().numpy()

    @property
    def variance(self) -> float:
        """Mean squared distance from the mean."""
        assert self.sums is not None
        offset = self.sums / self.rows
        return max(self.squares / self.rows - float(offset.square().sum()), 0.0)
