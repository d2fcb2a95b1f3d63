"""A GPU without a GPU: tensors that compute on the CPU under a device's name.

Code runs on it as on a GPU in two respects. Tensors on the CPU and on the device do not
mix, except for numbers, in copies, and as indices. And everything for which the CPU
would wait for the GPU is counted, by the innermost function of the package that asked.
"""

import sys
import traceback
from collections import Counter
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Iterator, List
from unittest import mock

import torch
from torch import Tensor
from torch.optim import optimizer
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import return_and_correct_aliasing
from torch.utils._pytree import tree_flatten, tree_map_only

import fairseq_xling

# A name that torch knows and this build has nothing for. Unlike under that of a private
# backend, gradients are computed in the thread that asks: the autograd engine counts
# its devices at the first backward pass of a process, and with one more of them, forked
# processes could compute none.
DEVICE = "lazy:0"
PACKAGE = str(Path(fairseq_xling.__file__).parent)
aten = torch.ops.aten

# What reads a value, or makes a tensor whose size depends on values.
READ_VALUES = {
    aten._local_scalar_dense.default,
    aten.equal.default,
    aten.is_nonzero.default,
    aten.masked_select.default,
    aten.nonzero.default,
    aten.repeat_interleave.Tensor,
    aten._unique2.default,
    aten.unique_consecutive.default,
}
INDEXING = {
    aten.index.Tensor,
    aten.index_put.default,
    aten.index_put_.default,
    aten._index_put_impl_.default,
}


class Waits(Counter):
    """How often the CPU waited, by ``file:function`` of the package, or elsewhere."""

    active = False

    def note(self) -> None:
        if not self.active:
            return
        frames: List[Any] = traceback.extract_stack(sys._getframe(1))
        ours = [one for one in frames if one.filename.startswith(PACKAGE)]
        if ours:
            path = Path(ours[-1].filename).relative_to(PACKAGE)
            self[f"{path}:{ours[-1].name}"] += 1
        else:
            self["elsewhere"] += 1


WAITS = Waits()


class SimulatedTensor(torch.Tensor):
    """A tensor on the device, held and computed with on the CPU."""

    @staticmethod
    def __new__(cls, held: Tensor) -> "SimulatedTensor":
        return torch.Tensor._make_wrapper_subclass(  # type: ignore[attr-defined]
            cls,
            held.size(),
            strides=held.stride(),
            storage_offset=held.storage_offset(),
            dtype=held.dtype,
            device=DEVICE,
        )

    def __init__(self, held: Tensor) -> None:
        self.held = held

    def __repr__(self) -> str:  # type: ignore[override]
        return f"SimulatedTensor({self.held})"

    def __tensor_flatten__(self):
        return ["held"], None

    @staticmethod
    def __tensor_unflatten__(tensors, meta, size, stride):
        return SimulatedTensor(tensors["held"])

    __torch_function__ = torch._C._disabled_torch_function_impl

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if func in (aten._to_copy.default, aten.copy_.default):
            return _copy(func, args, kwargs)
        _check_devices(func, args, kwargs)
        if func in READ_VALUES or (func in INDEXING and _waits_for_index(args[1])):
            WAITS.note()
        held_args, held_kwargs = tree_map_only(
            SimulatedTensor, lambda x: x.held, (args, kwargs)
        )
        if "device" in held_kwargs:
            held_kwargs["device"] = "cpu"
        out = func(*held_args, **held_kwargs)
        out = tree_map_only(Tensor, SimulatedTensor, out)
        return return_and_correct_aliasing(func, args, kwargs, out)


def _copy(func, args, kwargs):
    """Copies between devices, or on one."""
    if func is aten.copy_.default:
        to, source = args[:2]
        non_blocking = args[2] if len(args) > 2 else kwargs.get("non_blocking", False)
        both = (isinstance(to, SimulatedTensor), isinstance(source, SimulatedTensor))
        # To the CPU a copy is waited for in any case: who reads it would have to.
        if both == (False, True) or (both == (True, False) and not non_blocking):
            WAITS.note()
        _held(to).copy_(_held(source))
        return to
    source, kwargs = args[0], dict(kwargs)
    device = torch.device(kwargs.pop("device", None) or source.device)
    if device.type == "cpu":
        WAITS.note()
    copied = func(source.held, **kwargs)
    return copied if device.type == "cpu" else SimulatedTensor(copied)


def _copy_from(source, to, non_blocking=False):
    """What torch calls where it makes a tensor of a list."""
    return _copy(aten.copy_.default, (to, source, non_blocking), {})


def _held(tensor: Tensor) -> Tensor:
    return tensor.held if isinstance(tensor, SimulatedTensor) else tensor


