"""In which precision models run, and numbers that half precision would spoil."""

from typing import Any, Optional

import torch
from torch import Tensor

DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}


def precision_of(options: Any) -> str:
    """The name of the precision that ``--fp16`` or ``--bf16`` asks for, in DTYPES."""
    for name in ("fp16", "bf16"):
        if getattr(options, name, False):
            return name
    return "fp32"


def half_dtype(options: Any, on_gpu: bool) -> Optional[torch.dtype]:
    """What weights are cast to; None leaves them. fp16 is for GPUs alone."""
    precision = precision_of(options)
    if precision == "bf16" or (precision == "fp16" and on_gpu):
        return DTYPES[precision]
    return None


def at_least_fp32(x: Tensor) -> Tensor:
    """Return ``x`` in fp32, or unchanged where it is fp64."""
    return x if x.dtype == torch.float64 else x.float()
