"""How many updates a training makes, counted from the options that it gets."""

import argparse
from fractions import Fraction
from typing import List, NoReturn, Sequence

from fairseq import options

from fairseq_xling.errors import UserError


def refuse(message: str) -> NoReturn:
    """Stands for the parser's own way, which prints its usage and leaves."""
    raise UserError(
        f"--train-options, --warmup-options, --adaptation-options: {message}"
    )


def read_options(words: Sequence[str]) -> argparse.Namespace:
    """What is said in a call of fairseq-train, by its own parser; no defaults.

    Raises:
        UserError: fairseq-train would refuse one of ``words``: all arguments but
            ``--user-dir``, which is this package.
    """
    parser = options.get_training_parser()
    parser.error = refuse
    return options.parse_args_and_arch(parser, list(words), suppress_defaults=True)


def count_updates(said: argparse.Namespace, rows: int) -> int:
    """Updates of a training: one epoch's where the options give no other end.

    Raises:
        UserError: the options do not tell how many samples an update has.

    Source: MultiMix appendix F ("we convert it to a total number of steps").
    """
    limit, epochs = (getattr(said, x, 0) for x in ("max_update", "max_epoch"))
    if limit and not epochs:
        return limit
    if hasattr(said, "max_tokens"):
        refuse(
            "--max-tokens: an epoch's updates cannot be counted; give --max-update, "
            "and no --max-epoch"
        )
    batch = said.batch_size * getattr(said, "distributed_world_size", 1)
    each = getattr(said, "update_freq", [1])
    if min(batch, *each) < 1:
        refuse(
            "--batch-size, --update-freq and --distributed-world-size: give 1 or more"
        )
    # The last of --update-freq is that of all further epochs, too.
    counts = [
        Fraction(rows, batch * each[min(i, len(each) - 1)]) for i in range(epochs or 1)
    ]
    updates = max(1, int(sum(counts)))
    return min(updates, limit) if limit else updates


def schedule(words: Sequence[str], rows: int) -> List[str]:
    """What options leave open of a training on some rows.

    Its updates; a tenth of them to warm up; and checkpoints as often as it validates,
    since fairseq keeps the best only of those that it saves.

    Raises:
        UserError: the options are wrong.
    """
    said = read_options(words)
    updates = count_updates(said, rows)
    found = {
        "total_num_update": updates,
        "warmup_updates": max(1, updates // 10),
        "save_interval_updates": getattr(said, "validate_interval_updates", 0),
    }
    return [
        f"--max-update={updates}",
        *(
            f"--{name.replace('_', '-')}={value}"
            for name, value in found.items()
            if not hasattr(said, name)
        ),
    ]
