"""fairseq's trainer in this process, on small data of every family."""

import copy
import functools
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Dict, List

import torch
from fairseq import options, tasks
from fairseq.dataclass.utils import convert_namespace_to_omegaconf
from fairseq.trainer import Trainer
from pair_data import write_pair_data
from question_data import write_question_data
from tag_data import write_tag_data
from training import train_command

# Each family's data, and the task that reads them.
FAMILIES = {
    "pairs": (write_pair_data, "xmixup_xnli"),
    "tagging": (write_tag_data, "xmixup_panx"),
    "questions": (write_question_data, "xmixup_xquad"),
}
NO_DROPOUT = ["--dropout=0", "--attention-dropout=0", "--pooler-dropout=0"]


def write_families(folder: Path) -> Dict[str, Path]:
    """Small data of every family."""
    return {name: write(folder / name) for name, (write, _) in FAMILIES.items()}


@functools.lru_cache(maxsize=None)
def configure(task: str, data: Path, *more: str) -> Any:
    """fairseq-train's options; putting them together takes longer than an update."""
    given = train_command(data, Path("not-written"), *more, f"--task={task}")[1:]
    given = [x for x in given if not x.startswith("--user-dir")]
    args = options.parse_args_and_arch(options.get_training_parser(), given)
    return convert_namespace_to_omegaconf(args)


def build(
    task: str, data: Path, *more: str, cpu: bool = True, build_model: bool = True
) -> SimpleNamespace:
    """What fairseq-train builds of its options.

    Args:
        more: they override those of :func:`training.train_command`.
        cpu: whether ``--cpu`` is given.
        build_model: whether there is to be more than a task.
    """
    cfg = copy.deepcopy(configure(task, data, *more))
    cfg.common.cpu = cpu
    built: Any = tasks.setup_task(cfg.task)
    if not build_model:
        return SimpleNamespace(task=built)
    torch.manual_seed(1)
    model = built.build_model(cfg.model)
    criterion = built.build_criterion(cfg.criterion)
    trainer = Trainer(cfg, built, model, criterion)
    return SimpleNamespace(task=built, model=model, trainer=trainer)


def batch_of(task: Any, split: str, rows: int = 8) -> Dict[str, Any]:
    """A batch of a split, of rows from all over it."""
    dataset = task.load_dataset(split)
    step = max(1, len(dataset) // rows)
    chosen: List[int] = list(range(0, len(dataset), step))[:rows]
    return dataset.collater([dataset[row] for row in chosen])
