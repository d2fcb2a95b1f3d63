"""Points on the axes along which they vary most."""

from typing import NamedTuple

import numpy as np
from sklearn.decomposition import PCA


class Projection(NamedTuple):
    """Points on principal components.

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
    placed, explained = np.zeros((len(points), axes)), np.zeros(axes)
    if np.ptp(points, axis=0).any():
        found = min(axes, *points.shape)
        pca = PCA(found, svd_solver="full")
        placed[:, :found] = pca.fit_transform(points.astype(np.float64))
        explained[:found] = pca.explained_variance_ratio_
    return Projection(placed, explained)
