"""The ``multimix_augment`` task: virtual samples by ``fairseq-generate``."""

import functools
import logging
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, List, Optional

import torch
from fairseq.data.data_utils import collate_tokens
from fairseq.dataclass import ChoiceEnum, FairseqDataclass
from fairseq.models.roberta import RobertaModel
from fairseq.tasks import FairseqTask, register_task
from fairseq.utils import split_paths
from omegaconf import II

from fairseq_xling.checkpoints.paths import find_checkpoint_file
from fairseq_xling.data.dictionaries import load_data_dictionary
from fairseq_xling.data.manifest import Manifest, stream_prefix
from fairseq_xling.data.streams import open_streams
from fairseq_xling.data.tokenizers import find_tokenizer
from fairseq_xling.errors import UserError
from fairseq_xling.files.hashes import sha256_of
from fairseq_xling.multimix.augmentation_run import AugmentationRun, as_hypothesis
from fairseq_xling.multimix.decoding import Decoding, read_decoding
from fairseq_xling.multimix.lm_checkpoint import check_when_loaded, fine_tuned
from fairseq_xling.multimix.masked_lm import MaskedLM
from fairseq_xling.multimix.pieces import PieceTable
from fairseq_xling.multimix.sample_dataset import SampleDataset
from fairseq_xling.multimix.segments import SegmentDecoder, SegmentDictionary
from fairseq_xling.multimix.store import VariantStore
from fairseq_xling.multimix.successive import Limits, SuccessiveGenerator
from fairseq_xling.multimix.variants import (
    AUG_TYPES,
    MASK_UNITS,
    GenLM,
    read_augmentation,
)
from fairseq_xling.option_values import read_languages
from fairseq_xling.precision import precision_of

logger = logging.getLogger(__name__)


@dataclass
class MultiMixAugmentConfig(FairseqDataclass):
    """What is generated, and of what."""

    data: str = field(default="", metadata={"help": "folder of binarized data"})
    aug_type: Optional[ChoiceEnum(AUG_TYPES)] = field(  # type: ignore[valid-type]
        default=None,
        metadata={
            "help": "change a sample as a whole, or its two parts, whose variants are "
            "then crossed (default: successive-cross for sentence pairs, "
            "successive-max for tagging)"
        },
    )
    aug_percentage: float = field(
        default=30.0,
        metadata={"help": "P: how many of a sample's words are masked, in percent"},
    )
    diversification_factor: Optional[str] = field(
        default=None,
        metadata={
            "help": "delta: variants of a sample, such as 3; for successive-cross of "
            "its two parts, such as 2x2 (these two are the defaults)"
        },
    )
    mask_unit: ChoiceEnum(MASK_UNITS) = field(  # type: ignore[valid-type]
        default="word",
        metadata={
            "help": "mask words, of which as many pieces are predicted as they have; "
            "pieces; or words, of which a single piece is predicted"
        },
    )
    langs: Optional[str] = field(
        default=None,
        metadata={"help": "comma list of languages (default: all in the split)"},
    )
    keep_duplicates: bool = field(
        default=False,
        metadata={"help": "keep variants that equal the original or each other"},
    )
    seed: int = II("common.seed")
    bf16: bool = II("common.bf16")
    fp16: bool = II("common.fp16")
    path: Optional[str] = II("common_eval.path")
    results_path: Optional[str] = II("common_eval.results_path")
    post_process: Optional[str] = II("common_eval.post_process")
    gen_subset: str = II("dataset.gen_subset")
    shards: int = II("distributed_training.distributed_world_size")
    shard: int = II("distributed_training.distributed_rank")


