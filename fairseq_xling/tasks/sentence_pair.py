"""What the sentence-pair tasks share: data, scheduled sampling, inference."""

import logging
import os
from typing import Any, Dict, List, Optional, Set, Tuple

import numpy as np
import torch
import torch.nn.functional as F
from fairseq.data import Dictionary
from fairseq.tasks import FairseqTask
from omegaconf import OmegaConf, open_dict
from torch import Tensor

from fairseq_xling.data.manifest import Manifest
from fairseq_xling.data.pair_dataset import SentencePairDataset
from fairseq_xling.data.pair_streams import check_lengths, open_streams
from fairseq_xling.data.scheduled_sampling import (
    decay_for_midpoint,
    real_source_probability,
    run_length,
    uniform_draws,
)
from fairseq_xling.errors import UserError
from fairseq_xling.models.encoder import count_tokens
from fairseq_xling.models.loading import load_dictionary
from fairseq_xling.tasks.sentence_pair_config import SentencePairConfig, check_options

logger = logging.getLogger(__name__)

HEAD_NAME = "sentence_classification_head"


class SentencePairTask(FairseqTask):
    """Classify pairs of sentences in languages without labels of their own."""

    cfg: SentencePairConfig
    benchmark: str
    default_mixup_layer = "1"
    default_source_loss_weight = 0.4

    def __init__(
        self,
        cfg: SentencePairConfig,
        manifest: Manifest,
        dictionary: Dictionary,
        label_dictionary: Dictionary,
    ) -> None:
        super().__init__(cfg)
        self.manifest = manifest
        self.dictionary = dictionary
        self.label_dictionary = label_dictionary
        self.label_names: List[str] = label_dictionary.symbols[
            label_dictionary.nspecial :
        ]
        self.source_lang = cfg.source_lang or manifest.source_lang
        self.languages = self._choose_languages()
        self.train_batches: Optional[int] = None
        check_options(cfg)

    @classmethod
    def setup_task(cls, cfg: SentencePairConfig, **kwargs) -> "SentencePairTask":
        """Read the data folder's manifest and dictionaries.

        Raises:
            UserError: the folder is not one of this task's, or is damaged.
        """
        manifest = Manifest.load(cfg.data)
        if manifest.task != cls.benchmark:
            raise UserError(
                f"{cfg.data}: holds {manifest.task} data; this task reads "
                f"{cls.benchmark}"
            )
        dictionary = load_dictionary(os.path.join(cfg.data, "dict.txt"))
        if len(dictionary) != manifest.dictionary_size:
            raise UserError(
                f"{cfg.data}/dict.txt: {len(dictionary)} entries, but the data were "
                f"binarized with {manifest.dictionary_size}; put the right one back"
            )
        labels = Dictionary.load(os.path.join(cfg.data, "label.dict.txt"))
        return cls(cfg, manifest, dictionary, labels)

    def _choose_languages(self) -> List[str]:
        if self.source_lang != self.manifest.source_lang:
            raise UserError(
                f"--source-lang {self.source_lang}: the data's counterparts are in "
                f"{self.manifest.source_lang}; run preprocessing with that source"
            )
        held = [lang for lang in self.manifest.languages if lang != self.source_lang]
        wanted = held
        if self.cfg.target_langs is not None:
            wanted = [lang for lang in self.cfg.target_langs.split(",") if lang]
        unknown = sorted(set(wanted) - set(held))
        if unknown:
            raise UserError(
                f"--target-langs {','.join(unknown)}: not in {self.cfg.data}, which "
                f"holds {','.join(held)}"
            )
        return [self.source_lang] + wanted

    def load_dataset(
        self,
        split: str,
        combine: bool = False,
        task_cfg=None,
        with_source: Optional[bool] = None,
        **kwargs,
    ) -> SentencePairDataset:
        """Load all languages of a split.

        Args:
            split: such as ``"train"``; to ``"supervised"`` belong the source
                language's rows of ``"train"``, too.
            with_source: whether to load the source counterparts of a split that is
                not trained on (default: where the model was trained on pairs).

        Raises:
            UserError: the data have no such split, or a sequence is too long.
        """
        is_train = split == self.cfg.train_subset
        parts = self._parts_of(split, is_train)
        wanted = self._streams_for(is_train, with_source)
        self._say_what_is_missing(split, [lang for _, lang in parts], wanted)
        limit = self.cfg.max_positions
        streams = []
        for part, lang in parts:
            opened = open_streams(self.cfg.data, self.manifest, part, lang, wanted)
            truncate = self.cfg.truncate_sequence
            check_lengths(opened, self.cfg.data, part, limit, truncate)
            streams.append(opened)
        self.datasets[split] = SentencePairDataset(
            streams,
            [self.languages.index(lang) for _, lang in parts],
            pad=self.dictionary.pad(),
            eos=self.dictionary.eos(),
            label_offset=self.label_dictionary.nspecial,
            max_length=limit,
            shuffle=is_train,
            seed=self.cfg.seed,
        )
        return self.datasets[split]

    def _parts_of(self, split: str, is_train: bool) -> List[Tuple[str, str]]:
        splits = self.manifest.splits
        parts = [(split, x) for x in self.languages if x in splits.get(split, {})]
        if split == "supervised" and parts:
            parts.insert(0, ("train", self.source_lang))
        if is_train and self.cfg.training_set == "source":
            parts = [(part, lang) for part, lang in parts if lang == self.source_lang]
        if not parts:
            raise UserError(
                f"{self.cfg.data}: no split {split} for {','.join(self.languages)}; "
                f"it has {', '.join(sorted(splits))}"
            )
        return parts

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

    def _say_what_is_missing(
        self, split: str, languages: List[str], wanted: Set[str]
    ) -> None:
        consequences = {
            "source": "no mixup and no consistency there, the target stands alone",
            "backtranslation": "no scheduled sampling there, the source is always real",
        }
        for stream in sorted(wanted):
            lacking = [
                lang
                for lang in languages
                if lang != self.source_lang
                and stream not in self.manifest.splits[split][lang].streams
            ]
            if lacking:
                logger.warning(
                    f"{split}: {','.join(lacking)} without {stream}: "
                    f"{consequences[stream]}"
                )

    def counted_tokens(self, tokens: Tensor) -> Tensor:
        """Which tokens are neither padding nor ``<s>`` nor ``</s>``, same shape."""
        return count_tokens(tokens, self.dictionary)

    def get_batch_iterator(self, dataset, *args, **kwargs):
        """As fairseq's; remembers how long an epoch is, for the sampling's midpoint."""
        iterator = super().get_batch_iterator(dataset, *args, **kwargs)
        if getattr(dataset, "shuffle", False):
            self.train_batches = len(iterator)
        return iterator

    def sampling_decay(self) -> float:
        """The decay constant k of scheduled sampling; 0 where it is off.

        Raises:
            UserError: a midpoint is asked for and the run's length is not known.
        """
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
        """Replace sources by their back-translations as eq. 6 draws them.

        Args:
            sample: a batch of :class:`SentencePairDataset`.
            update: the update number.

        Returns:
            the batch with its ``source_tokens`` chosen and, in
            ``real_source_probability``, p*.

        Source: X-Mixup section 4.1, eq. 6.
        """
        decay = self.sampling_decay()
        back = sample.get("backtranslation")
        if back is None or decay == 0:
            return sample
        probability = real_source_probability(decay, update)
        real = sample["net_input"]["source_tokens"]
        rows = sample["rows"][: len(real)]
        unit = str(self.cfg.scheduled_sampling_unit)
        draws = uniform_draws(self.cfg.seed, update, rows.tolist(), unit)
        keep = torch.from_numpy(draws <= probability).to(real.device)
        width = max(real.size(1), back.size(1))
        pad = self.dictionary.pad()
        real = F.pad(real, (0, width - real.size(1)), value=pad)
        back = F.pad(back, (0, width - back.size(1)), value=pad)
        chosen = torch.where(keep[:, None], real, back)
        net_input = {**sample["net_input"], "source_tokens": chosen}
        return {
            **sample,
            "net_input": net_input,
            "real_source_probability": probability,
        }

    def train_step(
        self, sample, model, criterion, optimizer, update_num, ignore_grad=False
    ):
        sample = self.sample_sources(sample, update_num)
        return super().train_step(
            sample, model, criterion, optimizer, update_num, ignore_grad
        )

    def build_model(self, cfg, from_checkpoint: bool = False):
        """Build the model, with the task's mixup layer where none was given."""
        if OmegaConf.is_config(cfg):
            with open_dict(cfg):
                self._fill_model_options(cfg)
        else:
            self._fill_model_options(cfg)
        model = super().build_model(cfg, from_checkpoint)
        model.register_classification_head(HEAD_NAME, num_classes=len(self.label_names))
        # The LM head is not trained; its output matrix is the input embeddings.
        embeddings = model.encoder.sentence_encoder.embed_tokens.weight
        for parameter in model.encoder.lm_head.parameters():
            if parameter is not embeddings:
                parameter.requires_grad = False
        return model

    def _fill_model_options(self, cfg) -> None:
        cfg.max_positions = self.cfg.max_positions
        if getattr(cfg, "mixup_layer", None) is None:
            pairs = self.cfg.training_set == "pairs"
            cfg.mixup_layer = self.default_mixup_layer if pairs else "0"

    @torch.no_grad()
    def predict_step(self, sample: Dict[str, Any], model) -> Dict[str, Any]:
        """Predict a batch from the target stream and from the source stream.

        Returns:
            ``target`` probabilities ``(batch, classes)``; ``source`` probabilities
            ``(pairs, classes)`` of the first rows; ``ratio`` ``(pairs, mixing
            layers)`` or None; ``label`` ``(batch,)`` or None; numpy ``lang`` and
            ``row`` ``(batch,)``.

        Source: X-Mixup section 4.3.
        """
        model.eval()
        logits, extra = model(
            **sample["net_input"],
            features_only=True,
            classification_head_name=HEAD_NAME,
        )
        source_logits = extra.get("source_logits", logits[:0])
        labels: np.ndarray = sample["target"].cpu().numpy()
        return {
            "lang": sample["lang"],
            "row": sample["row"],
            "target": F.softmax(logits.float(), dim=-1),
            "source": F.softmax(source_logits.float(), dim=-1),
            "ratio": extra.get("mixup_ratio"),
            "label": None if (labels < 0).all() else sample["target"],
        }

    def max_positions(self) -> int:
        return self.cfg.max_positions

    @property
    def source_dictionary(self) -> Dictionary:
        return self.dictionary

    @property
    def target_dictionary(self) -> Dictionary:
        return self.dictionary
