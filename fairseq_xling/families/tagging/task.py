"""Tagging: words, their tags or pseudo-labels, and predictions."""

from dataclasses import dataclass, field
from typing import Any, Dict, Iterator, List, Optional, Set

import numpy as np
import torch
import torch.nn.functional as F
from fairseq.dataclass import ChoiceEnum
from torch import Tensor

from fairseq_xling.criterions.loss_terms import LossTerms
from fairseq_xling.criterions.losses import soft_tag_loss
from fairseq_xling.data.streams import Streams
from fairseq_xling.data.window_dataset import windows_by_row
from fairseq_xling.errors import UserError
from fairseq_xling.families.base import Family, Sample, pairs_in
from fairseq_xling.families.config import XMixupConfig
from fairseq_xling.families.tagging.dataset import TagDataset
from fairseq_xling.families.tagging.encode import WordEncoder
from fairseq_xling.families.tagging.metric import chunk_counts
from fairseq_xling.families.tagging.predictions import TaggedRow, TagPredictions
from fairseq_xling.families.tagging.translating import TagTranslator

TAGGING_HEAD = "tagging_head"


@dataclass
class TaggingConfig(XMixupConfig):
    """Options of the tagging tasks."""

    word_pooling: ChoiceEnum(["first", "mean"]) = field(  # type: ignore[valid-type]
        default="first",
        metadata={"help": "a word's state: that of its first piece, or their mean"},
    )


