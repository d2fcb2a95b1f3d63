"""X-Mixup's training objective for sentence pairs, and its metrics."""

from dataclasses import dataclass, field
from typing import Any, Dict, List, Optional, Tuple

import torch
import torch.nn.functional as F
from fairseq.criterions import FairseqCriterion, register_criterion
from fairseq.dataclass import ChoiceEnum, FairseqDataclass
from fairseq.logging import metrics
from torch import Tensor

from fairseq_xling.criterions.losses import (
    balanced_task_loss,
    prediction_consistency,
    representation_consistency,
    sequence_representation,
    task_loss,
)
from fairseq_xling.errors import UserError
from fairseq_xling.tasks.sentence_pair import HEAD_NAME

# Terms summed over pairs, logged as means over pairs.
PAIR_TERMS = ("task_source", "task_target", "mse", "kl", "lambda", "lambda_squared")


@dataclass
class XMixupCriterionConfig(FairseqDataclass):
    """Options of ``--criterion xmixup``."""

    source_loss_weight: Optional[float] = field(
        default=None,
        metadata={
            "help": "weight alpha of the source's task loss (default: the task's)"
        },
    )
    representation_loss_weight: float = field(
        default=1.0, metadata={"help": "weight of the MSE consistency; 0: off"}
    )
    prediction_loss_weight: float = field(
        default=1.0, metadata={"help": "weight of the KL consistency; 0: off"}
    )
    sequence_representation: ChoiceEnum(  # type: ignore[valid-type]
        ["mean", "first"]
    ) = field(
        default="mean",
        metadata={"help": "what the MSE compares: mean-pooled states or the first"},
    )


