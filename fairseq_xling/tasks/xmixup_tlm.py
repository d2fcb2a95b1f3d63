"""The task ``xmixup_tlm``: pre-training on parallel text, by mixup or by plain TLM."""

import logging
import os
from dataclasses import dataclass, field
from typing import Any, List, Optional

from fairseq.data import (
    Dictionary,
    PrependTokenDataset,
    TokenBlockDataset,
    data_utils,
)
from fairseq.dataclass import ChoiceEnum, FairseqDataclass
from fairseq.tasks import register_task
from fairseq.tasks.language_modeling import SAMPLE_BREAK_MODE_CHOICES
from omegaconf import II

from fairseq_xling.criterions.xmixup_tlm import XMixupTLMCriterion
from fairseq_xling.data.dictionaries import load_data_dictionary, load_dictionary
from fairseq_xling.data.manifest import Manifest
from fairseq_xling.data.mixture_dataset import MixtureDataset
from fairseq_xling.data.streams import Streams, open_streams
from fairseq_xling.data.tlm_dataset import TLMDataset
from fairseq_xling.data.token_masking import TokenMasker
from fairseq_xling.errors import UserError
from fairseq_xling.files.hashes import sha256_of
from fairseq_xling.option_values import check_number, read_languages
from fairseq_xling.tasks.encoder_task import EncoderTask

logger = logging.getLogger(__name__)


@dataclass
class XMixupTLMConfig(FairseqDataclass):
    """Options of ``--task xmixup_tlm``."""

    data: str = field(
        default="", metadata={"help": "folder that preprocess/parallel.py wrote"}
    )
    tlm_kind: ChoiceEnum(["mixup", "concatenated"]) = field(  # type: ignore[valid-type]
        default="mixup",
        metadata={
            "help": "encode a masked sentence with its masked translation by X-Mixup, "
            "or both as one sequence (translation language modelling)"
        },
    )
    target_langs: Optional[str] = field(
        default=None,
        metadata={"help": "comma list of target languages (default: all in the data)"},
    )
    monolingual: Optional[str] = field(
        default=None,
        metadata={"help": "folder of fairseq's masked_lm data to train on, too"},
    )
    sample_break_mode: SAMPLE_BREAK_MODE_CHOICES = field(
        default="none",
        metadata={
            "help": "how monolingual text is cut into sequences of --max-positions "
            "tokens, as of masked_lm; eos: one line each"
        },
    )
    sampling_factor: float = field(
        default=0.7,
        metadata={
            "help": "language pairs, and monolingual text as one more, are drawn in "
            "proportion to their numbers of sequences to this power; 0: alike"
        },
    )
    max_positions: int = field(
        default=512,
        metadata={
            "help": "longest sequence, in tokens; pairs that are longer in all are "
            "left out, of either kind"
        },
    )
    mask_prob: float = field(
        default=0.15, metadata={"help": "share of tokens to be predicted"}
    )
    leave_unmasked_prob: float = field(
        default=0.1, metadata={"help": "share of these that stays as it is"}
    )
    random_token_prob: float = field(
        default=0.1, metadata={"help": "share of these that becomes a random token"}
    )
    seed: int = II("common.seed")
    train_subset: str = II("dataset.train_subset")
    disable_validation: bool = II("dataset.disable_validation")
    best_checkpoint_metric: str = II("checkpoint.best_checkpoint_metric")


