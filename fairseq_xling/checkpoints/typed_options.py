"""Options that were typed, which go before those that a checkpoint stores."""

from dataclasses import fields
from typing import Any, Dict, Optional

from fairseq.criterions import CRITERION_DATACLASS_REGISTRY
from fairseq.tasks import TASK_DATACLASS_REGISTRY, TASK_REGISTRY
from omegaconf import DictConfig, open_dict

from fairseq_xling.checkpoints.stored_options import stored_task
from fairseq_xling.errors import UserError


def is_ours(name: Optional[str]) -> bool:
    """Whether a task is one of this package."""
    task = TASK_REGISTRY.get(name)
    return task is not None and task.__module__.startswith("fairseq_xling.")


def take_typed(path: str, state: Any, typed: Dict[str, Any]) -> None:
    """Let what a command line says go before what a checkpoint stores, in place.

    fairseq replaces the options that both have. Here those follow that the checkpoint
    lacks, as it is of another version, and the task; and options go that this version
    has not.

    Raises:
        UserError: a task of this package is to run a model of another.
    """
    name, stored = typed.get("task"), stored_task(state)
    if is_ours(name) and not is_ours(stored):
        raise foreign_task(path, stored)
    cfg = state.get("cfg")
    if not isinstance(cfg, DictConfig):
        return
    if is_ours(name) and isinstance(cfg.get("task"), DictConfig):
        cfg.task._name = name
    for part, registry in (
        ("task", TASK_DATACLASS_REGISTRY),
        ("criterion", CRITERION_DATACLASS_REGISTRY),
    ):
        options = cfg.get(part)
        if not isinstance(options, DictConfig):
            continue
        kind = registry.get(options.get("_name"))
        if kind is not None and kind.__module__.startswith("fairseq_xling."):
            known = {field.name for field in fields(kind)}
            with open_dict(options):
                for name in [x for x in options if x not in known and x != "_name"]:
                    del options[name]
                options.update({x: typed[x] for x in known if x in typed})


def foreign_task(path: str, stored: Optional[str]) -> UserError:
    """What to say of a checkpoint of another task."""
    return UserError(
        f"{path}: was trained with task {stored or 'unknown'}; give a checkpoint that "
        "was fine-tuned for the data's task"
    )
