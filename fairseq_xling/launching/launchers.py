"""What torchrun and SLURM's srun tell the processes that they start, on any machines.

fairseq reads the same variables itself where it counts GPUs.
"""

import os
import subprocess
from typing import NamedTuple, Optional

import torch

TORCHRUN = ("MASTER_ADDR", "MASTER_PORT", "WORLD_SIZE", "RANK")
SRUN = ("SLURM_STEP_NODELIST", "SLURM_STEP_NUM_TASKS", "SLURM_PROCID", "SLURM_JOB_ID")
# Ports that are chosen by the number of a job, as fairseq does for one machine.
FIRST_PORT, PORTS = 10000, 50000


class Launched(NamedTuple):
    """A process that a launcher has started, one of several.

    Attributes:
        world_size: how many it has started.
        rank: which of them this is, from 0.
        port: one where SLURM's may meet; None for torchrun's, which know theirs.
    """

    world_size: int
    rank: int
    port: Optional[int] = None

    def processes(self, gpus: int) -> int:
        """How many processes share the work.

        Args:
            gpus: of this machine; where SLURM starts one process on each machine,
                fairseq starts one for each of them.
        """
        alone = self.port is not None and os.environ.get("SLURM_STEP_NUM_NODES")
        return self.world_size * (max(gpus, 1) if alone == str(self.world_size) else 1)

    def meeting_point(self, port: int) -> str:
        """Where the processes find each other, as torch wants it.

        Args:
            port: of SLURM's.
        """
        if self.port is None:
            return "env://"
        hosts = subprocess.check_output(
            ["scontrol", "show", "hostnames", os.environ["SLURM_STEP_NODELIST"]],
            text=True,
        )
        return f"tcp://{hosts.split()[0]}:{port}"


def launched() -> Optional[Launched]:
    """This process, if a launcher has started it with others."""
    read = os.environ
    found = None
    if all(name in read for name in TORCHRUN):
        found = Launched(int(read["WORLD_SIZE"]), int(read["RANK"]))
    elif all(name in read for name in SRUN):
        port = FIRST_PORT + int(read["SLURM_JOB_ID"]) % PORTS
        world_size = int(read["SLURM_STEP_NUM_TASKS"])
        found = Launched(world_size, int(read["SLURM_PROCID"]), port)
    return found if found is not None and found.world_size > 1 else None


def launched_processes(on_cpus: bool) -> int:
    """Processes that a launcher has started, and those that they start; or one."""
    found = launched()
    if found is None:
        return 1
    return found.processes(0 if on_cpus else torch.cuda.device_count())