def _check_devices(func, args, kwargs) -> None:
    checked = args[:1] + args[2:] if func in INDEXING else args
    for one in tree_flatten((checked, kwargs))[0]:
        if type(one) is not SimulatedTensor and isinstance(one, Tensor) and one.dim():
            raise RuntimeError(
                f"{func}: a tensor on the CPU, {tuple(one.shape)}, beside one on "
                f"{DEVICE}; all tensors must be on the same device"
            )


def _waits_for_index(indices: Any) -> bool:
    return any(
        one is not None
        and (one.dtype == torch.bool or not isinstance(one, SimulatedTensor))
        for one in indices
    )


def _empty(size, dtype=None, layout=None, device=None, pin_memory=None, **kwargs):
    return SimulatedTensor(torch.empty(size, dtype=dtype))


def _empty_strided(size, stride, dtype=None, layout=None, device=None, **kwargs):
    return SimulatedTensor(torch.empty_strided(size, stride, dtype=dtype))


# Of all that makes tensors, these are called at last. torch keeps what is registered
# as long as this object lives.
LIBRARY = torch.library.Library("aten", "IMPL")
LIBRARY.impl("empty.memory_format", _empty, "Lazy")
LIBRARY.impl("empty_strided", _empty_strided, "Lazy")
LIBRARY.impl("_copy_from", _copy_from, "Lazy")


class _CudaIsSimulated(TorchFunctionMode):
    """Sends to the device what is sent to ``cuda``."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if func is Tensor.cuda:
            return args[0].to(DEVICE)
        if func is Tensor.tolist:
            return func(_held(args[0].cpu()))
        if func == Tensor.is_cuda.__get__:  # type: ignore[attr-defined]
            return isinstance(args[0], SimulatedTensor)
        args = tuple(_renamed(x) for x in args)
        return func(*args, **{key: _renamed(x) for key, x in kwargs.items()})


class DeviceNumber(int):
    """The number of a GPU, which torch takes for the GPU itself."""

    def __str__(self) -> str:
        return f"cuda:{int(self)}"


def _renamed(value: Any) -> Any:
    is_device = isinstance(value, (str, torch.device, DeviceNumber))
    return DEVICE if is_device and str(value).startswith("cuda") else value


@contextmanager
def count_waits() -> Iterator[Waits]:
    """Count the waits of the block."""
    WAITS.clear()
    WAITS.active = True
    try:
        yield WAITS
    finally:
        WAITS.active = False


@contextmanager
def pretend() -> Iterator[None]:
    """In the block, torch has one GPU, which is the simulated one."""
    properties = SimpleNamespace(
        major=8, minor=0, total_memory=1 << 34, name="simulated"
    )
    replaced = {
        "is_available": lambda: True,
        "device_count": lambda: 1,
        "current_device": lambda: DeviceNumber(0),
        "set_device": lambda device: None,
        "get_device_properties": lambda device: properties,
        "get_device_capability": lambda device=None: (8, 0),
        "empty_cache": lambda: None,
        "max_memory_allocated": lambda: 0,
        "reset_peak_memory_stats": lambda: None,
        "manual_seed": lambda seed: None,
        "get_rng_state": lambda: torch.zeros(0),
        "set_rng_state": lambda state: None,
        "is_current_stream_capturing": lambda: False,
    }
    with ExitStack() as stack:
        for name, function in replaced.items():
            stack.enter_context(mock.patch.object(torch.cuda, name, function))
        # Where torch computes states again, it looks for the module of their device.
        stack.enter_context(mock.patch.object(torch, "lazy", torch.cuda, create=True))
        to_device = mock.patch.object(
            torch.nn.Module, "cuda", lambda self, device=None: self.to(DEVICE)
        )
        stack.enter_context(to_device)
        # A build for GPUs pins memory by its driver.
        unpinned = mock.patch.object(
            torch.Tensor, "pin_memory", lambda self, device=None: self
        )
        stack.enter_context(unpinned)
        # torch asks the driver of the device it is built for what is being recorded.
        built_for = mock.patch.object(
            torch.accelerator, "current_accelerator", lambda check_available=False: None
        )
        stack.enter_context(built_for)
        # Tensors that wrap others cannot be inference tensors.
        no_grad = mock.patch.object(
            torch._C, "_InferenceMode", lambda mode: torch.no_grad()
        )
        stack.enter_context(no_grad)
        # It has the kernels that torch's fused optimizers ask for: the CPU's.
        fused = "_get_fused_kernels_supported_devices"
        named = mock.patch.object(optimizer, fused, lambda: ["cpu", "lazy"])
        stack.enter_context(named)
        stack.enter_context(_CudaIsSimulated())
        yield
