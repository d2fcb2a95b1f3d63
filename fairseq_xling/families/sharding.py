"""Work that the processes of a command share: joined, in order, in the first one."""

from typing import Any, Iterator, List, Optional, TypeVar

import torch.distributed as dist

Value = TypeVar("Value")


def process_count() -> int:
    """How many processes there are."""
    return dist.get_world_size() if dist.is_initialized() else 1


def process_number() -> int:
    """Which of them this is, from 0."""
    return dist.get_rank() if dist.is_initialized() else 0


def is_first() -> bool:
    """Whether this is the process that joins and writes, which one alone is, too."""
    return process_number() == 0


def of_first(value: Value) -> Value:
    """What the first process gives, in every one."""
    held = [value]
    if process_count() > 1:
        dist.broadcast_object_list(held, src=0)
    return held[0]


def joined(outputs: Iterator[Any]) -> Iterator[Any]:
    """In the first process, what all make of their batches; in others nothing.

    Batches are dealt out in turn, and so are the outputs taken: they come as one
    process would make them, and no process holds more than one of each.

    Args:
        outputs: this process's, as many as every other one has; None for a batch that
            only fills up.
    """
    for output in outputs:
        found: Optional[List[Any]] = [None] * process_count() if is_first() else None
        dist.gather_object(output, found, dst=0)
        yield from (one for one in found or [] if one is not None)
