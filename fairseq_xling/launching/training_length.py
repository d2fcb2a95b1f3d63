"""How many updates a training takes, counted in what its dataset holds."""

from typing import List, Optional

from fairseq import options, tasks, utils
from fairseq.dataclass.utils import convert_namespace_to_omegaconf
from omegaconf import DictConfig

from fairseq_xling.errors import UserError


def updates_of_command(words: Optional[List[str]]) -> int:
    """Updates of a call of ``fairseq-train``.

    Args:
        words: its arguments (None: those of this process).

    Raises:
        UserError: as of :func:`count_updates`.
    """
    args = options.parse_args_and_arch(options.get_training_parser(), words)
    # The schedule's own length is what is to be found; without one it is refused.
    if getattr(args, "total_num_update", 1) is None:
        args.total_num_update = 1
    return count_updates(convert_namespace_to_omegaconf(args))


def count_updates(cfg: DictConfig) -> int:
    """Updates that ``fairseq-train`` makes with these options, without its model.

    What is counted are the dataset's items, which may be windows of passages and parts
    of sentences. Each epoch is rounded up by itself, as its last update may be smaller.

    Args:
        cfg: all of fairseq's options.

    Raises:
        UserError: they set no end to the training, or the data are wrong.
    """
    most, epochs = cfg.optimization.max_update, cfg.optimization.max_epoch
    if not epochs:
        if not most:
            raise UserError("--max-epoch, --max-update: give one; training has no end")
        return most
    task = tasks.setup_task(cfg.task)
    task.load_dataset(cfg.dataset.train_subset)
    total = sum(_updates_of_epoch(cfg, task, epoch) for epoch in range(1, epochs + 1))
    return min(total, most) if most else total


def _updates_of_epoch(cfg: DictConfig, task: tasks.FairseqTask, epoch: int) -> int:
    most_tokens = cfg.dataset.max_tokens
    batches = task.get_batch_iterator(
        task.dataset(cfg.dataset.train_subset),
        max_tokens=most_tokens,
        max_sentences=cfg.dataset.batch_size,
        max_positions=utils.resolve_max_positions(task.max_positions(), most_tokens),
        ignore_invalid_inputs=True,
        required_batch_size_multiple=cfg.dataset.required_batch_size_multiple,
        seed=cfg.common.seed,
        num_shards=cfg.distributed_training.distributed_world_size,
        epoch=epoch,
    )
    frequencies = cfg.optimization.update_freq
    frequency = frequencies[min(epoch, len(frequencies)) - 1]
    return -(-len(batches) // frequency)
