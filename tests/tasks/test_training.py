"""fairseq-train on small data: resuming, loader workers, several processes."""

import sys
from pathlib import Path
from typing import Any, List

import pytest
import torch
import torch.distributed.run
from family_data import logged
from forked import kill_and_resume, main_of, run_in_fork, run_side_by_side
from training import check_equal, command, free_port, parameters, train_command

UPDATES = 24
SAMPLING = ["--scheduled-sampling-decay=4", f"--max-update={UPDATES}", "--seed=7"]


def losses(log: str) -> List[float]:
    return [float(entry["loss"]) for entry in logged(log, "train_inner")]


@pytest.fixture(scope="module")
def uninterrupted(pair_data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("uninterrupted")
    run_in_fork(train_command(pair_data, folder, *SAMPLING), check=True)
    return parameters(folder)


@pytest.mark.parametrize("kill_after", [5, 17])
def test_killed_and_resumed_run_ends_with_the_same_parameters(
    pair_data, tmp_path, uninterrupted, kill_after
):
    options = [*SAMPLING, "--save-interval-updates=2", "--keep-interval-updates=1"]
    arguments = train_command(pair_data, tmp_path, *options)
    resumed = kill_and_resume(arguments, kill_after)
    # An epoch has 15 updates, so the kill fell into its middle.
    assert kill_after % 15 != 0 and len(losses(resumed)) < UPDATES
    check_equal(parameters(tmp_path), uninterrupted)


def test_loader_workers_do_not_change_the_run(pair_data, tmp_path, uninterrupted):
    arguments = train_command(pair_data, tmp_path, *SAMPLING, "--num-workers=2")
    run_in_fork(arguments, check=True)
    check_equal(parameters(tmp_path), uninterrupted)


def test_scheduled_sampling_matters(pair_data, tmp_path, uninterrupted):
    always_real = [x for x in SAMPLING if "decay" not in x]
    options = [*always_real, "--scheduled-sampling-decay=0"]
    run_in_fork(train_command(pair_data, tmp_path, *options), check=True)
    result = parameters(tmp_path)
    name = "encoder.sentence_encoder.layers.0.fc1.weight"
    assert not torch.equal(result[name], uninterrupted[name])


def train_in_new_processes(way: str, arguments: List[str], folder: Path) -> str:
    """Train in two processes, started as users' commands start them.

    Those of torchrun stand for two machines.
    """
    if way == "spawned":

        def run_as_script() -> None:
            # What a new process imports first, so that it finds its task.
            script: Any = sys.modules["__main__"]
            script.__spec__, script.__file__ = None, arguments[0]

        shared = [*arguments, "--distributed-world-size=2"]
        return run_side_by_side(
            main_of("fairseq-train"), [shared], folder, run_as_script
        )
    place = ["--master-addr=127.0.0.1", f"--master-port={free_port()}"]
    of_node = [command("torchrun"), "--nnodes=2", "--nproc-per-node=1", *place]
    nodes = [[*of_node, f"--node-rank={node}", *arguments] for node in range(2)]
    return run_side_by_side(torch.distributed.run.main, nodes, folder)


# Of two rows, some batches of one process have no pair where the other's has.
@pytest.mark.parametrize(
    "way, unit, rows", [("spawned", "instance", 2), ("torchrun", "batch", 8)]
)
def test_two_processes_equal_one_with_two_micro_batches(
    pair_data, tmp_path, way, unit, rows
):
    # Dropout draws differ between the two ways, so it is off. The default backend
    # checks that all processes have the same norm of gradients.
    options = [
        "--dropout=0",
        "--attention-dropout=0",
        "--pooler-dropout=0",
        "--max-update=12",
        "--scheduled-sampling-decay=4",
        f"--scheduled-sampling-unit={unit}",
        f"--batch-size={rows}",
        "--disable-validation",
    ]
    single = train_command(pair_data, tmp_path / "one", *options, "--update-freq=2")
    want = losses(run_in_fork(single, check=True).stdout)
    arguments = train_command(pair_data, tmp_path / "two", *options)
    got = losses(train_in_new_processes(way, arguments, tmp_path))
    assert len(want) == len(got) == 12
    assert got == pytest.approx(want, rel=1e-4)
    one, two = (parameters(tmp_path / name) for name in ("one", "two"))
    torch.testing.assert_close(two, one, rtol=1e-5, atol=1e-4)
