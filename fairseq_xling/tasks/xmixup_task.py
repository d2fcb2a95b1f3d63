"""What all X-Mixup tasks share: data folders, scheduled sampling, the model."""

import logging
from typing import Any, Dict, List, Optional, Set, Type

import numpy as np
from fairseq.data import Dictionary

from fairseq_xling.criterions.confidence_penalty import ConfidencePenaltyCriterion
from fairseq_xling.criterions.xmixup import XMixupCriterion
from fairseq_xling.data.dictionaries import load_data_dictionary, load_labels
from fairseq_xling.data.labels import order_of
from fairseq_xling.data.manifest import Manifest
from fairseq_xling.data.paired_dataset import PairedDataset
from fairseq_xling.data.scheduled_sampling import decay_for_midpoint, run_length
from fairseq_xling.data.seen_tokens import seen_tokens
from fairseq_xling.data.shared_sources import share_sources
from fairseq_xling.data.source_sampling import sample_sources
from fairseq_xling.data.streams import Streams, open_streams
from fairseq_xling.errors import UserError
from fairseq_xling.families.base import Family, PredictedRow
from fairseq_xling.families.config import XMixupConfig, check_options
from fairseq_xling.models.trained_rows import RowEmbedding
from fairseq_xling.tasks.encoder_task import EncoderTask
from fairseq_xling.tasks.split_parts import (
    Part,
    choose_languages,
    parts_of,
    say_what_is_missing,
)

logger = logging.getLogger(__name__)


