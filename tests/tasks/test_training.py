"""fairseq-train on small data: resuming, loader workers, several processes."""

import json
import shlex
from pathlib import Path
from typing import Dict, List

import pytest
import torch
from forked import run_in_fork
from training import command, free_port, run, train_command

UPDATES = 24
SAMPLING = ["--scheduled-sampling-decay=4", f"--max-update={UPDATES}", "--seed=7"]


def parameters(path: Path) -> Dict[str, torch.Tensor]:
    return torch.load(path, map_location="cpu")["model"]


def losses(log: str) -> List[float]:
    values = []
    for line in log.splitlines():
        if "| train_inner |" in line:
            values.append(float(json.loads(line.split("| train_inner |")[1])["loss"]))
    return values


@pytest.fixture(scope="module")
def uninterrupted(pair_data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("uninterrupted")
    run_in_fork(train_command(pair_data, folder, *SAMPLING), check=True)
    return parameters(folder / "checkpoint_last.pt")


@pytest.mark.parametrize("kill_after", [5, 17])
def test_killed_and_resumed_run_ends_with_the_same_parameters(
    pair_data, tmp_path, uninterrupted, kill_after
):
    options = [*SAMPLING, "--save-interval-updates=2", "--keep-interval-updates=1"]
    arguments = train_command(pair_data, tmp_path, *options)
    run_in_fork(arguments, kill_at=f'"num_updates": "{kill_after}"')
    resumed = run_in_fork(arguments, check=True).stdout
    assert "Loaded checkpoint" in resumed
    # An epoch has 15 updates, so the kill fell into its middle.
    assert kill_after % 15 != 0 and len(losses(resumed)) < UPDATES
    result = parameters(tmp_path / "checkpoint_last.pt")
    assert result.keys() == uninterrupted.keys()
    for name, value in uninterrupted.items():
        assert torch.equal(result[name], value), name


def test_loader_workers_do_not_change_the_run(pair_data, tmp_path, uninterrupted):
    arguments = train_command(pair_data, tmp_path, *SAMPLING, "--num-workers=2")
    run_in_fork(arguments, check=True)
    result = parameters(tmp_path / "checkpoint_last.pt")
    for name, value in uninterrupted.items():
        assert torch.equal(result[name], value), name


def test_scheduled_sampling_matters(pair_data, tmp_path, uninterrupted):
    always_real = [x for x in SAMPLING if "decay" not in x]
    options = [*always_real, "--scheduled-sampling-decay=0"]
    run_in_fork(train_command(pair_data, tmp_path, *options), check=True)
    result = parameters(tmp_path / "checkpoint_last.pt")
    name = "encoder.sentence_encoder.layers.0.fc1.weight"
    assert not torch.equal(result[name], uninterrupted[name])


def started(way: str, arguments: List[str]) -> List[str]:
    """A command that runs in two processes, as users start them.

    Those of torchrun stand for two machines.
    """
    if way == "spawned":
        return [*arguments, "--distributed-world-size=2"]
    place = ["--master-addr=127.0.0.1", f"--master-port={free_port()}"]
    of_node = [command("torchrun"), "--nnodes=2", "--nproc-per-node=1", *place]
    nodes = [[*of_node, f"--node-rank={node}", *arguments] for node in range(2)]
    # The second one in the background; its own log says nothing more.
    second = f"{shlex.join(nodes[1])} > /dev/null 2>&1"
    return ["bash", "-c", f"{second} & {shlex.join(nodes[0])}; wait"]


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
    several = started(way, train_command(pair_data, tmp_path / "two", *options))
    got = losses(run(several).stdout)
    assert len(want) == len(got) == 12
    assert got == pytest.approx(want, rel=1e-4)
    one, two = (
        parameters(tmp_path / name / "checkpoint_last.pt") for name in ("one", "two")
    )
    for name, value in one.items():
        assert torch.allclose(two[name], value, atol=1e-4), name