@register_task("xmixup_tlm", dataclass=XMixupTLMConfig)
class XMixupTLMTask(EncoderTask):
    """Masked language modelling of translated sentences that see each other.

    What is compared at equal cost: with the same data, seed and batch options, both
    kinds read the same pairs with the same masks in the same batches, and so encode
    the same number of tokens an update (``ntokens``; ``<s> a </s> </s> b </s>`` is as
    long as ``<s> a </s>`` and ``<s> b </s>``). ``--max-tokens`` counts a pair as twice
    its longer sentence. Attention costs differ: all pairs of positions of the joint
    sequence in every layer, or of each sentence and, where they mix, between them.

    Checkpoints are pre-trained models, with a head for masked tokens.

    Source: X-Mixup section 7; Conneau and Lample 2019, section 3.3, but as XLM-R
    without embeddings of languages and with running positions.
    """

    cfg: XMixupTLMConfig
    criterions = (XMixupTLMCriterion,)
    binarized = "text"

    def __init__(
        self, cfg: XMixupTLMConfig, manifest: Manifest, dictionary: Dictionary
    ) -> None:
        super().__init__(cfg)
        self.manifest = manifest
        self.dictionary = dictionary
        self.languages = self._choose_languages()
        self.masker = TokenMasker(
            dictionary, cfg.mask_prob, cfg.leave_unmasked_prob, cfg.random_token_prob
        )
        check_number("--sampling-factor", cfg.sampling_factor)
        self._check_monolingual()

    @classmethod
    def setup_task(cls, cfg: XMixupTLMConfig, **kwargs) -> "XMixupTLMTask":
        manifest = Manifest.load(cfg.data)
        if manifest.task != "parallel":
            raise UserError(
                f"{cfg.data}: holds {manifest.task} data; this task reads what "
                "preprocess/parallel.py writes"
            )
        dictionary = load_data_dictionary(cfg.data, manifest)
        return cls(cfg, manifest, dictionary)

    def _choose_languages(self) -> List[str]:
        held = [x for x in self.manifest.languages if x != self.manifest.source_lang]
        if self.cfg.target_langs is None:
            return held
        wanted = read_languages("--target-langs", self.cfg.target_langs)
        if not set(wanted) <= set(held):
            raise UserError(
                f"--target-langs {self.cfg.target_langs}: {self.cfg.data} holds "
                f"{','.join(held)}"
            )
        return wanted

    def _check_monolingual(self) -> None:
        if self.cfg.monolingual is None:
            return
        path = os.path.join(self.cfg.monolingual, "dict.txt")
        load_dictionary(path)
        if sha256_of(path) != self.manifest.dictionary_sha256:
            raise UserError(
                f"{path}: not the dictionary of {self.cfg.data}; binarize both with "
                "the same"
            )

    def load_dataset(
        self, split: str, combine: bool = False, task_cfg=None, **kwargs: Any
    ) -> Any:
        """Load all language pairs of a split, and the monolingual text's.

        Raises:
            UserError: there is no such split, or nothing in it is short enough.
        """
        entries = self.manifest.splits.get(split, {})
        languages = [lang for lang in self.languages if lang in entries]
        if not languages:
            raise UserError(
                f"{self.cfg.data}: no split {split} for {','.join(self.languages)}; it "
                f"has {', '.join(sorted(self.manifest.splits))}"
            )
        pair = {"source"}
        streams = [
            open_streams(self.cfg.data, self.manifest, split, lang, pair, pair)
            for lang in languages
        ]
        is_train = split == self.cfg.train_subset
        dataset = TLMDataset(
            streams,
            self._open_text(split),
            self.masker,
            separators=self.manifest.separators,
            max_length=self.cfg.max_positions,
            concatenate=str(self.cfg.tlm_kind) == "concatenated",
            shuffle=is_train,
            seed=self.cfg.seed,
        )
        self._say_what_is_left_out(split, streams, dataset)
        self.datasets[split] = dataset
        if is_train:
            self.datasets[split] = MixtureDataset(
                dataset, dataset.item_parts, self.cfg.sampling_factor
            )
        return self.datasets[split]

    def _open_text(self, split: str) -> Optional[PrependTokenDataset]:
        if self.cfg.monolingual is None:
            return None
        prefix = os.path.join(self.cfg.monolingual, split)
        lines = data_utils.load_indexed_dataset(prefix, self.dictionary)
        if lines is None or not len(lines):
            raise UserError(
                f"{prefix}.bin: not found, or empty; give the folder bin that "
                "preprocess/monolingual.py makes"
            )
        blocks = TokenBlockDataset(
            lines,
            lines.sizes,
            self.cfg.max_positions - 1,  # one less for <s>
            pad=self.dictionary.pad(),
            eos=self.dictionary.eos(),
            break_mode=str(self.cfg.sample_break_mode),
        )
        return PrependTokenDataset(blocks, self.dictionary.bos())

    def _say_what_is_left_out(
        self, split: str, streams: List[Streams], dataset: TLMDataset
    ) -> None:
        sizes = [len(one) for one in streams]
        names = [f"{split}.{one.lang}" for one in streams]
        if dataset.text is not None:
            sizes.append(len(dataset.text))
            names.append(f"{split} of {self.cfg.monolingual}")
        for name, size, left_out in zip(names, sizes, dataset.left_out):
            if left_out == size:
                raise UserError(
                    f"{self.cfg.data}: of {name}, everything is longer than "
                    f"--max-positions {self.cfg.max_positions}; raise it"
                )
            said = f", {left_out} longer ones left out" if left_out else ""
            logger.info(f"{name}: {size - left_out} sequences{said}")

    def mixup_layer_of(self, cfg: Any) -> str:
        """The first layer; none where both sentences are one sequence."""
        return "1" if str(self.cfg.tlm_kind) == "mixup" else "0"
