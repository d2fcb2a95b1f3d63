"""What fairseq needs to run under current torch, and how its functions are replaced."""

import functools
import logging
import os
from typing import Any, Callable

from fairseq.models import distributed_fairseq_model

# Compiled products that oneDNN keeps, one a shape; its own 1,024 fill a gigabyte when
# the shapes of batches vary.
PRIMITIVES = "64"


def wrap_once(owner: Any, name: str, wrapper: Callable[..., Any]) -> None:
    """Let a function of ours be called in another's place, however often this is.

    Args:
        owner: the module or class that has the other function.
        name: of that function.
        wrapper: gets that function, and then what it was called with.
    """
    wrapped = getattr(owner, name)
    if getattr(wrapped, "wrapper", None) is wrapper:
        return

    def call(*args: Any, **kwargs: Any) -> Any:
        return wrapper(wrapped, *args, **kwargs)

    # No attributes: those of a class, such as torch's DDP, are its methods.
    functools.update_wrapper(call, wrapped, updated=())
    call.wrapper = wrapper  # type: ignore[attr-defined]
    setattr(owner, name, call)


def hush_matplotlib() -> None:
    """Keep matplotlib from telling its settings when it is imported.

    One of fairseq's models leaves the root logger at ``DEBUG``.
    """
    logging.getLogger("matplotlib").setLevel(logging.WARNING)


def bound_primitive_cache() -> None:
    """Keep oneDNN's memory from growing with every new shape of a batch, on a CPU.

    It reads the variable when first used; a value that the user has set stays.
    """
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", PRIMITIVES)


def let_ddp_run_on_cpus() -> None:
    """Name no GPU to torch's DDP for a model that is on none."""
    wrap_once(distributed_fairseq_model, "DistributedDataParallel", wrap_model)


def wrap_model(ddp, module, device_ids=None, output_device=None, **kwargs):
    """torch's DDP around a model."""
    if next(module.parameters()).device.type == "cpu":
        device_ids = output_device = None
    return ddp(module, device_ids, output_device, **kwargs)
