"""Where models run."""

import os
from typing import List

import torch


def choose_device(cpu: bool) -> torch.device:
    """The GPU where there is one, unless only the CPU may be used.

    Args:
        cpu: whether that is so, as ``--cpu`` says.
    """
    return torch.device("cuda" if torch.cuda.is_available() and not cpu else "cpu")


def visible_devices() -> List[str]:
    """Names of the GPUs that commands may use, as CUDA_VISIBLE_DEVICES has them.

    Where it is set, numbers of one's own would be those of other GPUs. CUDA reads it up
    to the first name that is none, such as -1, so that it may have more names than
    there are devices.
    """
    count = torch.cuda.device_count()
    names = os.environ.get("CUDA_VISIBLE_DEVICES")
    if names is None:
        return [str(number) for number in range(count)]
    return [name.strip() for name in names.split(",")][:count]
