"""The objective of pre-training on parallel text: masked language modelling."""

import math
from typing import Any, Dict, List, Tuple

import torch.nn.functional as F
from fairseq import utils
from fairseq.criterions import FairseqCriterion, register_criterion
from fairseq.dataclass import FairseqDataclass
from fairseq.logging import metrics
from torch import Tensor

from fairseq_xling.precision import at_least_fp32

# What the loss is logged for beside the whole, by a token's ``part`` in the batch: the
# two sides of pairs, and text.
PARTS = ("target", "source", "text")


@register_criterion("xmixup_tlm", dataclass=FairseqDataclass)
class XMixupTLMCriterion(FairseqCriterion):
    """Cross-entropy of the masked tokens, those of both sides of pairs alike.

    Reads batches of :class:`~fairseq_xling.data.tlm_dataset.TLMDataset`. Logged as
    fairseq's ``masked_lm`` does: ``loss`` in bits a masked token, and ``ppl``.

    Source: Conneau and Lample 2019, section 3.3; X-Mixup section 7 for the mixup.
    """

    terms = ("ppl", *(f"{part}_loss" for part in PARTS))

    def forward(
        self, model, sample: Dict[str, Any], reduce: bool = True
    ) -> Tuple[Tensor, int, Dict[str, Any]]:
        """Compute the loss of a batch.

        Returns:
            the sum over masked tokens in nats, their number, and what to log.
        """
        # Scored inside the model's forward: distributed training looks for parameters
        # that took no part in what that returns.
        logits, extra = model(
            **sample["net_input"],
            masked_tokens=sample["masked"],
            lengths=sample["lengths"],
        )
        logits = at_least_fp32(logits)
        loss = F.cross_entropy(logits, sample["masked_target"], reduction="none")
        ratio = extra.get("mixup_ratio")
        # Workers add these up; what is a tensor with one must be one with all.
        ratios = loss.new_zeros(0, 1) if ratio is None else ratio.detach().float()
        logging_output: Dict[str, Any] = {
            "loss": loss.detach().sum(),
            "sample_size": len(loss),
            "ntokens": sample["ntokens"],
            "nsentences": sample["nsentences"],
            "pairs": len(ratios),
            "lambda": ratios.mean(dim=1).sum(),
        }
        for index, name in enumerate(PARTS):
            here = sample["part"] == index
            logging_output[f"{name}_loss"] = loss.detach().masked_fill(~here, 0.0).sum()
            logging_output[f"{name}_masked"] = here.sum()
        return loss.sum(), len(loss), logging_output

    @classmethod
    def reduce_metrics(cls, logging_outputs: List[Dict[str, Any]]) -> None:
        """Aggregate over workers and micro-batches, and log."""

        def total(key: str) -> float:
            return float(sum(log.get(key, 0) for log in logging_outputs))

        masked = total("sample_size")
        # A short last batch may have no masked token.
        loss = total("loss") / max(masked, 1) / math.log(2)
        metrics.log_scalar("loss", loss, masked, priority=10, round=3)
        metrics.log_derived(
            "ppl", lambda meters: utils.get_perplexity(meters["loss"].avg), 11
        )
        for name in PARTS:
            count = total(f"{name}_masked")
            if count:
                value = total(f"{name}_loss") / count / math.log(2)
                metrics.log_scalar(f"{name}_loss", value, count, 20, round=3)
        if total("pairs"):
            value = total("lambda") / total("pairs")
            metrics.log_scalar("lambda", value, total("pairs"), 21, round=4)

    @staticmethod
    def logging_outputs_can_be_summed() -> bool:
        """All logged values are sums with the same keys on every worker."""
        return True
