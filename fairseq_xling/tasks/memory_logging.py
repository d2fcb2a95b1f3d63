"""Peak memory in what training and validation log."""

import resource
import sys
from typing import Any, Dict

import torch
from fairseq.distributed import utils as distributed_utils
from fairseq.logging import metrics
from fairseq.tasks import FairseqTask

from fairseq_xling.tasks.logged_numbers import as_numbers

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


class MemoryLoggingTask(FairseqTask):
    """A task that logs ``peak_memory``: GiB, of several workers the largest.

    fairseq adds up what workers log, so each has two sums of its own, which are 0 with
    the others: its peak at each batch, and how many batches these were.
    """

    largest_peak = 0.0

    def train_step(
        self, sample, model, criterion, optimizer, update_num, ignore_grad=False
    ):
        loss, rows, logged = super().train_step(
            sample, model, criterion, optimizer, update_num, ignore_grad
        )
        return loss, rows, {**logged, **self._memory_sums()}

    def valid_step(self, sample, model, criterion):
        loss, rows, logged = super().valid_step(sample, model, criterion)
        return loss, rows, {**logged, **self._memory_sums()}

    def optimizer_step(self, optimizer, model, update_num):
        super().optimizer_step(optimizer, model, update_num)
        # Logged with the next batch; fairseq resets the count before that.
        self.largest_peak = max(self.largest_peak, peak_memory())

    def _memory_sums(self) -> Dict[str, Any]:
        self.largest_peak = max(self.largest_peak, peak_memory())
        rank, workers = 0, 1
        if torch.distributed.is_initialized():
            rank = distributed_utils.get_data_parallel_rank()
            workers = distributed_utils.get_data_parallel_world_size()
        sums: Dict[str, Any] = {}
        for worker in range(workers):
            sums[f"memory_peak_{worker}"] = self.largest_peak * (worker == rank)
            sums[f"memory_count_{worker}"] = int(worker == rank)
        return sums

    def reduce_metrics(self, logging_outputs, criterion):
        logging_outputs = as_numbers(logging_outputs)
        super().reduce_metrics(logging_outputs, criterion)

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
