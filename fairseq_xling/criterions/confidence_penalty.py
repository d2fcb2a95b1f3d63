"""MultiMix's training objective: cross-entropy that over-confidence adds to."""

from dataclasses import dataclass, field
from typing import Any, Dict, List, Tuple

from fairseq.criterions import FairseqCriterion, register_criterion
from fairseq.dataclass import FairseqDataclass
from fairseq.logging import metrics
from torch import Tensor

from fairseq_xling.criterions.losses import negative_entropy
from fairseq_xling.criterions.score_logging import log_scores
from fairseq_xling.errors import UserError
from fairseq_xling.option_values import check_number


@dataclass
class ConfidencePenaltyConfig(FairseqDataclass):
    """Options of ``--criterion confidence_penalty``."""

    confidence_penalty: float = field(
        default=1.0,
        metadata={"help": "weight of the negative entropy; 0: plain cross-entropy"},
    )


@register_criterion("confidence_penalty", dataclass=ConfidencePenaltyConfig)
class ConfidencePenaltyCriterion(FairseqCriterion):
    """Cross-entropy plus the negative entropy of the predictions, both in nats.

    A sentence counts once: both terms are means over its labelled words.

    Source: MultiMix section 3.1, eq. 1.
    """

    terms = ("cross_entropy", "entropy")

    def __init__(self, task, confidence_penalty: float) -> None:
        super().__init__(task)
        check_number("--confidence-penalty", confidence_penalty)
        if task.cfg.training_set == "pairs":
            raise UserError(
                "--criterion confidence_penalty: trains one stream; use --criterion "
                "xmixup with --training-set pairs"
            )
        self.confidence_penalty = confidence_penalty

    def forward(
        self, model, sample: Dict[str, Any], reduce: bool = True
    ) -> Tuple[Tensor, int, Dict[str, Any]]:
        """Compute the loss of a batch of the task's dataset.

        Returns:
            the sum over rows, the number of rows, and what to log.
        """
        family = self.task.family
        logits, extra = family.forward(model, sample)
        cross_entropy = family.loss_terms(logits, extra, sample).target
        penalty = negative_entropy(logits, family.counted_words(sample))
        loss = (cross_entropy + self.confidence_penalty * penalty).sum()
        rows = len(cross_entropy)
        logging_output: Dict[str, Any] = {
            "loss": loss.detach(),
            "cross_entropy": cross_entropy.detach().sum(),
            "entropy": -penalty.detach().sum(),
            "sample_size": rows,
            "nsentences": rows,
            "ntokens": sample["ntokens"],
        }
        if family.scores_in_training or not model.training:
            logging_output.update(family.count_scores(logits, extra, sample))
        return loss, rows, logging_output

    @classmethod
    def reduce_metrics(cls, logging_outputs: List[Dict[str, Any]]) -> None:
        """Aggregate over workers and micro-batches, and log."""

        def total(key: str) -> float:
            return float(sum(log.get(key, 0) for log in logging_outputs))

        rows = total("sample_size")
        for term, priority in (("loss", 10), ("cross_entropy", 20), ("entropy", 20)):
            metrics.log_scalar(term, total(term) / rows, rows, priority, round=4)
        log_scores(total, logging_outputs[0])

    @staticmethod
    def logging_outputs_can_be_summed() -> bool:
        """Say that logging outputs are sums, which workers may add up."""
        return True
