"""How batches are made where a model only predicts, and what it runs on."""

from dataclasses import dataclass
from typing import Optional


@dataclass(frozen=True)
class BatchOptions:
    """How batches are made, and where they run.

    Attributes:
        batch_size: rows of a batch, where there is no ``max_tokens``.
        max_tokens: tokens of a batch, padding included.
        num_workers: processes that read the data; 0 for none of their own.
        cpu: whether to leave a GPU unused.
        fp16, bf16: whether to predict in half precision; fp16 on a GPU alone.
    """

    batch_size: int = 64
    max_tokens: Optional[int] = None
    num_workers: int = 0
    cpu: bool = False
    fp16: bool = False
    bf16: bool = False