class XMixupTask(EncoderTask):
    """A task in languages that have no labels of their own.

    Attributes:
        benchmark: the data's name in their manifest.
        family_class, settings: what kind of task it is, and what is special to the
            benchmark; see :class:`Family`.
        family: made of these for the options and the data.
    """

    cfg: XMixupConfig
    criterions = (XMixupCriterion, ConfidencePenaltyCriterion)
    benchmark: str
    family_class: Type[Family]
    settings: Dict[str, Any] = {}
    # Batches of an epoch, once they are known.
    train_batches: Optional[int] = None

    def __init__(
        self,
        cfg: XMixupConfig,
        manifest: Manifest,
        dictionary: Dictionary,
        label_dictionary: Dictionary,
    ) -> None:
        super().__init__(cfg)
        self.manifest = manifest
        self.dictionary = dictionary
        self.source_lang = manifest.source_lang
        self.languages = choose_languages(cfg, manifest)
        check_options(cfg)
        self.family = self.family_class(
            cfg,
            manifest,
            dictionary,
            label_dictionary,
            self.languages,
            **self.settings,
        )
        self.label_names = self.family.label_names

    @classmethod
    def setup_task(cls, cfg: XMixupConfig, **kwargs) -> "XMixupTask":
        manifest = Manifest.load(cfg.data)
        if manifest.task != cls.benchmark:
            raise UserError(
                f"{cfg.data}: holds {manifest.task} data; this task reads "
                f"{cls.benchmark}"
            )
        dictionary = load_data_dictionary(cfg.data, manifest)
        return cls(cfg, manifest, dictionary, load_labels(cfg.data, manifest))

    def load_dataset(
        self,
        split: str,
        combine: bool = False,
        task_cfg=None,
        with_source: Optional[bool] = None,
        with_unlabelled: bool = False,
        **kwargs,
    ) -> PairedDataset:
        """Load all languages of a split.

        Languages without labels are left out of one that a model is validated on.

        Args:
            split: such as ``"train"``; to ``"supervised"`` belong the source
                language's rows of ``"train"``, too.
            with_source: whether to load the source counterparts of a split that is
                not trained on (default: where the model was trained on pairs).
            with_unlabelled: whether to load languages without labels, too, such as to
                predict them.

        Raises:
            UserError: the data have no such split, lack what training needs, or a
                sequence is too long; no language of the split has labels.
        """
        is_train = split == self.cfg.train_subset
        parts = parts_of(self.cfg, self.manifest, split, self.languages)
        if not is_train and not with_unlabelled:
            parts = self._labelled(split, parts)
        paired = self._streams_for(is_train, with_source)
        say_what_is_missing(self.manifest, split, [lang for _, lang in parts], paired)
        self.datasets[split] = self.open_dataset(parts, paired, is_train)
        return self.datasets[split]

    def open_split(self, split: str, lang: str) -> PairedDataset:
        """A split in one language, to predict it as a trained model is asked to."""
        paired = self._streams_for(is_train=False, with_source=None)
        return self.open_dataset([(split, lang)], paired, is_train=False)

    def open_dataset(
        self, parts: List[Part], paired: Set[str], is_train: bool
    ) -> PairedDataset:
        """Open streams as one dataset.

        Args:
            paired: which of ``source`` and ``backtranslation`` to read.
        """
        data = self.cfg.data, self.manifest
        streams = [self._open_part(*data, part, paired, is_train) for part in parts]
        splits = [split for split, _ in parts]
        return self.family.make_dataset(streams, splits, is_train)

    def _open_part(
        self, data: str, held: Manifest, part: Part, paired: Set[str], is_train: bool
    ) -> Streams:
        wanted = paired | self.family.own_streams(paired)
        needed = self.family.needed_streams(is_train)
        return open_streams(data, held, *part, wanted, needed)

    def score_names(self) -> List[str]:
        """The scores of all languages, and of each that is validated on."""
        loaded = (
            one for name, one in self.datasets.items() if name != self.cfg.train_subset
        )
        ids = dict.fromkeys(lang for one in loaded for lang in one.lang_ids)
        languages = [self.languages[lang] for lang in ids]
        each = [f"{score}_{lang}" for score in self.family.scores for lang in languages]
        return [*self.family.scores, *each]

    def _labelled(self, split: str, parts: List[Part]) -> List[Part]:
        labelled = [part for part in parts if self.is_labelled(*part)]
        lacking = ",".join(part[1] for part in parts if part not in labelled)
        if not labelled:
            raise UserError(
                f"{self.cfg.data}: {split} has no labels in {lacking}; choose another "
                "split, or train with --disable-validation"
            )
        if lacking:
            logger.warning(
                f"{split}: {lacking} without labels: left out of the loss and the "
                "scores"
            )
        return labelled

    def is_labelled(self, split: str, lang: str) -> bool:
        """Whether any row of a split in a language has labels."""
        names = self.family.label_streams
        streams = open_streams(self.cfg.data, self.manifest, split, lang, names)
        held = [getattr(streams, name) for name in names]
        return any(np.any(one.sizes) for one in held if one is not None)

    def _streams_for(self, is_train: bool, with_source: Optional[bool]) -> Set[str]:
        pairs = self.cfg.training_set == "pairs"
        if not is_train:
            if with_source is None:
                with_source = pairs and not self.cfg.no_mixup_inference
            return {"source"} if with_source else set()
        if not pairs:
            return set()
        sampled = self.cfg.scheduled_sampling_decay > 0
        return {"source", "backtranslation"} if sampled else {"source"}

    def state_dict(self) -> Dict[str, Any]:
        """What checkpoints remember: the benchmark, and what its labels are."""
        return {
            "task": f"xmixup_{self.benchmark}",
            "benchmark": self.benchmark,
            "languages": self.languages,
            "labels": self.label_names,
            **super().state_dict(),
        }

    def load_state_dict(self, state_dict: Dict[str, Any]) -> None:
        """Check that a checkpoint was trained on these labels and this dictionary."""
        labels = state_dict.get("labels", self.label_names)
        # The same labels in another order are matched when the model is loaded.
        if order_of(labels, self.label_names) is None:
            raise UserError(
                f"trained on the labels {', '.join(labels) or 'none'}, but "
                f"{self.cfg.data} has {', '.join(self.label_names) or 'none'}; give "
                "a checkpoint that was trained on them"
            )
        super().load_state_dict(state_dict)

    def build_model(self, cfg, from_checkpoint: bool = False):
        """Build the model with the task's head."""
        model = super().build_model(cfg, from_checkpoint)
        self.family.build_head(model)
        model.label_names = self.label_names
        # The LM head is not trained; its output matrix is the input embeddings.
        embeddings = model.encoder.sentence_encoder.embed_tokens.weight
        for parameter in model.encoder.lm_head.parameters():
            if parameter is not embeddings:
                parameter.requires_grad = False
        if not from_checkpoint:
            self._choose_rows(model.encoder.sentence_encoder)
        return model

    def _choose_rows(self, encoder: Any) -> None:
        """Freeze the embeddings that are not to be trained."""
        chosen = str(self.cfg.train_embeddings)
        if chosen == "none":
            encoder.embed_tokens.weight.requires_grad = False
        if chosen == "seen":
            ids = seen_tokens(self.training_streams(), self.dictionary)
            encoder.embed_tokens = RowEmbedding(encoder.embed_tokens, ids)
            logger.info(f"embeddings: {len(ids)} of {len(self.dictionary)} are trained")

    def training_streams(self) -> List[Streams]:
        """All that the model is trained on."""
        split = self.cfg.train_subset
        parts = parts_of(self.cfg, self.manifest, split, self.languages)
        data, paired = (self.cfg.data, self.manifest), self._streams_for(True, None)
        return [self._open_part(*data, part, paired, True) for part in parts]

    def mixup_layer_of(self, cfg: Any) -> str:
        """The benchmark's layer; none for training without pairs."""
        pairs = self.cfg.training_set == "pairs"
        layers = getattr(cfg, "encoder_layers", None) or 12
        return self.family.default_mixup_layer(layers) if pairs else "0"

    def get_batch_iterator(self, dataset, *args, **kwargs):
        """As fairseq's; remembers how long an epoch is, for the sampling's midpoint."""
        iterator = super().get_batch_iterator(dataset, *args, **kwargs)
        if getattr(dataset, "shuffle", False):
            self.train_batches = len(iterator)
        return iterator

    def sampling_decay(self) -> float:
        """The decay constant k of scheduled sampling; 0 where it is off."""
        if self.cfg.scheduled_sampling_midpoint is None:
            return self.cfg.scheduled_sampling_decay
        updates = run_length(
            self.cfg.max_update,
            self.cfg.max_epoch,
            self.cfg.update_freq,
            self.train_batches,
        )
        if updates is None:
            raise UserError(
                "--scheduled-sampling-midpoint needs the run's length: give "
                "--max-update or --max-epoch"
            )
        return decay_for_midpoint(self.cfg.scheduled_sampling_midpoint * updates)

    def sample_sources(self, sample: Dict[str, Any], update: int) -> Dict[str, Any]:
        """A batch with its sources as scheduled sampling draws them at an update."""
        sampled = sample_sources(
            sample,
            self.sampling_decay(),
            update,
            self.cfg.seed,
            str(self.cfg.scheduled_sampling_unit),
            self.dictionary.pad(),
        )
        return share_sources(sampled)

    def train_step(
        self, sample, model, criterion, optimizer, update_num, ignore_grad=False
    ):
        sample = self.sample_sources(sample, update_num)
        return super().train_step(
            sample, model, criterion, optimizer, update_num, ignore_grad
        )

    def predict_step(self, sample: Dict[str, Any], model: Any) -> List[PredictedRow]:
        return self.family.predict_step(sample, model)
