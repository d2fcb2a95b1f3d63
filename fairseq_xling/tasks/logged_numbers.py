"""What criterions log, brought from a GPU at once."""

from typing import Any, Dict, List, Sequence

import torch


def as_numbers(logging_outputs: Sequence[Dict[str, Any]]) -> List[Dict[str, Any]]:
    """Turn all tensors of logging outputs into numbers, in one transfer.

    Args:
        logging_outputs: of micro-batches, or of all workers; tensors have one element
            and are on one device.

    Returns:
        the same keys with Python's numbers.
    """
    tensors = [x for log in logging_outputs for x in log.values() if torch.is_tensor(x)]
    if not tensors:
        return list(logging_outputs)
    numbers = iter(torch.stack([x.detach().double() for x in tensors]).tolist())
    return [
        {key: next(numbers) if torch.is_tensor(x) else x for key, x in log.items()}
        for log in logging_outputs
    ]
