"""Sentence pairs: classes, their losses and their predictions."""

from dataclasses import dataclass, field
from typing import Any, Dict, Iterator, List, Optional, Sequence, Set

import torch
import torch.nn.functional as F
from torch import Tensor

from fairseq_xling.criterions.loss_terms import LossTerms
from fairseq_xling.criterions.losses import prediction_consistency, task_loss
from fairseq_xling.data.streams import Streams, check_lengths
from fairseq_xling.errors import UserError
from fairseq_xling.families.base import WAYS, Family, Sample
from fairseq_xling.families.config import XMixupConfig
from fairseq_xling.families.pairs.dataset import SentencePairDataset
from fairseq_xling.families.pairs.encode import PairEncoder
from fairseq_xling.families.pairs.predictions import ClassifiedRow, ClassPredictions
from fairseq_xling.families.pairs.translating import PairTranslator

HEAD_NAME = "sentence_classification_head"


@dataclass
class PairsConfig(XMixupConfig):
    """Options of the sentence-pair tasks."""

    truncate_sequence: bool = field(
        default=False,
        metadata={"help": "shorten longer sequences, the longer of a pair first"},
    )


class PairsFamily(Family):
    """Classify pairs of sentences in languages without labels of their own."""

    name = "pairs"
    stored = "classification"
    metric = "accuracy"
    title = "Accuracy"
    scores = ("accuracy",)
    ways = WAYS
    label_streams = {"label"}
    reads_windows = False
    default_source_loss_weight = 0.4
    has_prediction_term = True
    scores_in_training = True
    head_bias = f"classification_heads.{HEAD_NAME}.out_proj.bias"
    predictions = ClassPredictions
    encoder = PairEncoder
    translator = PairTranslator

    @staticmethod
    def chance(labels: Sequence[str]) -> Optional[float]:
        return 100 / len(labels)

    def default_mixup_layer(self, layers: int) -> str:
        """The first layer (X-Mixup section 5.1)."""
        return "1"

    def own_streams(self, paired: Set[str]) -> Set[str]:
        return {"label"}

    def make_dataset(
        self, streams: List[Streams], splits: List[str], is_train: bool, texts=None
    ) -> SentencePairDataset:
        limit, truncate = self.cfg.max_positions, self.cfg.truncate_sequence
        for one, part in zip(streams, splits):
            check_lengths(one, self.cfg.data, part, limit, truncate)
            if is_train and one.label is None:
                raise UserError(
                    f"{self.cfg.data}: {part}.{one.lang} has no labels to train on; "
                    f"leave {one.lang} out of --target-langs"
                )
        return self.dataset(
            SentencePairDataset,
            streams,
            shuffle=is_train,
            label_offset=self.label_offset,
            separators=self.manifest.separators,
        )

    def build_head(self, model: Any) -> None:
        model.register_classification_head(HEAD_NAME, num_classes=self.outputs)

    def head_options(self) -> Dict[str, Any]:
        """For logits ``(batch, classes)``."""
        return {"classification_head_name": HEAD_NAME}

    def loss_terms(self, logits: Tensor, extra: Any, sample: Sample) -> LossTerms:
        """Cross-entropy of both streams, and their divergence (eq. 7, 8 and 12)."""
        labels = sample["target"]
        source_logits = extra.get("source_logits", logits[:0])
        pairs = len(source_logits)
        return LossTerms(
            target=task_loss(logits, labels),
            source=task_loss(source_logits, labels[:pairs]),
            prediction=prediction_consistency(source_logits, logits[:pairs]),
        )

    def count_scores(
        self, logits: Tensor, extra: Any, sample: Sample
    ) -> Dict[str, Any]:
        """Rows and right predictions a language; the mean of both streams predicts."""
        source_logits = extra.get("source_logits", logits[:0])
        predicted = F.softmax(logits.detach().float(), dim=-1)
        pairs = len(source_logits)
        predicted[:pairs] += F.softmax(source_logits.detach().float(), dim=-1)
        predicted[:pairs] /= 2
        correct = predicted.argmax(dim=-1).eq(sample["target"])
        langs = sample["lang"]
        # In training, too: what a GPU has found is left there until all is logged.
        index = torch.from_numpy(langs).to(correct.device, non_blocking=True)
        right = index.new_zeros(len(self.languages)).index_add_(
            0, index, correct.long()
        )
        counts: Dict[str, Any] = {}
        for number, lang in enumerate(self.languages):
            counts[f"rows:{lang}"] = int((langs == number).sum())
            counts[f"correct:{lang}"] = right[number]
        return counts

    def rows(
        self, logits: Tensor, extra: Any, sample: Sample
    ) -> Iterator[ClassifiedRow]:
        source_logits = extra.get("source_logits", logits[:0])
        target = F.softmax(logits.float(), dim=-1).cpu().numpy()
        source = F.softmax(source_logits.float(), dim=-1).cpu().numpy()
        gold = sample["target"].tolist()
        ratio = extra.get("mixup_ratio")
        if ratio is not None:
            ratio = ratio.float().cpu().numpy()
        for i, (lang, row) in enumerate(zip(sample["lang"], sample["row"])):
            has_source = i < len(source)
            yield ClassifiedRow(
                int(lang),
                int(row),
                has_source,
                target[i],
                source[i] if has_source else target[i],
                ratio[i] if has_source and ratio is not None else None,
                gold[i] if gold[i] >= 0 else None,
            )
