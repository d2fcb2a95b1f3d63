"""What tasks that train an encoder share: one dictionary, and options of the model."""

from contextlib import nullcontext
from typing import Any, Dict, List, Tuple, Type

from fairseq.criterions import CRITERION_REGISTRY, FairseqCriterion
from fairseq.data import Dictionary
from fairseq.models import ARCH_MODEL_REGISTRY
from fairseq.registry import REGISTRIES
from fairseq.tasks import FairseqTask
from omegaconf import DictConfig, OmegaConf, open_dict

from fairseq_xling.data.manifest import Manifest
from fairseq_xling.errors import UserError
from fairseq_xling.families.prediction import check_max_tokens
from fairseq_xling.models.options import check_names
from fairseq_xling.models.xmixup_xlmr import XMixupXLMRModel
from fairseq_xling.tasks.memory_logging import PeakMemory, as_numbers, log_peak_memory

# Those between and around the two texts of a pair.
LEAST_POSITIONS = 4
# The longest sequence that any encoder has; each of them has a row of embeddings.
MOST_POSITIONS = 1 << 17


class EncoderTask(FairseqTask):
    """A task with one dictionary that tells its model how long sequences are.

    Subclasses have ``cfg``, with ``max_positions`` and ``train_subset``, ``manifest``
    and ``dictionary``.

    Attributes:
        criterions: the classes that train for the task.
        binarized: what messages call the data.
    """

    cfg: Any
    dictionary: Dictionary
    manifest: Manifest
    criterions: Tuple[Type[FairseqCriterion], ...]
    binarized = "data"

    def __init__(self, cfg: Any) -> None:
        super().__init__(cfg)
        self.peak_memory = PeakMemory()
        if not LEAST_POSITIONS <= cfg.max_positions <= MOST_POSITIONS:
            raise UserError(
                f"--max-positions {cfg.max_positions}: give {LEAST_POSITIONS} to "
                f"{MOST_POSITIONS}, and at most what the pre-trained model has"
            )

    def mixup_layer_of(self, cfg: Any) -> str:
        """The ``mixup_layer`` of a model whose options ``cfg`` name none."""
        raise NotImplementedError

    def score_names(self) -> List[str]:
        """The scores that validation logs beside the criterion's terms."""
        return []

    def build_model(self, cfg, from_checkpoint: bool = False):
        """Build the model, with the task's mixup layer where none was given.

        Raises:
            UserError: it is none of this package, or a YAML file has options that it
                has not.
        """
        arch = getattr(cfg, "_name", None) or getattr(cfg, "arch", None)
        ours = [k for k, v in ARCH_MODEL_REGISTRY.items() if v is XMixupXLMRModel]
        if arch is not None and arch not in ours:
            raise UserError(f"--arch {arch}: give one of {', '.join(ours)}")
        is_config = OmegaConf.is_config(cfg)
        if is_config and not from_checkpoint:  # which may be of a version with others
            check_names(XMixupXLMRModel.add_args, cfg)
            fill_schedule(cfg)
        with open_dict(cfg) if is_config else nullcontext():
            cfg.max_positions = self.cfg.max_positions
            if getattr(cfg, "mixup_layer", None) is None:
                cfg.mixup_layer = self.mixup_layer_of(cfg)
        return super().build_model(cfg, from_checkpoint)

    def build_criterion(self, cfg, from_checkpoint: bool = False):
        """Build the criterion."""
        kind = CRITERION_REGISTRY.get(cfg._name)
        if kind is None or not issubclass(kind, self.criterions):
            ours = [k for k, v in CRITERION_REGISTRY.items() if v in self.criterions]
            raise UserError(
                f"--criterion {cfg._name}: give {' or '.join(sorted(ours))}"
            )
        self.terms = kind.terms
        return super().build_criterion(cfg, from_checkpoint)

    def begin_epoch(self, epoch: int, model: Any) -> None:
        """Check what the best checkpoint is chosen by, and compile the model."""
        super().begin_epoch(epoch, model)
        if model.args.torch_compile:
            model.compile_layers()
        known = ["loss", *self.score_names(), *self.terms]
        metric = self.cfg.best_checkpoint_metric
        if not self.cfg.disable_validation and metric not in known:
            raise UserError(
                f"--best-checkpoint-metric {metric}: give one of {', '.join(known)}"
            )

    def train_step(
        self, sample, model, criterion, optimizer, update_num, ignore_grad=False
    ):
        loss, rows, logged = super().train_step(
            sample, model, criterion, optimizer, update_num, ignore_grad
        )
        return loss, rows, {**logged, **self.peak_memory.sums()}

    def valid_step(self, sample, model, criterion):
        loss, rows, logged = super().valid_step(sample, model, criterion)
        return loss, rows, {**logged, **self.peak_memory.sums()}

    def optimizer_step(self, optimizer, model, update_num):
        super().optimizer_step(optimizer, model, update_num)
        # Logged with the next batch; fairseq resets the count before that.
        self.peak_memory.update()

    def reduce_metrics(self, logging_outputs, criterion):
        """Log what the criterion does, and the peak memory."""
        logging_outputs = as_numbers(logging_outputs)
        super().reduce_metrics(logging_outputs, criterion)
        log_peak_memory(logging_outputs)

    def get_batch_iterator(self, dataset, max_tokens=None, *args, **kwargs):
        """As fairseq's."""
        known = [split for split, held in self.datasets.items() if held is dataset]
        title = known[0] if known else "the data"
        # Training loads its own split before it validates the others.
        trains = self.cfg.train_subset in self.datasets
        validates = trains and title != self.cfg.train_subset
        option = "--max-tokens-valid" if validates else "--max-tokens"
        check_max_tokens(dataset, max_tokens, title, option)
        return super().get_batch_iterator(dataset, max_tokens, *args, **kwargs)

    def state_dict(self) -> Dict[str, Any]:
        """What checkpoints remember: the dictionary."""
        return {"dictionary_sha256": self.manifest.dictionary_sha256}

    def load_state_dict(self, state_dict: Dict[str, Any]) -> None:
        """Check that a checkpoint was trained with this dictionary."""
        ours = self.manifest.dictionary_sha256
        if state_dict.get("dictionary_sha256", ours) != ours:
            raise UserError(
                f"trained with another dict.txt than that of {self.cfg.data}; binarize "
                f"the {self.binarized} with the checkpoint's"
            )

    def max_positions(self) -> int:
        return self.cfg.max_positions

    source_dictionary = target_dictionary = property(lambda self: self.dictionary)


def fill_schedule(cfg: DictConfig) -> None:
    """Give a YAML file's run the learning rate's schedule that fairseq-train has.

    fairseq would train with none, and fail.
    """
    run = cfg._get_parent()
    if isinstance(run, DictConfig) and run.get("lr_scheduler") is None:
        with open_dict(run):
            run.lr_scheduler = {"_name": REGISTRIES["lr_scheduler"]["default"]}
