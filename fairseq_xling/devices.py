"""Where models run."""

import torch


def choose_device(cpu: bool) -> torch.device:
    """The GPU where there is one, unless only the CPU may be used.

    Args:
        cpu: whether that is so, as ``--cpu`` says.
    """
    return torch.device("cuda" if torch.cuda.is_available() and not cpu else "cpu")
