"""What stands around a run of fairseq's commands: checks before it, one line after.

fairseq's commands start their work by ``distributed_utils.call_main``, in one process
or several; that is the one place that sees all options of a run.
"""

import functools
import os
import re
import socket
import traceback
import zipfile
from argparse import Namespace
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Callable, Iterator, List, Union

import torch
from fairseq.dataclass.utils import convert_namespace_to_omegaconf
from fairseq.distributed import utils as distributed_utils
from fairseq.models import distributed_fairseq_model
from fairseq.tasks import TASK_REGISTRY
from fairseq.utils import split_paths
from fairseq_cli import generate, validate
from omegaconf import open_dict
from torch.multiprocessing import ProcessRaisedException

from fairseq_xling.checkpoints.paths import find_checkpoint_file
from fairseq_xling.compat import safe_loading
from fairseq_xling.data.dictionaries import read_dictionary
from fairseq_xling.errors import UserError, one_line_errors
from fairseq_xling.files.path_lists import refuse_pathsep

BATCHES = ("batch_size", "batch_size_valid", "max_tokens", "max_tokens_valid")
HALF = ("fp16", "memory_efficient_fp16", "amp")
# What torch.distributed's own launchers tell the processes that they start.
LAUNCHED = ("MASTER_ADDR", "MASTER_PORT", "WORLD_SIZE", "RANK")
# What --restore-file is by default, in --save-dir.
LAST = "checkpoint_last.pt"
# Options that need fairscale or Megatron, or flat parameters that are all trained:
# the LM head of our models is not.
UNUSABLE = {
    "ddp_backend": ("fully_sharded", "slowmo"),
    "zero_sharding": ("os",),
    "cpu_offload": (True,),
    "pipeline_model_parallel": (True,),
}


def guard_commands() -> None:
    """Let fairseq's commands check the options of a run with one of our tasks.

    A mistake found there, or in any process of the run, ends the command with one line
    (see :mod:`fairseq_xling.errors`), and leaves no empty ``--save-dir``.
    """
    start = distributed_utils.call_main
    if getattr(start, "checks_options", False):
        return

    @functools.wraps(start)
    def call_main(cfg: Any, main: Callable[..., Any], **kwargs: Any) -> None:
        if not is_ours(cfg):
            return start(cfg, main, **kwargs)
        check_run(cfg)
        if main is not validate.main:
            check_training(cfg)
        find_checkpoints(cfg)
        missing = list(missing_folders(cfg.checkpoint.save_dir))
        try:
            with fairseq_errors():
                if cfg.common.cpu:
                    start_on_cpus(start, cfg, main, kwargs)
                else:
                    start(cfg, main, **kwargs)
        except BaseException as error:
            remove_empty(missing)
            if isinstance(error, ProcessRaisedException):
                raise_user_error_of(error)
            raise

    call_main.checks_options = True  # type: ignore[attr-defined]
    distributed_utils.call_main = call_main
    let_ddp_run_on_cpus()
    guard_generate()


def guard_generate() -> None:
    """The same for ``fairseq-generate``, which does not start as the others do."""
    main = generate.main
    if getattr(main, "checks_options", False):
        return

    @functools.wraps(main)
    def checked_main(args: Any) -> Any:
        cfg = args
        if isinstance(args, Namespace):
            cfg = convert_namespace_to_omegaconf(args)
        if not is_ours(cfg):
            return main(args)
        check_run(cfg)
        results = Path(cfg.common_eval.results_path or ".")
        missing = list(missing_folders(str(results)))
        file = results / f"generate-{cfg.dataset.gen_subset}.txt"
        is_new = not file.exists()
        try:
            with fairseq_errors():
                return main(cfg)
        except BaseException:
            # fairseq opens it before anything else.
            if is_new and file.exists() and list(results.iterdir()) == [file]:
                file.unlink()
            remove_empty(missing)
            raise

    checked_main.checks_options = True  # type: ignore[attr-defined]
    generate.main = checked_main


@contextmanager
def fairseq_errors() -> Iterator[None]:
    """Turn what fairseq asserts of a user's input into a :class:`UserError`.

    Raises:
        UserError: fairseq refused something, training diverged, or the operating
            system refused something.
    """
    try:
        with one_line_errors():
            yield
    except (AssertionError, FloatingPointError) as error:
        frames = traceback.extract_tb(error.__traceback__)
        if not str(error) or not re.search(r"\bfairseq(_cli)?/", frames[-1].filename):
            raise
        reason = str(error).splitlines()[0]
        if isinstance(error, FloatingPointError):
            reason += (
                ": training diverged; give a smaller --lr, or a checkpoint whose "
                "weights are numbers"
            )
        raise UserError(reason) from error


def is_ours(cfg: Any) -> bool:
    """Whether a run's task is one of this package."""
    task = TASK_REGISTRY.get(getattr(cfg.task, "_name", None))
    return task is not None and task.__module__.startswith("fairseq_xling.")