@register_task("multimix_augment", dataclass=MultiMixAugmentConfig)
class MultiMixAugmentTask(FairseqTask):
    """Generates virtual samples around those of a split.

    Source: MultiMix section 3.2 and Algorithm 1, GEN-LM.
    """

    cfg: MultiMixAugmentConfig

    def __init__(
        self,
        cfg: MultiMixAugmentConfig,
        manifest: Manifest,
        dictionary: SegmentDictionary,
    ) -> None:
        super().__init__(cfg)
        self.manifest = manifest
        self.dictionary = dictionary
        entries = manifest.splits.get(cfg.gen_subset, {})
        self.languages = self._choose_languages(list(entries))
        held = {stream for entry in entries.values() for stream in entry.streams}
        if "context_length" in held:
            raise UserError(
                f"{cfg.data}: holds {manifest.task} data; only sentence pairs and "
                "tagged sentences are augmented"
            )
        self.has_words = "word_starts" in held
        self.augmentation = read_augmentation(
            not self.has_words,
            cfg.aug_type and str(cfg.aug_type),
            cfg.aug_percentage,
            cfg.diversification_factor,
            str(cfg.mask_unit),
            cfg.seed,
            cfg.keep_duplicates,
        )
        if not 0 <= cfg.shard < cfg.shards:
            raise UserError(
                f"--distributed-rank {cfg.shard}: give 0 to {cfg.shards - 1} with "
                f"--distributed-world-size {cfg.shards}"
            )
        self.limits = Limits(None, None)
        tokenizer = str(find_tokenizer(cfg.data))
        # --post-process has joined the pieces already.
        self.decoder = None if cfg.post_process else SegmentDecoder(tokenizer)
        self.has_variants = False

    @classmethod
    def setup_task(cls, cfg: MultiMixAugmentConfig, **kwargs) -> "MultiMixAugmentTask":
        manifest = Manifest.load(cfg.data)
        models = list(filter(None, split_paths(cfg.path or "")))
        for model in models:
            find_checkpoint_file(model, "--path")
        if len(models) > 1:
            raise UserError(f"--path {cfg.path}: give one language model")
        dictionary = load_data_dictionary(cfg.data, manifest, SegmentDictionary)
        dictionary.separators = manifest.separators
        return cls(cfg, manifest, dictionary)

    def _choose_languages(self, held: List[str]) -> List[str]:
        split, data = self.cfg.gen_subset, self.cfg.data
        wanted = held
        if self.cfg.langs is not None:
            wanted = read_languages("--langs", self.cfg.langs)
        unknown = sorted(set(wanted) - set(held))
        if unknown or not wanted:
            raise UserError(
                f"{data}: no split {split} in {','.join(unknown) or 'any language'}; "
                f"it has {','.join(held) or ', '.join(sorted(self.manifest.splits))}"
            )
        return [lang for lang in self.manifest.languages if lang in wanted]

    @property
    def stream_names(self) -> List[str]:
        """The split in each language, such as ``"train.en"``."""
        return [f"{self.cfg.gen_subset}.{lang}" for lang in self.languages]

    def load_dataset(self, split: str, combine: bool = False, **kwargs) -> None:
        wanted = {"word_starts"} if self.has_words else set()
        streams = [
            open_streams(self.cfg.data, self.manifest, split, lang, wanted, wanted)
            for lang in self.languages
        ]
        self.datasets[split] = SampleDataset(
            streams,
            self.stream_names,
            sum(self.augmentation.factors),
            self.cfg.shards,
            self.cfg.shard,
        )

    def get_batch_iterator(
        self,
        dataset: SampleDataset,
        max_tokens: Optional[int] = None,
        max_sentences: Optional[int] = None,
        **kwargs,
    ):
        """Iterate over chunks; the limits are those of the language model's batches."""
        self.limits = Limits(max_tokens, max_sentences)
        # The dataset knows its shard, and samples of any length are kept.
        kwargs.update(num_shards=1, shard_id=0, max_positions=None)
        return super().get_batch_iterator(
            dataset, max_tokens=max_tokens, max_sentences=max_sentences, **kwargs
        )

    def build_model(self, cfg, from_checkpoint: bool = False) -> RobertaModel:
        """Build the language model; what it is loaded from is checked at loading."""
        model = super().build_model(cfg, from_checkpoint)
        path = self.cfg.path and find_checkpoint_file(self.cfg.path)
        check_when_loaded(model, self.dictionary, self.manifest, path or "")
        return model

    def build_bpe(self, args):
        """Decode D- lines with the data's own SentencePiece model."""
        return self.decoder

    def build_generator(self, models, args, **kwargs) -> AugmentationRun:
        """Build the generator; ``--nbest`` is set to the number of variants."""
        decoding = read_decoding(args)
        args.nbest = self.augmentation.most_variants
        model = models[0].bfloat16() if self.cfg.bf16 else models[0]
        lm = MaskedLM(model, self.dictionary)
        generator = SuccessiveGenerator(
            lm,
            PieceTable(self.dictionary, self.manifest.tokenizer),
            decoding,
            self.limits,
        )
        dataset = self.datasets[self.cfg.gen_subset]
        chunks = dataset.batch_by_size(dataset.ordered_indices(), *self.limits)
        store, finish = None, None
        if self.cfg.results_path is not None:
            store = VariantStore(
                Path(self.cfg.results_path),
                self._settings(decoding),
                self.stream_names,
                self.has_words,
                len(self.dictionary),
            )
            finish = functools.partial(
                store.finish, Path(self.cfg.data), self.manifest, self.cfg.gen_subset
            )
        return AugmentationRun(
            GenLM(generator, self.augmentation),
            self.stream_names,
            [len(chunk) for chunk in chunks],
            store,
            finish,
        )

    def _settings(self, decoding: Decoding) -> Dict[str, Any]:
        what = self.augmentation
        data = {
            name: sha256_of(
                stream_prefix(self.cfg.data, self.cfg.gen_subset, lang, "input")
                + ".bin"
            )
            for name, lang in zip(self.stream_names, self.languages)
        }
        return {
            "data": data,
            "dictionary": sha256_of(os.path.join(self.cfg.data, "dict.txt")),
            "language_model": sha256_of(find_checkpoint_file(str(self.cfg.path))),
            "aug_type": what.aug_type,
            "aug_percentage": what.percentage,
            "diversification_factor": "x".join(map(str, what.factors)),
            "mask_unit": what.mask_unit,
            "sampling_topk": decoding.topk,
            "temperature": decoding.temperature,
            "seed": what.seed,
            "keep_duplicates": what.keep_duplicates,
            "precision": precision_of(self.cfg),
            "max_tokens": self.limits.max_tokens,
            "batch_size": self.limits.max_rows,
            "shards": self.cfg.shards,
            "shard": self.cfg.shard,
        }

    def inference_step(
        self, generator, models, sample, prefix_tokens=None, constraints=None
    ):
        """Make the variants of a chunk.

        Samples without a variant of their own are taken out of ``sample``, since
        ``fairseq-generate`` expects at least one of each.

        Returns:
            for every sample that is left, its variants in fairseq's form: ``tokens``
            ``(len,)``, ``score`` (log-probability of all that was predicted) and
            ``positional_scores`` ``(len,)``, 0 where nothing was.
        """
        ids, samples, hypotheses = [], [], []
        made = generator.step(sample["samples"])
        for index, one, variants in zip(sample["id"].tolist(), sample["samples"], made):
            if variants:
                ids.append(index)
                samples.append(torch.from_numpy(one.tokens))
                hypotheses.append([as_hypothesis(variant) for variant in variants])
        sample["id"] = torch.tensor(ids, dtype=torch.long)
        sample["target"] = None
        if samples:
            tokens = collate_tokens(samples, self.dictionary.pad())
            sample["net_input"]["src_tokens"] = tokens
            self.has_variants = True
        if generator.is_over and not self.has_variants:
            # fairseq-generate would go on to score nothing, and divide by zero.
            logger.info("there are no variants to print")
            raise SystemExit(0)
        return hypotheses

    def load_state_dict(self, state_dict: Dict[str, Any]) -> None:
        if "benchmark" in state_dict:
            told = fine_tuned(state_dict["benchmark"])
            raise UserError(f"--path {self.cfg.path}: {told}")

    source_dictionary = target_dictionary = property(lambda self: self.dictionary)
