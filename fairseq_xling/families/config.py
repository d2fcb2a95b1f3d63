"""Options that the tasks of all families share."""

from dataclasses import dataclass, field
from typing import List, Optional

from fairseq.dataclass import ChoiceEnum, FairseqDataclass
from omegaconf import II

from fairseq_xling.option_values import check_number


@dataclass
class XMixupConfig(FairseqDataclass):
    """Options that the tasks of all families share."""

    data: str = field(default="", metadata={"help": "folder of binarized data"})
    source_lang: Optional[str] = field(
        default=None,
        metadata={"help": "language of the labels (default: the data's)"},
    )
    target_langs: Optional[str] = field(
        default=None,
        metadata={"help": "comma list of target languages (default: all in the data)"},
    )
    training_set: ChoiceEnum(  # type: ignore[valid-type]
        ["pairs", "concatenated", "source"]
    ) = field(
        default="pairs",
        metadata={
            "help": "train on targets with their source counterparts (X-Mixup), on "
            "all languages without counterparts (translate-train), or on the source "
            "language alone (zero-shot)"
        },
    )
    train_embeddings: Optional[  # type: ignore[valid-type]
        ChoiceEnum(["seen", "all", "none"])
    ] = field(
        default=None,
        metadata={
            "help": "train the embeddings of the tokens that the training data have "
            "(seen), of the whole vocabulary, or none (default: seen with Adam without "
            "weight decay, which is the same as all; otherwise all)"
        },
    )
    max_positions: int = field(
        default=512, metadata={"help": "longest sequence, in tokens"}
    )
    scheduled_sampling_decay: float = field(
        default=1000.0,
        metadata={"help": "decay k of the real source's probability; 0: always real"},
    )
    scheduled_sampling_midpoint: Optional[float] = field(
        default=None,
        metadata={
            "help": "set the decay so that the probability is one half after this "
            "share of training"
        },
    )
    scheduled_sampling_unit: ChoiceEnum(  # type: ignore[valid-type]
        ["instance", "batch"]
    ) = field(
        default="instance",
        metadata={"help": "draw for every instance, or once for the whole batch"},
    )
    group_translations: bool = field(
        default=False,
        metadata={
            "help": "put the translations of a source text into one batch, where it is "
            "encoded once for all of them"
        },
    )
    no_mixup_inference: bool = field(
        default=False,
        metadata={"help": "evaluate the target alone, without its translation"},
    )
    seed: int = II("common.seed")
    train_subset: str = II("dataset.train_subset")
    disable_validation: bool = II("dataset.disable_validation")
    best_checkpoint_metric: str = II("checkpoint.best_checkpoint_metric")
    max_update: int = II("optimization.max_update")
    max_epoch: int = II("optimization.max_epoch")
    update_freq: List[int] = II("optimization.update_freq")


def check_options(cfg: XMixupConfig) -> None:
    """Refuse values that no run can have."""
    check_number("--scheduled-sampling-decay", cfg.scheduled_sampling_decay, high=1e9)
    midpoint = cfg.scheduled_sampling_midpoint
    check_number("--scheduled-sampling-midpoint", midpoint, high=1, above=True)