class TaggingFamily(Family):
    """Tag words in languages without tags of their own.

    Target sentences are trained on with soft pseudo-labels, the source-task model's
    distribution over the tags of each word (``xling-pseudo-label`` writes them).

    Source: X-Mixup section 4.2.
    """

    name = stored = "tagging"
    metric = title = "F1"
    scores = ("f1",)
    label_streams = {"tags", "soft_tags"}
    labels_words = True
    default_source_loss_weight = 0.8
    head_bias = f"token_heads.{TAGGING_HEAD}.out_proj.bias"
    predictions = TagPredictions
    encoder = WordEncoder
    translator = TagTranslator

    def default_mixup_layer(self, layers: int) -> str:
        """The fourth layer (X-Mixup section 5.1), or the last of fewer."""
        return str(min(4, layers))

    def own_streams(self, paired: Set[str]) -> Set[str]:
        streams = {"word_starts", "tags", "soft_tags"}
        if "source" in paired:
            streams |= {"source_word_starts", "source_tags"}
        return streams

    def needed_streams(self, is_train: bool) -> Set[str]:
        return {"word_starts"}

    def make_dataset(
        self, streams: List[Streams], splits: List[str], is_train: bool, texts=None
    ) -> TagDataset:
        if is_train:
            self._check_labels(streams, splits[-1])
        for one, split in zip(streams, splits):
            self._check_words(one, f"{self.cfg.data}/{split}.{one.lang}")
        return self.dataset(
            TagDataset,
            streams,
            shuffle=is_train,
            tag_count=self.outputs,
            label_offset=self.label_offset,
            whole_rows=not is_train,
        )

    def _check_labels(self, streams: List[Streams], split: str) -> None:
        """Refuse to train on sentences without tags or distributions over them."""
        lacking = ",".join(
            one.lang for one in streams if one.tags is None and one.soft_tags is None
        )
        if lacking:
            mend = (
                "write pseudo-labels with: xling-pseudo-label "
                f"{self.cfg.data} --path CHECKPOINT_OF_A_SOURCE_MODEL"
            )
            if split != "train":
                mend = f"leave {lacking} out of --target-langs"
            raise UserError(
                f"{self.cfg.data}: {lacking} of {split} have no tags to train on; "
                f"{mend}"
            )

    def _check_words(self, streams: Streams, name: str) -> None:
        """Refuse tags or distributions that are not one a word."""
        assert streams.word_starts is not None
        words = np.asarray(streams.word_starts.sizes)
        for stream, size, command in (
            ("tags", 1, "preprocessing"),
            ("soft_tags", self.outputs, "xling-pseudo-label --overwrite"),
        ):
            held = getattr(streams, stream)
            if held is None:
                continue
            wrong = np.flatnonzero(np.asarray(held.sizes) != words * size)
            if len(wrong):
                row = int(wrong[0])
                raise UserError(
                    f"{name}.{stream}: row {row + 1} has {int(held.sizes[row])} values "
                    f"for {int(words[row])} words, {size} each; run {command} again"
                )

    def build_head(self, model: Any) -> None:
        dropout = float(getattr(model.args, "dropout", 0.0) or 0.0)
        model.register_token_head(TAGGING_HEAD, self.outputs, dropout)

    def head_options(self) -> Dict[str, Any]:
        """For logits of words, ``(batch, words, tags)``."""
        pooling = str(self.cfg.word_pooling)
        return {"token_head_name": TAGGING_HEAD, "word_pooling": pooling}

    def loss_terms(self, logits: Tensor, extra: Any, sample: Sample) -> LossTerms:
        """Soft cross-entropy of both streams (eq. 8 and 13).

        Back-translations have no tags: where one takes the source's place, the source's
        loss does not count.
        """
        pairs = len(extra.get("source_features", logits[:0]))
        probs = sample["tag_probs"]
        target = logits.new_zeros(len(logits))
        if probs is not None:
            target = soft_tag_loss(logits, probs)
        source = logits.new_zeros(pairs)
        labelled = torch.zeros(pairs, dtype=torch.bool, device=logits.device)
        source_probs = sample["source_tag_probs"]
        if pairs and source_probs is not None and "source_logits" in extra:
            labelled = source_probs.sum(dim=(1, 2)) > 0
            if "source_is_real" in sample:
                labelled = labelled & sample["source_is_real"]
            source = soft_tag_loss(extra["source_logits"], source_probs)
        return LossTerms(target, source, labelled)

    def counted_words(self, sample: Sample) -> Optional[Tensor]:
        probs = sample["tag_probs"]
        return None if probs is None else probs.sum(dim=-1) > 0

    def count_scores(
        self, logits: Tensor, extra: Any, sample: Sample
    ) -> Dict[str, Any]:
        """Chunks that are right, predicted and gold, a language."""
        names = ("chunks_right", "chunks_predicted", "chunks_gold")
        counts = {f"{name}:{lang}": 0 for name in names for lang in self.languages}
        for tagged in self.rows(logits.detach(), extra, sample):
            if tagged.gold is None:
                continue
            predicted = self.tag_names(tagged.probabilities.argmax(axis=1))
            found = chunk_counts(self.tag_names(tagged.gold), predicted)
            for name, number in zip(names, found):
                counts[f"{name}:{self.languages[tagged.lang]}"] += number
        return counts

    def tag_names(self, tags: np.ndarray) -> List[str]:
        """Names of tag indices."""
        return [self.label_names[tag] for tag in tags]

    def rows(self, logits: Tensor, extra: Any, sample: Sample) -> Iterator[TaggedRow]:
        """The sentences of a batch, each put together from its windows."""
        probabilities = F.softmax(logits.float(), dim=-1).cpu().numpy()
        words = sample["net_input"]["word_starts"].ge(0).sum(dim=1).tolist()
        pairs, gold = pairs_in(sample), None
        if sample["tag_probs"] is not None:
            gold = sample["tag_probs"].float().cpu().numpy()
        for (lang, row), positions in windows_by_row(sample).items():
            parts = [probabilities[p, : words[p]] for p in positions]
            tags = None
            if gold is not None:
                known = np.concatenate([gold[p, : words[p]] for p in positions])
                tags = known.argmax(axis=1) if (known.sum(axis=1) > 0).all() else None
            has_source = positions[0] < pairs
            yield TaggedRow(lang, row, has_source, np.concatenate(parts), tags)
