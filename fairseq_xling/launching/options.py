"""Options of fairseq's commands: mended, warned of or refused before their work."""

import importlib.util
import logging
import re
from argparse import Namespace
from typing import Any, Callable

import torch
from fairseq import options

from fairseq_xling.compat import wrap_once
from fairseq_xling.errors import UserError
from fairseq_xling.files.path_lists import refuse_pathsep
from fairseq_xling.option_values import flag_of

BATCHES = ("batch_size", "batch_size_valid", "max_tokens", "max_tokens_valid")
HALF = ("fp16", "memory_efficient_fp16", "amp")
# What weights of a Transformer are like.
TYPICAL_WEIGHT = 0.05
# Options that need fairscale or Megatron, or flat parameters that are all trained:
# the LM head of our models is not.
UNUSABLE = {
    "ddp_backend": ("fully_sharded", "slowmo"),
    "zero_sharding": ("os",),
    "cpu_offload": (True,),
    "pipeline_model_parallel": (True,),
}

logger = logging.getLogger(__name__)


def guard_options() -> None:
    """Check the command lines of fairseq's commands, and take ``--bf16``."""
    wrap_once(options, "parse_args_and_arch", parse_args_and_arch)


def parse_args_and_arch(parse: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """In place of fairseq's.

    It reads ``--bf16`` as ``--tpu`` and then fails for want of torch_xla; where that is
    installed, this stays so.

    Raises:
        UserError: it cannot be combined, or an option has a value that fairseq cannot
            read.
    """
    try:
        parsed = parse(*args, **kwargs)
    except ValueError as error:
        if not str(error).startswith("Cannot combine --fp16 and --tpu"):
            raise
        raise UserError("--fp16 with --bf16 or --tpu: give one of them") from None
    except RuntimeError as error:
        if error.args:
            raise
        raise UserError("--arch is missing; give one, as --arch xmixup_xlmr") from None
    found = parsed[0] if isinstance(parsed, tuple) else parsed
    if getattr(found, "bf16", False) and importlib.util.find_spec("torch_xla") is None:
        found.tpu = False
    warn_of_lost_steps(found)
    refuse_unreadable(found)
    return parsed


def refuse_unreadable(args: Namespace) -> None:
    """Refuse values, such as names of folders, that fairseq cannot hand on to hydra."""
    for name, value in vars(args).items():
        if isinstance(value, str) and re.search(r"\$\{|\\('|$)", value):
            option = name if name == "data" else flag_of(name)
            raise UserError(
                f"{option} {value!r}: fairseq cannot read a ${{, or a backslash before "
                "a quote or at the end; give another name"
            )


def warn_of_lost_steps(args: Namespace) -> None:
    """Tell where weights in half precision would not move.

    ``--memory-efficient-fp16`` and ``-bf16`` keep no fp32 copy of the weights. Adam's
    step is about the learning rate, and one below half a unit in a weight's last place
    is rounded away.
    """
    for name, dtype in (("fp16", torch.float16), ("bf16", torch.bfloat16)):
        if not getattr(args, f"memory_efficient_{name}", False):
            continue
        lr = max(getattr(args, "lr", None) or [0.0])
        if lr < TYPICAL_WEIGHT * torch.finfo(dtype).eps / 2:
            logger.warning(
                f"--memory-efficient-{name}: with --lr {lr:g} many weights stay as "
                f"they are, as steps this small are lost in {name}; give --{name} "
                "instead, which keeps the weights in fp32 beside"
            )


def check_run(cfg: Any) -> None:
    """Refuse options of fairseq's with which none of our tasks can run."""
    refuse_pathsep(cfg.task.data)
    for name in BATCHES:
        value = getattr(cfg.dataset, name)
        if value is not None and value < 1:
            raise UserError(f"{flag_of(name)} {value}: give 1 or more")
    for name, values in UNUSABLE.items():
        value = getattr(cfg.distributed_training, name)
        if value in values:
            given = flag_of(name) if value is True else f"{flag_of(name)} {value}"
            raise UserError(
                f"{given}: not possible with these models; leave it out, or give "
                "--ddp-backend pytorch_ddp or legacy_ddp for several GPUs"
            )


def check_training(cfg: Any) -> None:
    """Refuse to train without optimizer, and in half precision on a CPU."""
    if cfg.optimizer is None:
        raise UserError("--optimizer is missing; give one, as --optimizer adamw_fused")
    if cfg.common.cpu or not torch.cuda.is_available():
        for name in HALF:
            if getattr(cfg.common, name):
                raise UserError(f"{flag_of(name)}: needs a GPU; leave it out on a CPU")
