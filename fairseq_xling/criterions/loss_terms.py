"""What a task's loss is made of, before the terms are weighed."""

from dataclasses import dataclass
from typing import Optional

from torch import Tensor


@dataclass
class LossTerms:
    """The losses of a batch whose first rows have counterparts, the pairs.

    Attributes:
        target: task loss of each row, ``(batch,)``.
        source: task loss of each pair's source, ``(pairs,)``.
        source_is_labelled: whether the source's loss counts, bool ``(pairs,)``; None
            where it does everywhere.
        prediction: the consistency of predictions, ``(pairs,)``; None where the family
            has none.
    """

    target: Tensor
    source: Tensor
    source_is_labelled: Optional[Tensor] = None
    prediction: Optional[Tensor] = None
