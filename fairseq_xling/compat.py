"""What fairseq needs to run under current torch, numpy and Python.

And how its functions are replaced.
"""

import functools
import logging
import os
import warnings
from types import ModuleType, SimpleNamespace
from typing import Any, Callable, get_args

import numpy
from fairseq.data import language_pair_dataset, token_block_dataset
from fairseq.dataclass import utils as dataclass_utils
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


def give_numpy_compat() -> None:
    """Give ``np.compat.long``, which numpy 2 has not, to fairseq's two users of it.

    Their ``np`` becomes a copy of numpy's names with that one; numpy stays as it is.
    """
    for module in (token_block_dataset, language_pair_dataset):
        if not hasattr(getattr(module.np, "compat", None), "long"):
            names = ModuleType("numpy")
            names.__dict__.update(vars(numpy), compat=SimpleNamespace(long=int))
            module.np = names


def read_optional_types() -> None:
    """Let fairseq know ``Optional`` as Python 3.14 writes it: ``int | None``."""
    wrap_once(dataclass_utils, "interpret_dc_type", interpret_type)


def interpret_type(interpret: Callable[[Any], Any], field_type: Any) -> Any:
    """The type of an option's values."""
    kinds = get_args(field_type)
    if len(kinds) == 2 and kinds[1] is type(None):
        return kinds[0]
    return interpret(field_type)


def hush() -> None:
    """Keep from users what other packages say to those who use them.

    matplotlib tells its settings when it is imported, as one of fairseq's models leaves
    the root logger at ``DEBUG``; torch tells that fairseq uses older names of its own.
    """
    logging.getLogger("matplotlib").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", message="`torch.cuda.amp", category=FutureWarning)


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
