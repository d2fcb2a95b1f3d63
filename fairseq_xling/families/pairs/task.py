"""What the sentence-pair tasks share: classes, their losses and their predictions."""

from dataclasses import dataclass, field
from typing import Any, Dict, List, Set, Tuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from fairseq_xling.criterions.loss_terms import LossTerms
from fairseq_xling.criterions.losses import prediction_consistency, task_loss
from fairseq_xling.data.streams import Streams, check_lengths
from fairseq_xling.errors import UserError
from fairseq_xling.families.pairs.dataset import SentencePairDataset
from fairseq_xling.tasks.xmixup_config import XMixupTaskConfig
from fairseq_xling.tasks.xmixup_task import XMixupTask

HEAD_NAME = "sentence_classification_head"


@dataclass
class SentencePairConfig(XMixupTaskConfig):
    """Options of the sentence-pair tasks."""

    truncate_sequence: bool = field(
        default=False,
        metadata={"help": "shorten longer sequences, the longer of a pair first"},
    )


class SentencePairTask(XMixupTask):
    """Classify pairs of sentences in languages without labels of their own."""

    cfg: SentencePairConfig
    family = "classification"
    default_source_loss_weight = 0.4
    scores = ("accuracy",)
    label_streams = {"label"}
    head_bias = f"classification_heads.{HEAD_NAME}.out_proj.bias"
    scores_in_training = True
    has_prediction_term = True

    def default_mixup_layer(self, layers: int) -> str:
        """The first layer (X-Mixup section 5.1)."""
        return "1"

    def own_streams(self, paired: Set[str]) -> Set[str]:
        return {"label"}

    def make_dataset(
        self,
        streams: List[Streams],
        lang_ids: List[int],
        parts: List[Tuple[str, str]],
        is_train: bool,
    ) -> SentencePairDataset:
        limit = self.cfg.max_positions
        for one, (part, _) in zip(streams, parts):
            truncate = self.cfg.truncate_sequence
            check_lengths(one, self.cfg.data, part, limit, truncate)
            if is_train and one.label is None:
                raise UserError(
                    f"{self.cfg.data}: {part}.{one.lang} has no labels to train on; "
                    f"leave {one.lang} out of --target-langs"
                )
        return SentencePairDataset(
            streams,
            lang_ids,
            pad=self.dictionary.pad(),
            eos=self.dictionary.eos(),
            label_offset=self.label_dictionary.nspecial,
            max_length=limit,
            separators=self.manifest.separators,
            shuffle=is_train,
            seed=self.cfg.seed,
        )

    def build_head(self, model) -> None:
        model.register_classification_head(HEAD_NAME, num_classes=len(self.label_names))

    def forward(self, model, sample: Dict[str, Any]):
        """Logits of both streams: ``(batch, classes)``, and those of the sources."""
        return model(
            **sample["net_input"],
            lengths=sample.get("lengths"),
            features_only=True,
            classification_head_name=HEAD_NAME,
        )

    def loss_terms(self, logits: Tensor, extra, sample: Dict[str, Any]) -> LossTerms:
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
        self, logits: Tensor, extra, sample: Dict[str, Any]
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
        logits, extra = self.forward(model, sample)
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
