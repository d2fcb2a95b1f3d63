"""Processes of a run on CPUs; fairseq counts GPUs where there are none."""

import os
import socket
from typing import Any, Callable

import torch
from fairseq.distributed import utils as distributed_utils
from omegaconf import open_dict

# What torch.distributed's own launchers tell the processes that they start.
LAUNCHED = ("MASTER_ADDR", "MASTER_PORT", "WORLD_SIZE", "RANK")


def start_on_cpus(
    start: Callable[..., None], cfg: Any, main: Callable[..., Any], kwargs: Any
) -> None:
    """In place of fairseq's ``call_main``: start as many processes as asked for."""
    chosen = cfg.distributed_training
    launched = all(name in os.environ for name in LAUNCHED)
    with open_dict(chosen):
        chosen.distributed_backend = "gloo"
        if chosen.distributed_init_method is None and launched:
            chosen.distributed_init_method = "env://"
            chosen.distributed_world_size = int(os.environ["WORLD_SIZE"])
            chosen.distributed_rank = int(os.environ["RANK"])
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
