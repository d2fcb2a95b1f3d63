"""The options that a checkpoint was trained with, in whatever form it has them."""

from argparse import Namespace
from typing import Any, Dict, Optional

from omegaconf import OmegaConf


def stored_options(state: Any, part: str) -> Dict[str, Any]:
    """The options of a part of the run; none where it does not tell.

    Args:
        state: the checkpoint. It has ``cfg``, one mapping a part, or as fairseq's
            first ones ``args``, with the options of all parts.
        part: ``"model"``, ``"task"`` or ``"criterion"``.
    """
    if state.get("args") is not None:
        return as_dict(state["args"])
    return as_dict((state.get("cfg") or {}).get(part))


def stored_task(state: Any) -> Optional[str]:
    """The name of the task that a checkpoint was trained with, where it tells."""
    options = stored_options(state, "task")
    return options.get("task") or options.get("_name")  # args' may be the model's


def as_dict(options: Any) -> Dict[str, Any]:
    """Options by name, whichever class holds them; empty where they are none."""
    if OmegaConf.is_config(options):
        options = OmegaConf.to_container(options)
    if isinstance(options, Namespace):
        options = vars(options)
    return dict(options) if isinstance(options, dict) else {}