def check_run(cfg: Any) -> None:
    """Refuse options of fairseq's with which none of our tasks can run.

    Raises:
        UserError: the message names the option.
    """
    refuse_pathsep(cfg.task.data)
    for name in BATCHES:
        value = getattr(cfg.dataset, name)
        if value is not None and value < 1:
            raise UserError(f"--{name.replace('_', '-')} {value}: give 1 or more")
    for name, values in UNUSABLE.items():
        value = getattr(cfg.distributed_training, name)
        if value in values:
            flag = "--" + name.replace("_", "-")
            given = flag if value is True else f"{flag} {value}"
            raise UserError(
                f"{given}: not possible with these models; leave it out, or give "
                "--ddp-backend pytorch_ddp or legacy_ddp for several GPUs"
            )


def check_training(cfg: Any) -> None:
    """Refuse to train in half precision on a CPU, which fairseq cannot.

    Raises:
        UserError: the message names the option.
    """
    if cfg.common.cpu or not torch.cuda.is_available():
        for name in HALF:
            if getattr(cfg.common, name):
                flag = "--" + name.replace("_", "-")
                raise UserError(f"{flag}: needs a GPU; leave it out on a CPU")


def find_checkpoints(cfg: Any) -> None:
    """Put the checkpoints in place of their folders in the options of a run.

    fairseq starts from random weights where ``--restore-file``, or what
    ``--finetune-from-model`` names, is no file.

    Raises:
        UserError: there is none.
    """
    chosen = cfg.checkpoint
    start: Union[str, Path] = Path(chosen.save_dir) / LAST
    if chosen.restore_file != LAST:
        start = find_checkpoint_file(chosen.restore_file, "--restore-file")
        chosen.restore_file = start
    # A run that goes on does not look at it.
    elif chosen.finetune_from_model is not None and not os.path.exists(start):
        start = find_checkpoint_file(
            chosen.finetune_from_model, "--finetune-from-model"
        )
        chosen.finetune_from_model = start
    if has_other_labels(start, getattr(cfg.task, "data", None)):
        # What fairseq sends to other processes does not tell the order of labels.
        chosen.load_checkpoint_on_all_dp_ranks = True
    if cfg.common_eval.path:
        paths = filter(None, split_paths(cfg.common_eval.path))
        files = [find_checkpoint_file(path, "--path") for path in paths]
        cfg.common_eval.path = os.pathsep.join(files)


def has_other_labels(checkpoint: Any, data: Any) -> bool:
    """Whether a checkpoint was trained on labels in another order than the data's."""
    path = Path(data or "") / "label.dict.txt"
    if not path.is_file() or not zipfile.is_zipfile(checkpoint):
        return False
    # Memory-mapped, so that only what is looked at is read.
    with safe_loading(checkpoint):
        state = torch.load(checkpoint, map_location="cpu", weights_only=True, mmap=True)
    labels = (state.get("task_state") or {}).get("labels")
    held = read_dictionary(str(path))
    return bool(labels) and labels != held.symbols[held.nspecial :]


def missing_folders(path: str) -> Iterator[Path]:
    """The folder ``path`` and those above it that do not exist, deepest first."""
    for folder in (Path(path), *Path(path).parents):
        if folder.exists():
            return
        yield folder


def remove_empty(folders: List[Path]) -> None:
    """Remove the folders that are empty."""
    for folder in folders:
        with suppress(OSError):  # not there, or something was written into it
            folder.rmdir()


def raise_user_error_of(error: ProcessRaisedException) -> None:
    """Raise the :class:`UserError` that ended a process, known by its traceback.

    Raises:
        UserError: there is one.
    """
    name = f"{UserError.__module__}.{UserError.__qualname__}"
    found = re.search(rf"^{re.escape(name)}: (.*)$", str(error), re.MULTILINE)
    if found:
        raise UserError(found[1]) from None


def start_on_cpus(
    start: Callable[..., None], cfg: Any, main: Callable[..., Any], kwargs: Any
) -> None:
    """Start as many processes as asked for; fairseq counts GPUs where there are none.

    Args:
        start: fairseq's ``call_main``.
        cfg: all options of the run.
        main: what each process runs.
        kwargs: further arguments of ``main``.
    """
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
            chosen.distributed_init_method = f"tcp://localhost:{free_port()}"
        first, chosen.distributed_rank = chosen.distributed_rank, None
    torch.multiprocessing.spawn(
        distributed_utils.distributed_main,
        args=(main, cfg, {**kwargs, "start_rank": first}),
        nprocs=chosen.distributed_world_size,
    )


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as server:
        server.bind(("localhost", 0))
        return server.getsockname()[1]


def let_ddp_run_on_cpus() -> None:
    """Name no GPU to torch's DDP for a model that is on none."""
    wrap = distributed_fairseq_model.DistributedDataParallel

    def wrap_model(module, device_ids=None, output_device=None, **kwargs):
        if next(module.parameters()).device.type == "cpu":
            device_ids = output_device = None
        return wrap(module, device_ids, output_device, **kwargs)

    distributed_fairseq_model.DistributedDataParallel = wrap_model
