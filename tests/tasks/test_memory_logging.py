"""What is logged of memory."""

import resource
from argparse import Namespace

import pytest
import torch
from fairseq.logging import metrics

from fairseq_xling.tasks import memory_logging
from fairseq_xling.tasks.encoder_task import EncoderTask
from fairseq_xling.tasks.memory_logging import PeakMemory, peak_memory

NOTHING = {"ntokens": 1, "nsentences": 1}


class Criterion:
    """Logs nothing itself."""

    @staticmethod
    def reduce_metrics(outputs):
        metrics.log_scalar("loss", 1.0)


def logged(outputs):
    task = EncoderTask(Namespace(max_positions=40))
    with metrics.aggregate(new_root=True) as found:
        for batch in outputs:
            task.reduce_metrics(batch, Criterion())
    return found.get_smoothed_values()


@pytest.fixture
def peaks(monkeypatch):
    values = iter([1.0, 3.0, 2.0])
    monkeypatch.setattr(memory_logging, "peak_memory", lambda: next(values))


def test_the_peak_of_a_process_is_logged(peaks):
    memory = PeakMemory()
    batches = [[{**NOTHING, **memory.sums()}] for _ in range(3)]
    assert logged(batches)["peak_memory"] == 3.0
    assert logged(batches[:1])["peak_memory"] == 1.0


def test_of_several_workers_the_largest_is_logged():
    # As fairseq adds up: two workers, of which one had two batches and one a dummy.
    summed = {"memory_peak_0": 2.5, "memory_count_0": 1, "memory_peak_1": 8.0}
    summed.update(memory_count_1=2, memory_peak_2=0.0, memory_count_2=0, **NOTHING)
    assert logged([[summed]])["peak_memory"] == 4.0


def test_a_worker_fills_its_own_sums_only(peaks, monkeypatch):
    utils = memory_logging.distributed_utils
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(utils, "get_data_parallel_rank", lambda: 1)
    monkeypatch.setattr(utils, "get_data_parallel_world_size", lambda: 2)
    assert PeakMemory().sums() == {
        "memory_peak_0": 0.0,
        "memory_count_0": 0,
        "memory_peak_1": 1.0,
        "memory_count_1": 1,
    }


def test_outputs_without_memory_are_logged_as_before():
    found = logged([[NOTHING]])
    assert "peak_memory" not in found and found["loss"] == 1.0


@pytest.mark.parametrize("platform, unit", [("linux", 1024), ("darwin", 1)])
def test_resident_memory_is_in_the_platforms_unit(monkeypatch, platform, unit):
    monkeypatch.setattr(memory_logging.sys, "platform", platform)
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: False)
    resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1024**3
    assert peak_memory() == pytest.approx(resident, rel=0.2)


def test_memory_on_a_gpu_counts_where_it_is_used(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda: 3 * 1024**3)
    assert peak_memory() == 3
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda: 0)
    assert 0 < peak_memory() != 3
