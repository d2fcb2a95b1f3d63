"""What stands around a run of fairseq's commands: checks before it, one line after.

fairseq's commands start their work by ``distributed_utils.call_main``, in one process
or several; that is the one place that sees all options of a run.
"""

import os
from argparse import Namespace
from typing import Any, Callable

from fairseq.dataclass.utils import convert_namespace_to_omegaconf
from fairseq.distributed import utils as distributed_utils
from fairseq.utils import split_paths
from fairseq_cli import generate, validate

from fairseq_xling.checkpoints.paths import LAST, find_checkpoint_file
from fairseq_xling.checkpoints.typed_options import is_ours
from fairseq_xling.compat import wrap_once
from fairseq_xling.interop.model_folder import find_model
from fairseq_xling.launching.failures import fairseq_errors, leaving_nothing
from fairseq_xling.launching.options import check_run, check_training
from fairseq_xling.launching.processes import start_on_cpus
from fairseq_xling.launching.shape import fill_shape
from fairseq_xling.launching.trained_rows import choose_rows
from fairseq_xling.models.xmixup_xlmr import has_no_sizes


def guard_commands() -> None:
    """Let fairseq's commands check the options of a run with one of our tasks.

    A mistake found there, or in any process of the run, ends the command with one line
    (see :mod:`fairseq_xling.errors`), and leaves no empty ``--save-dir``.
    """
    wrap_once(distributed_utils, "call_main", call_main)
    wrap_once(generate, "main", generate_main)


def call_main(
    start: Callable[..., None], cfg: Any, main: Callable[..., Any], **kwargs: Any
) -> None:
    """In place of fairseq's, by which its commands start their work."""
    if not is_ours(getattr(cfg.task, "_name", None)):
        if has_no_sizes(getattr(cfg, "model", None)):
            find_checkpoints(cfg)
            fill_shape(cfg)
        return start(cfg, main, **kwargs)
    check_run(cfg)
    if main is not validate.main:
        check_training(cfg)
        choose_rows(cfg)
    find_checkpoints(cfg)
    fill_shape(cfg)
    with leaving_nothing(cfg.checkpoint.save_dir), fairseq_errors():
        if cfg.common.cpu:
            start_on_cpus(start, cfg, main, kwargs)
        else:
            start(cfg, main, **kwargs)


def generate_main(main: Callable[[Any], Any], args: Any) -> Any:
    """In place of that of ``fairseq-generate``, which does not start as the others."""
    cfg = convert_namespace_to_omegaconf(args) if isinstance(args, Namespace) else args
    if not is_ours(getattr(cfg.task, "_name", None)):
        return main(args)
    check_run(cfg)
    if getattr(cfg.task, "path", None) and os.pathsep not in cfg.task.path:
        cfg.task.path = find_model(cfg.task.path, cfg.task.data, "--path")
        cfg.common_eval.path = cfg.task.path
    results = cfg.common_eval.results_path or "."
    opened = f"generate-{cfg.dataset.gen_subset}.txt"
    with leaving_nothing(results, opened), fairseq_errors():
        return main(cfg)


def find_checkpoints(cfg: Any) -> None:
    """Put the checkpoints in place of what names their models in a run's options.

    fairseq starts from random weights where ``--restore-file``, or what
    ``--finetune-from-model`` names, is no file.
    """
    chosen, data = cfg.checkpoint, cfg.task.data
    if chosen.restore_file != LAST:
        chosen.restore_file = find_model(chosen.restore_file, data, "--restore-file")
    # A run that goes on does not look at it.
    elif chosen.finetune_from_model is not None and not os.path.exists(
        os.path.join(chosen.save_dir, LAST)
    ):
        chosen.finetune_from_model = find_model(
            chosen.finetune_from_model, data, "--finetune-from-model"
        )
    if cfg.common_eval.path:
        paths = filter(None, split_paths(cfg.common_eval.path))
        files = [find_checkpoint_file(path, "--path") for path in paths]
        cfg.common_eval.path = os.pathsep.join(files)
