"""Linear CKA between parallel representations, in one pass over their rows."""

import math
from typing import Optional

import torch
from torch import Tensor


class LinearCKA:
    """Linear centred kernel alignment of rows that come batch by batch.

    With features centred over the rows it is
    ``|Y^T X|_F^2 / (|X^T X|_F |Y^T Y|_F)``: from 0 to 1, 1 for representations that
    differ by a rotation and a scale. Sums are kept in float64, features by features, so
    memory does not grow with the rows. Fewer rows than features bring it nearer to 1.

    Source: Kornblith et al. 2019, eq. 4 with a linear kernel. X-Mixup's eq. 1 is
    printed with squared norms below the bar, too, and without the centring: as it
    stands it depends on the scale of the states.
    """

    def __init__(self) -> None:
        self.rows = 0
        self.sums: Optional[Tensor] = None

    def update(self, x: Tensor, y: Tensor) -> None:
        """Add rows ``(rows, x_dim)`` and their counterparts ``(rows, y_dim)``."""
        if not len(x):
            return
        joint = torch.cat([x.double(), y.double()], dim=1)
        if self.sums is None:
            self.x_dim = x.size(1)
            # A shift changes nothing but keeps large means from eating up digits.
            self.shift = joint[0]
            self.sums = torch.zeros_like(self.shift)
            self.products = joint.new_zeros(joint.size(1), joint.size(1))
        joint = joint - self.shift
        self.rows += len(joint)
        self.sums += joint.sum(dim=0)
        self.products += joint.T @ joint

    def value(self) -> float:
        """The CKA of all rows so far; NaN where one side never varies."""
        if self.sums is None:
            return math.nan
        centred = self.products - torch.outer(self.sums, self.sums) / self.rows
        d = self.x_dim
        within = centred[:d, :d].norm() * centred[d:, d:].norm()
        if not within > 0:
            return math.nan
        return float(centred[:d, d:].square().sum() / within)
