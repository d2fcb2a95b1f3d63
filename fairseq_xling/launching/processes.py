"""Processes of a run: on CPUs, where fairseq would count GPUs, and of our commands."""

import logging
import socket
from argparse import Namespace
from dataclasses import asdict
from typing import Any, Callable

import torch
from fairseq.dataclass.configs import DistributedTrainingConfig
from fairseq.distributed import utils as distributed_utils
from omegaconf import DictConfig, OmegaConf, open_dict

from fairseq_xling.devices import choose_device
from fairseq_xling.errors import UserError
from fairseq_xling.families.sharding import is_first
from fairseq_xling.launching.failures import fairseq_errors
from fairseq_xling.launching.launchers import launched, launched_processes
from fairseq_xling.launching.logs import quiet_logging


def start_on_cpus(
    start: Callable[..., None], cfg: Any, main: Callable[..., Any], kwargs: Any
) -> None:
    """In place of fairseq's ``call_main``: start as many processes as asked for."""
    chosen = cfg.distributed_training
    with open_dict(chosen):
        chosen.distributed_backend = "gloo"
        found = launched()
        if found is not None and found.port and chosen.distributed_port <= 0:
            # As for fairseq, SLURM's are only joined where a port is given.
            found = None
        if chosen.distributed_init_method is None and found is not None:
            place = found.meeting_point(chosen.distributed_port)
            chosen.distributed_init_method = place
            chosen.distributed_world_size = found.world_size
            chosen.distributed_rank = found.rank
            chosen.distributed_no_spawn = True
        if chosen.distributed_world_size == 1 or chosen.distributed_no_spawn:
            return start(cfg, main, **kwargs)
        if chosen.distributed_init_method is None:
            with socket.socket() as server:  # of a port that nothing listens on
                server.bind(("localhost", 0))
                place = f"tcp://localhost:{server.getsockname()[1]}"
            chosen.distributed_init_method = place
        first, chosen.distributed_rank = chosen.distributed_rank, None
    torch.multiprocessing.spawn(
        distributed_utils.distributed_main,
        args=(main, cfg, {**kwargs, "start_rank": first}),
        nprocs=chosen.distributed_world_size,
    )


def share_out(command: Callable[[Namespace], object], args: Namespace) -> None:
    """Call a command's function in all processes that are to share its rows.

    They are started as fairseq's commands start theirs.

    Args:
        command: what each of them calls; the first one alone writes.
        args: its command line, with ``cpu`` and the options of sharing.

    Raises:
        UserError: there are not so many GPUs, or one of the processes raised it.
    """
    count = args.distributed_world_size
    if count is not None and count < 1:
        raise UserError(f"--distributed-world-size {count}: give 1 or more")
    on_cpus = choose_device(args.cpu).type == "cpu"
    if count is None:
        count = launched_processes(on_cpus)
    if count == 1:
        command(args)
        return
    cfg = starting_options(count, on_cpus)
    start, further = distributed_utils.call_main, {"command": command, "args": args}
    with fairseq_errors():
        if on_cpus:
            start_on_cpus(start, cfg, call_command, further)
        else:
            start(cfg, call_command, **further)


def starting_options(count: int, on_cpus: bool) -> DictConfig:
    """What fairseq looks at to start processes, of its options."""
    chosen = DistributedTrainingConfig(
        distributed_world_size=count,
        # Predictions are sent as objects; there are no gradients.
        distributed_backend="gloo",
    )
    found = launched()
    if found is not None and found.port is not None:
        chosen.distributed_port = found.port
    common = {"cpu": on_cpus, "tpu": False, "model_parallel_size": 1}
    # Without fairseq's classes, which cannot all be sent to a process.
    parts = {"common": common, "distributed_training": asdict(chosen), "task": None}
    return OmegaConf.create(parts)


def call_command(
    cfg: Any, command: Callable[[Namespace], object], args: Namespace
) -> None:
    """Call a command's function in one of several processes."""
    quiet_logging()
    if not is_first():  # which says the same
        logging.getLogger().setLevel(logging.ERROR)
    command(args)
