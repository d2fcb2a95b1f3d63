"""Commands whose rows several processes share: how they start, and how they fail."""

from argparse import Namespace

import pytest
from forked import call, srun, torchrun
from refusals import error_of, refused
from training import command

from fairseq_xling.launching import launchers
from fairseq_xling.launching.launchers import launched, launched_processes
from fairseq_xling.launching.processes import share_out


def test_mistake_in_a_started_process_is_one_line(tmp_path):
    given = [str(tmp_path), "--path", str(tmp_path / "none.pt"), "--cpu"]
    given = [command("xling-evaluate"), *given, "--distributed-world-size=2"]
    assert "none.pt" in error_of(call(given))


def test_no_processes_are_refused():
    args = Namespace(distributed_world_size=0, cpu=True)
    with refused("--distributed-world-size 0: give 1 or more"):
        share_out(print, args)


@pytest.mark.parametrize("start, port", [(torchrun, None), (srun, 12345)])
def test_launchers_tell_their_processes(monkeypatch, start, port):
    for name in (*launchers.TORCHRUN, *launchers.SRUN):
        monkeypatch.delenv(name, raising=False)
    assert launched() is None and launched_processes(on_cpus=True) == 1
    for name, value in start(12345, 1).items():
        monkeypatch.setenv(name, value)
    assert launched() == (2, 1, port)
    assert launched_processes(on_cpus=True) == 2
    # On each of two machines fairseq starts a process for each GPU.
    monkeypatch.setattr(launchers.torch.cuda, "device_count", lambda: 4)
    assert launched_processes(on_cpus=False) == (2 if port is None else 8)
    # One process alone is not shared.
    for name in ("WORLD_SIZE", "SLURM_STEP_NUM_TASKS"):
        monkeypatch.setenv(name, "1")
    assert launched() is None
