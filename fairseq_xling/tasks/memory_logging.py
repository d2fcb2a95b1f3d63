"""Peak memory in what training and validation log."""

import resource
import sys
from typing import Any, Dict, List, Sequence

import torch
from fairseq.distributed import utils as distributed_utils
from fairseq.logging import metrics

GIB = 1024**3


def peak_memory() -> float:
    """The most memory, in GiB, that this process has taken up.

    On a GPU it is that of the tensors there, since fairseq last reset the count, which
    it does after each update; else the process's resident memory, in which that of the
    data loader's workers is not.
    """
    if torch.cuda.is_initialized():
        allocated = torch.cuda.max_memory_allocated()
        if allocated:
            return allocated / GIB
    resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Linux counts in KiB, macOS in bytes.
    return resident * (1 if sys.platform == "darwin" else 1024) / GIB


class PeakMemory:
    """The largest peak of this process, as what fairseq adds up over workers.

    Each worker has two sums of its own, which are 0 with the others: its peak at each
    batch, and how many batches these were.
    """

    largest = 0.0

    def update(self) -> None:
        """Look at the peak, before fairseq resets the count."""
        self.largest = max(self.largest, peak_memory())

    def sums(self) -> Dict[str, Any]:
        """What a batch logs."""
        self.update()
        rank, workers = 0, 1
        if torch.distributed.is_initialized():
            rank = distributed_utils.get_data_parallel_rank()
            workers = distributed_utils.get_data_parallel_world_size()
        sums: Dict[str, Any] = {}
        for worker in range(workers):
            sums[f"memory_peak_{worker}"] = self.largest * (worker == rank)
            sums[f"memory_count_{worker}"] = int(worker == rank)
        return sums


def log_peak_memory(logging_outputs: Sequence[Dict[str, Any]]) -> None:
    """Log ``peak_memory`` in GiB, of several workers the largest."""

    def total(key: str) -> float:
        return float(sum(log.get(key, 0) for log in logging_outputs))

    counted = [x for x in logging_outputs[0] if x.startswith("memory_count_")]
    peaks = [
        total(key.replace("count", "peak")) / total(key)
        for key in counted
        if total(key)
    ]
    if peaks:
        metrics.log_scalar("_peak_memory", max(peaks))
        metrics.log_derived("peak_memory", _last_peak, 1700)


def _last_peak(meters) -> float:
    # It never falls, so that the last one is the largest.
    return round(float(meters["_peak_memory"].val or 0.0), 3)


def as_numbers(logging_outputs: Sequence[Dict[str, Any]]) -> List[Dict[str, Any]]:
    """Turn all tensors of logging outputs into numbers, in one transfer from a GPU.

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
