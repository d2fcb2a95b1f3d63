"""X-Mixup's training objective, and what training logs."""

import logging
from dataclasses import dataclass, field
from typing import Any, Dict, List, Optional, Tuple

import torch
from fairseq.criterions import FairseqCriterion, register_criterion
from fairseq.dataclass import ChoiceEnum, FairseqDataclass
from fairseq.logging import metrics
from torch import Tensor

from fairseq_xling.criterions.loss_terms import LossTerms
from fairseq_xling.criterions.losses import (
    balanced_task_loss,
    representation_consistency,
    sequence_representation,
)
from fairseq_xling.criterions.score_logging import log_scores
from fairseq_xling.models.encoder import count_tokens
from fairseq_xling.option_values import check_number

logger = logging.getLogger(__name__)

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
    prediction_loss_weight: Optional[float] = field(
        default=None,
        metadata={
            "help": "weight of the KL consistency, which classification alone has; 0: "
            "off (default: 1)"
        },
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

    # What validation logs beside the loss and the scores, where there are pairs.
    terms = ("task_target", "task_source", "mse", "kl", "lambda")

    def __init__(
        self,
        task,
        source_loss_weight: Optional[float],
        representation_loss_weight: float,
        prediction_loss_weight: Optional[float],
        sequence_representation: str,
    ) -> None:
        super().__init__(task)
        if source_loss_weight is None:
            source_loss_weight = task.family.default_source_loss_weight
        check_number("--source-loss-weight", source_loss_weight, high=1)
        check_number("--representation-loss-weight", representation_loss_weight)
        check_number("--prediction-loss-weight", prediction_loss_weight)
        if prediction_loss_weight and not task.family.has_prediction_term:
            logger.warning(
                f"--prediction-loss-weight {prediction_loss_weight:g}: without effect, "
                f"as {task.benchmark} has no KL consistency"
            )
        if prediction_loss_weight is None:
            prediction_loss_weight = 1.0
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
        family = self.task.family
        logits, extra = family.forward(model, sample)
        terms = family.loss_terms(logits, extra, sample)
        rows, pairs = len(terms.target), len(terms.source)
        loss = terms.target[pairs:].sum()
        logging_output: Dict[str, Any] = {
            "sample_size": rows,
            "nsentences": rows,
            "ntokens": sample["ntokens"],
            "pairs": pairs,
            # Tensors as where there are pairs: workers add up numbers by themselves.
            **{term: loss.new_zeros(()) for term in (*PAIR_TERMS, "labelled_pairs")},
        }
        if pairs:
            mse = self._representation_loss(sample, extra, pairs)
            loss = loss + self._weigh(terms, mse).sum()
            logging_output.update(self._log_pairs(terms, mse, extra))
        logging_output["loss"] = loss.detach()
        logging_output.update(self._ratio_state(model, sample))
        if family.scores_in_training or not model.training:
            logging_output.update(family.count_scores(logits, extra, sample))
        return loss, rows, logging_output

    def _representation_loss(
        self, sample: Dict[str, Any], extra: Dict[str, Tensor], pairs: int
    ) -> Tensor:
        targets = sample["net_input"]["src_tokens"][:pairs]
        sources = sample["net_input"]["source_tokens"]
        target = self._represent(extra["features"][:pairs], targets)
        source = self._represent(extra["source_features"], sources)
        return representation_consistency(source, target)

    def _represent(self, states: Tensor, tokens: Tensor) -> Tensor:
        """Sequences ``(pairs, dim)`` of states that are as wide as the longer stream.

        Args:
            states: ``(pairs, width, dim)``.
            tokens: ``(pairs, len)``.
        """
        counted = torch.zeros(states.shape[:2], dtype=torch.bool, device=tokens.device)
        counted[:, : tokens.size(1)] = count_tokens(tokens, self.task.dictionary)
        return sequence_representation(states, counted, self.sequence_representation)

    @staticmethod
    def _log_pairs(terms: LossTerms, mse: Tensor, extra: Dict[str, Any]):
        labelled = terms.source_is_labelled
        if labelled is None:
            labelled = torch.ones_like(terms.source, dtype=torch.bool)
        # Not by indexing: a GPU would be asked how many are left.
        logged = {
            "task_source": terms.source.masked_fill(~labelled, 0.0),
            "task_target": terms.target[: len(terms.source)],
            "mse": mse,
        }
        if terms.prediction is not None:
            logged["kl"] = terms.prediction
        if extra["mixup_ratio"] is not None:
            ratio = extra["mixup_ratio"].detach().float()
            logged["lambda"] = ratio.mean(dim=1)
            logged["lambda_squared"] = ratio.pow(2).mean(dim=1)
        sums = {name: term.detach().sum() for name, term in logged.items()}
        return {**sums, "labelled_pairs": labelled.sum()}

    def _weigh(self, terms: LossTerms, mse: Tensor) -> Tensor:
        weight: Any = self.source_loss_weight
        if terms.source_is_labelled is not None:
            # A source without labels leaves the task to the target, with full weight.
            weight = weight * terms.source_is_labelled.to(terms.source.dtype)
        target = terms.target[: len(terms.source)]
        loss = balanced_task_loss(terms.source, target, weight)
        if self.representation_loss_weight:
            loss = loss + self.representation_loss_weight * mse
        if self.prediction_loss_weight and terms.prediction is not None:
            loss = loss + self.prediction_loss_weight * terms.prediction
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

    @classmethod
    def reduce_metrics(cls, logging_outputs: List[Dict[str, Any]]) -> None:
        """Aggregate over workers and micro-batches, and log."""

        def total(key: str) -> float:
            return float(sum(log.get(key, 0) for log in logging_outputs))

        rows, pairs = total("sample_size"), total("pairs")
        metrics.log_scalar("loss", total("loss") / rows, rows, priority=10, round=4)
        if pairs:
            for term in ("task_target", "mse", "kl")[: 3 if total("kl") else 2]:
                metrics.log_scalar(term, total(term) / pairs, pairs, 20, round=4)
        labelled = total("labelled_pairs")
        if labelled:
            value = total("task_source") / labelled
            metrics.log_scalar("task_source", value, labelled, 20, round=4)
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
        log_scores(total, logging_outputs[0])

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
