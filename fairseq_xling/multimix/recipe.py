"""Hyper-parameters of MultiMix's two tasks, as fairseq-train's options.

Source: MultiMix appendix F, Table 7.
"""

import argparse
from typing import Dict, List, NamedTuple, Sequence

COMMON = [
    "--optimizer=adam",
    "--adam-eps=1e-8",
    "--clip-norm=1.0",
    "--lr-scheduler=polynomial_decay",
    "--dropout=0.1",
    "--no-epoch-checkpoints",
    "--log-format=simple",
    "--log-interval=50",
]


class Recipe(NamedTuple):
    """Table 7's column of a task.

    Attributes:
        metric: what checkpoints are selected by, in the source or target language.
        common: options of every training.
        warm_up: options of the training on the source language.
        adaptation: options of each epoch of adaptation.
        distill_factors: eta of each epoch, in percent.
    """

    metric: str
    common: List[str]
    warm_up: List[str]
    adaptation: List[str]
    distill_factors: List[float]


RECIPES: Dict[str, Recipe] = {
    "multimix_xner": Recipe(
        metric="f1",
        common=["--max-positions=280", "--batch-size=4", "--weight-decay=0.01"],
        warm_up=[
            "--update-freq=5", "--lr=3e-5", "--max-update=3000", "--warmup-updates=200"
        ],
        adaptation=["--update-freq=4", "--lr=5e-6"],
        distill_factors=[80, 100, 100],
    ),
    "multimix_xnli": Recipe(
        metric="accuracy",
        common=["--max-positions=128", "--truncate-sequence", "--batch-size=16"],
        warm_up=[
            "--update-freq=2", "--lr=1e-6", "--max-update=3000", "--warmup-updates=300"
        ],
        adaptation=["--update-freq=2", "--lr=1e-6"],
        distill_factors=[50, 80, 100],
    ),
}  # fmt: skip


def given(options: Sequence[str]) -> argparse.Namespace:
    """What fairseq-train's options say of batches and steps; the last one counts."""
    parser = argparse.ArgumentParser(allow_abbrev=False, add_help=False)
    parser.add_argument("--batch-size", "--max-sentences", type=int, default=1)
    parser.add_argument("--update-freq", type=int, default=1)
    parser.add_argument("--max-update", type=int)
    parser.add_argument("--max-epoch", type=int, default=1)
    return parser.parse_known_args(list(options))[0]


def schedule(options: Sequence[str], rows: int) -> List[str]:
    """Steps of a training whose options give none, and a tenth of them to warm up.

    Args:
        options: of fairseq-train.
        rows: number of training samples.
    """
    said = given(options)
    updates = said.max_update
    if updates is None:
        batch = said.batch_size * said.update_freq
        updates = max(1, rows * said.max_epoch // batch)
    return [
        f"--max-update={updates}",
        f"--total-num-update={updates}",
        *(
            []
            if any(option.startswith("--warmup-updates") for option in options)
            else [f"--warmup-updates={max(1, updates // 10)}"]
        ),
    ]
