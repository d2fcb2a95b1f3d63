"""Hyper-parameters of MultiMix's two tasks, as fairseq-train's options.

Source: MultiMix appendix F, Table 7.
"""

from typing import Dict, List, NamedTuple

COMMON = [
    "--optimizer=adamw_fused",
    "--adam-eps=1e-8",
    "--clip-norm=1.0",
    "--lr-scheduler=polynomial_decay",
    "--dropout=0.1",
    # The paper trains each model on a single GPU; all that are seen would be taken.
    "--distributed-world-size=1",
    "--batch-size-valid=64",
    "--no-epoch-checkpoints",
    "--keep-interval-updates=1",
    "--log-format=simple",
    "--log-interval=50",
]


class Recipe(NamedTuple):
    """Table 7's column of a task.

    Attributes:
        metric: what checkpoints are selected by, in the source or target language.
        common: options of every training.
        warm_up: options of the training on the source language.
        adaptation: options of each training of adaptation, which lasts one epoch of its
            data.
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
            "--update-freq=5", "--lr=3e-5", "--max-update=3000", "--warmup-updates=200",
            "--validate-interval-updates=50",
        ],
        adaptation=[
            "--update-freq=4", "--lr=5e-6", "--validate-interval-updates=50"
        ],
        distill_factors=[80, 100, 100],
    ),
    "multimix_xnli": Recipe(
        metric="accuracy",
        common=["--max-positions=128", "--truncate-sequence", "--batch-size=16"],
        warm_up=[
            "--update-freq=2", "--lr=1e-6", "--max-update=3000",
            "--validate-interval-updates=50",
        ],
        adaptation=[
            "--update-freq=2", "--lr=1e-6", "--validate-interval-updates=25"
        ],
        distill_factors=[50, 80, 100],
    ),
}  # fmt: skip