@register_criterion("xmixup", dataclass=XMixupCriterionConfig)
class XMixupCriterion(FairseqCriterion):
    """Task loss of both streams, and the consistency between them.

    A row without counterpart adds its own cross-entropy and nothing else.

    Source: X-Mixup section 4.2, eq. 7 and 8.
    """

    def __init__(
        self,
        task,
        source_loss_weight: Optional[float],
        representation_loss_weight: float,
        prediction_loss_weight: float,
        sequence_representation: str,
    ) -> None:
        super().__init__(task)
        if source_loss_weight is None:
            source_loss_weight = task.default_source_loss_weight
        if not 0 <= source_loss_weight <= 1:
            raise UserError(
                f"--source-loss-weight {source_loss_weight}: give a value from 0 to 1"
            )
        self.source_loss_weight = source_loss_weight
        self.representation_loss_weight = representation_loss_weight
        self.prediction_loss_weight = prediction_loss_weight
        self.sequence_representation = str(sequence_representation)

    def forward(
        self, model, sample: Dict[str, Any], reduce: bool = True
    ) -> Tuple[Tensor, int, Dict[str, Any]]:
        """Compute the loss of a batch of the task's dataset.

        Returns:
            the sum over rows, the number of rows, and what to log.
        """
        logits, extra = model(
            **sample["net_input"],
            features_only=True,
            classification_head_name=HEAD_NAME,
        )
        labels = sample["target"]
        source_logits = extra.get("source_logits", logits[:0])
        pairs = len(source_logits)
        target_losses = task_loss(logits, labels)
        loss = target_losses[pairs:].sum()
        logging_output: Dict[str, Any] = {
            "sample_size": len(labels),
            "nsentences": len(labels),
            "ntokens": sample["ntokens"],
            "pairs": pairs,
            **{term: 0.0 for term in PAIR_TERMS},
        }
        if pairs:
            terms = self._pair_terms(
                logits[:pairs], labels[:pairs], target_losses[:pairs], sample, extra
            )
            loss = loss + self._weigh(terms).sum()
            logging_output.update(
                {name: term.detach().sum() for name, term in terms.items()}
            )
        logging_output["loss"] = loss.detach()
        logging_output.update(self._ratio_state(model, sample))
        logging_output.update(
            self._count_correct(logits.detach(), source_logits.detach(), sample)
        )
        return loss, len(labels), logging_output

    def _pair_terms(
        self,
        logits: Tensor,
        labels: Tensor,
        target_losses: Tensor,
        sample: Dict[str, Any],
        extra: Dict[str, Any],
    ) -> Dict[str, Tensor]:
        pairs = len(logits)
        features = {
            "src_tokens": extra["features"][:pairs],
            "source_tokens": extra["source_features"],
        }
        representations = {}
        for name, states in features.items():
            tokens = sample["net_input"][name][:pairs]
            counted = torch.zeros(
                states.shape[:2], dtype=torch.bool, device=tokens.device
            )
            counted[:, : tokens.size(1)] = self.task.counted_tokens(tokens)
            representations[name] = sequence_representation(
                states, counted, self.sequence_representation
            )
        terms = {
            "task_source": task_loss(extra["source_logits"], labels),
            "task_target": target_losses,
            "mse": representation_consistency(
                representations["source_tokens"], representations["src_tokens"]
            ),
            "kl": prediction_consistency(extra["source_logits"], logits),
        }
        if extra["mixup_ratio"] is not None:
            ratio = extra["mixup_ratio"].detach().float()
            terms["lambda"] = ratio.mean(dim=1)
            terms["lambda_squared"] = ratio.pow(2).mean(dim=1)
        return terms

    def _weigh(self, terms: Dict[str, Tensor]) -> Tensor:
        loss = balanced_task_loss(
            terms["task_source"], terms["task_target"], self.source_loss_weight
        )
        if self.representation_loss_weight:
            loss = loss + self.representation_loss_weight * terms["mse"]
        if self.prediction_loss_weight:
            loss = loss + self.prediction_loss_weight * terms["kl"]
        return loss

    @staticmethod
    def _ratio_state(model, sample: Dict[str, Any]) -> Dict[str, Any]:
        state = {
            "real_source_batches": 0,
            "real_source_probability": 0.0,
            "ratio_batches": 0,
            "ratio_weight": 0.0,
            "ratio_bias": 0.0,
        }
        if "real_source_probability" in sample:
            state["real_source_batches"] = 1
            state["real_source_probability"] = sample["real_source_probability"]
        ratios = model.ratio_modules()
        if ratios:
            state["ratio_batches"] = len(ratios)
            state["ratio_weight"] = sum(ratio.weight.detach() for ratio in ratios)
            state["ratio_bias"] = sum(ratio.bias.detach() for ratio in ratios)
        return state

    def _count_correct(
        self, logits: Tensor, source_logits: Tensor, sample: Dict[str, Any]
    ) -> Dict[str, Any]:
        """Rows and right predictions a language; the mean of both streams predicts."""
        predicted = F.softmax(logits.float(), dim=-1)
        pairs = len(source_logits)
        predicted[:pairs] += F.softmax(source_logits.float(), dim=-1)
        predicted[:pairs] /= 2
        correct = predicted.argmax(dim=-1).eq(sample["target"]).cpu().numpy()
        counts: Dict[str, Any] = {}
        for index, lang in enumerate(self.task.languages):
            here = sample["lang"] == index
            counts[f"rows:{lang}"] = int(here.sum())
            counts[f"correct:{lang}"] = int(correct[here].sum())
        return counts

    @classmethod
    def reduce_metrics(cls, logging_outputs: List[Dict[str, Any]]) -> None:
        """Aggregate over workers and micro-batches, and log."""

        def total(key: str) -> float:
            return float(sum(log.get(key, 0) for log in logging_outputs))

        rows, pairs = total("sample_size"), total("pairs")
        metrics.log_scalar("loss", total("loss") / rows, rows, priority=10, round=4)
        if pairs:
            for term in PAIR_TERMS[:-2]:
                metrics.log_scalar(term, total(term) / pairs, pairs, 20, round=4)
        if total("ratio_batches") and pairs:
            mean = total("lambda") / pairs
            squares = total("lambda_squared") / pairs
            metrics.log_scalar("lambda", mean, pairs, 21, round=4)
            metrics.log_scalar("_lambda_squared", squares, pairs)
            metrics.log_derived("lambda_spread", _spread, 22)
        for state in ("real_source", "ratio"):
            batches = total(f"{state}_batches")
            for key in [k for k in logging_outputs[0] if k.startswith(f"{state}_")]:
                if batches and not key.endswith("_batches"):
                    metrics.log_scalar(key, total(key) / batches, batches, 23, round=4)
        cls._log_accuracy(total, logging_outputs[0])

    @staticmethod
    def _log_accuracy(total, keys) -> None:
        languages = [key[len("rows:") :] for key in keys if key.startswith("rows:")]
        seen = [lang for lang in languages if total(f"rows:{lang}")]
        for lang in seen:
            metrics.log_scalar_sum(f"_correct_{lang}", total(f"correct:{lang}"))
            metrics.log_scalar_sum(f"_rows_{lang}", total(f"rows:{lang}"))
            metrics.log_derived(f"accuracy_{lang}", _AccuracyOf([lang]), 30)
        metrics.log_derived("accuracy", _AccuracyOf(languages), 11)

    @staticmethod
    def logging_outputs_can_be_summed() -> bool:
        """All logged values are sums with the same keys on every worker."""
        return True


def _spread(meters) -> float:
    """Standard deviation of the mixup ratio over pairs."""
    if not meters["lambda"].count:  # no pair since the meters were last reset
        return 0.0
    variance = meters["_lambda_squared"].avg - meters["lambda"].avg ** 2
    return round(float(max(variance, 0.0)) ** 0.5, 4)


class _AccuracyOf:
    """Accuracy in percent, averaged over those of the languages that have rows."""

    def __init__(self, languages: List[str]) -> None:
        self.languages = languages

    def __call__(self, meters) -> float:
        accuracies = [
            100.0 * meters[f"_correct_{lang}"].sum / meters[f"_rows_{lang}"].sum
            for lang in self.languages
            if f"_rows_{lang}" in meters and meters[f"_rows_{lang}"].sum
        ]
        return round(float(sum(accuracies)) / max(len(accuracies), 1), 2)
