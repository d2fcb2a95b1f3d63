"""``--optimizer adamw_fused``: fairseq's Adam in one kernel, on a CPU or GPU."""

import ast
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Dict, List, Tuple

import torch
from fairseq.dataclass import FairseqDataclass
from fairseq.optim import FairseqOptimizer, register_optimizer
from omegaconf import II
from torch import Tensor
from torch.nn.utils import clip_grads_with_norm_

from fairseq_xling.errors import UserError
from fairseq_xling.optim.gradient_norm import gradient_norm
from fairseq_xling.option_values import check_number


@dataclass
class FusedAdamWConfig(FairseqDataclass):
    """Options of ``--optimizer adamw_fused``: those of fairseq's Adam."""

    adam_betas: Any = field(
        default=(0.9, 0.999), metadata={"help": "betas for Adam optimizer"}
    )
    adam_eps: float = field(
        default=1e-8, metadata={"help": "epsilon for Adam optimizer"}
    )
    weight_decay: float = field(default=0.0, metadata={"help": "weight decay"})
    lr: List[float] = II("optimization.lr")


@register_optimizer("adamw_fused", dataclass=FusedAdamWConfig)
class FusedAdamW(FairseqOptimizer):
    """fairseq's Adam, with decoupled weight decay, as torch's fused AdamW.

    The same steps within rounding. The parameters are in fp32, as those that fairseq
    keeps beside a model in half precision are.

    Raises:
        UserError: an option has a value that it cannot have, or the parameters are in
            half precision.
    """

    def __init__(self, cfg: FusedAdamWConfig, params) -> None:
        super().__init__(cfg)
        params = list(params)
        if any(p.dtype in (torch.float16, torch.bfloat16) for p in params):
            raise UserError(
                "--optimizer adamw_fused: keeps no weights in half precision alone; "
                "give --fp16 or --bf16 instead of --memory-efficient-fp16 or -bf16, or "
                "--optimizer adam"
            )
        self._optimizer = AdamW(params, **self.optimizer_config)

    @property
    def optimizer_config(self) -> Dict[str, Any]:
        """What torch's optimizer is told."""
        cfg = self.cfg
        check_number("--adam-eps", cfg.adam_eps, high=1)
        check_number("--weight-decay", cfg.weight_decay)
        return {
            "lr": cfg.lr[0] if isinstance(cfg.lr, Sequence) else cfg.lr,
            "betas": read_betas(cfg.adam_betas),
            "eps": cfg.adam_eps,
            "weight_decay": cfg.weight_decay,
        }

    def clip_grad_norm(self, max_norm, aggregate_norm_fn=None) -> Tensor:
        """Scale the gradients down to a norm, unless it is 0; return what it was."""
        params = [p for p in self.params if p.grad is not None]
        norm = gradient_norm([p.grad for p in params])
        if aggregate_norm_fn is not None:
            norm = aggregate_norm_fn(norm)
        if max_norm > 0:
            clip_grads_with_norm_(params, max_norm, norm)
        return norm


class AdamW(torch.optim.AdamW):
    """torch's fused AdamW with the epsilon where fairseq's Adam has it.

    There it is added to the root of the second moment before the bias is corrected, as
    in the algorithm's efficient form (Kingma and Ba 2015, end of section 2), and in
    torch's after that. The two differ in the first updates, of parameters with small
    gradients.
    """

    # To each element of a parameter it does the same, whatever the others are.
    supports_flat_params = True

    def __init__(self, params, **options: Any) -> None:
        super().__init__(params, fused=True, **options)

    def step(self, closure=None):
        """Update the parameters."""
        # Updates are counted here, as torch counts them on the device.
        given = [group["eps"] for group in self.param_groups]
        for group in self.param_groups:
            group["updates"] = group.get("updates", 0) + 1
            correction = 1.0 - group["betas"][1] ** group["updates"]
            group["eps"] /= math.sqrt(correction)
        loss = super().step(closure)
        for group, eps in zip(self.param_groups, given):
            group["eps"] = eps
        return loss


def read_betas(value: Any) -> Tuple[float, float]:
    """The two betas, given as such or as text.

    Raises:
        UserError: they are no two numbers from 0 to below 1.
    """
    try:
        held = ast.literal_eval(value) if isinstance(value, str) else value
        first, second = (float(beta) for beta in held)
    except (ValueError, TypeError, SyntaxError):
        first = second = math.nan
    if not (0 <= first < 1 and 0 <= second < 1):
        raise UserError(
            f"--adam-betas {value}: give two numbers from 0 to below 1, such as "
            "'(0.9, 0.999)'"
        )
    return first, second
