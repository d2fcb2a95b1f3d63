"""The shape of a model whose --arch names no sizes: that of the checkpoint."""

import logging
import os
from argparse import Namespace
from contextlib import nullcontext
from typing import Any, Optional

from fairseq.tasks import TASK_DATACLASS_REGISTRY
from omegaconf import open_dict

from fairseq_xling.checkpoints.paths import LAST
from fairseq_xling.checkpoints.shape import SIZES, shape_of
from fairseq_xling.errors import UserError
from fairseq_xling.models.xmixup_xlmr import has_no_sizes
from fairseq_xling.option_values import flag_of

logger = logging.getLogger(__name__)


def first_checkpoint(options: Any) -> Optional[str]:
    """The checkpoint that a training begins with or goes on from; None if it has none.

    Args:
        options: ``cfg.checkpoint``.
    """
    if options.restore_file != LAST:
        return options.restore_file
    last = os.path.join(options.save_dir, LAST)
    return last if os.path.exists(last) else options.finetune_from_model


def fill_shape(cfg: Any) -> None:
    """Fill in what the options of a model leave to the checkpoint.

    What is given stays, such as an epsilon.

    Args:
        cfg: options of a run, whose checkpoints are files.

    Raises:
        UserError: a size that is given is another than the checkpoint's, or it lacks
            one that is not.
    """
    path = first_checkpoint(cfg.checkpoint)
    if not has_no_sizes(cfg.model) or path is None:
        return
    options, shape = cfg.model, shape_of(path)
    longest = shape["max_positions"]
    with nullcontext() if isinstance(options, Namespace) else open_dict(options):
        for name, value in shape.items():
            given = getattr(options, name, None)
            if given is None:
                setattr(options, name, value)
    ours = {name: getattr(options, name, None) for name in (*SIZES, "num_segments")}
    for name, value in ours.items():
        if value is None:
            raise UserError(f"{flag_of(name)}: give it, as {path} does not tell it")
        if value != shape.get(name, value) and name != "encoder_attention_heads":
            raise UserError(
                f"{flag_of(name)} {value}: {path} has {shape[name]}; leave it out"
            )
    wanted = getattr(cfg.task, "max_positions", None) or options.max_positions
    if wanted > longest:
        usual = TASK_DATACLASS_REGISTRY.get(cfg.task._name)
        if getattr(usual, "max_positions", None) != wanted:
            raise UserError(
                f"--max-positions {wanted}: {path} has {longest}; give that or less"
            )
        cfg.task.max_positions = longest
    told = ", ".join(f"{flag_of(name)} {value}" for name, value in ours.items())
    logger.info(f"{path}: {told}, --layer-norm-eps {options.layer_norm_eps}")
