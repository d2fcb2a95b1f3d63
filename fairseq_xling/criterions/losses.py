"""The terms of X-Mixup's training objective, free of fairseq.

Every function returns one value an instance, so that a batch's sum does not depend on
how instances are batched.
"""

from typing import Optional, Union

import torch
import torch.nn.functional as F
from torch import Tensor

from fairseq_xling.precision import at_least_fp32


def task_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy of each instance.

    Args:
        logits: ``(batch, classes)``.
        labels: class indices, ``(batch,)``.

    Returns:
        ``(batch,)``, in nats.

    Source: X-Mixup appendix A.2, eq. 12.
    """
    return F.cross_entropy(at_least_fp32(logits), labels, reduction="none")


def balanced_task_loss(
    source: Tensor, target: Tensor, source_weight: Union[float, Tensor]
) -> Tensor:
    """Weigh the source's task loss against the target's.

    Args:
        source, target: task losses, ``(batch,)``.
        source_weight: alpha in the paper, from 0 to 1; one for all, or ``(batch,)``.

    Source: X-Mixup section 4.2, eq. 8.
    """
    return source_weight * source + (1.0 - source_weight) * target


def prediction_consistency(source_logits: Tensor, target_logits: Tensor) -> Tensor:
    """Kullback-Leibler divergence of the target's prediction from the source's.

    Args:
        source_logits, target_logits: ``(batch, classes)``.

    Returns:
        ``KL(p_S || p_T)``, ``(batch,)``, in nats.

    Source: X-Mixup section 4.2, eq. 7.
    """
    source_logp = F.log_softmax(at_least_fp32(source_logits), dim=-1)
    target_logp = F.log_softmax(at_least_fp32(target_logits), dim=-1)
    return (source_logp.exp() * (source_logp - target_logp)).sum(dim=-1)


def representation_consistency(source: Tensor, target: Tensor) -> Tensor:
    """Mean squared error between two sequence representations.

    Args:
        source, target: ``(batch, dim)``.

    Returns:
        ``(batch,)``, the mean over ``dim``.

    Source: X-Mixup section 4.2, eq. 7.
    """
    difference = at_least_fp32(source) - at_least_fp32(target)
    return difference.pow(2).mean(dim=-1)


def sequence_representation(features: Tensor, counted: Tensor, kind: str) -> Tensor:
    """Represent each sequence by one vector.

    Args:
        features: last layer's states, ``(batch, len, dim)``.
        counted: tokens that are neither padding nor special, bool ``(batch, len)``.
        kind: ``"mean"`` over the counted tokens, or ``"first"`` token.

    Returns:
        ``(batch, dim)``; zeros for a mean over no token.

    Source: X-Mixup section 4.2, footnote 4 (the mean).
    """
    if kind == "first":
        return features[:, 0]
    features = at_least_fp32(features)
    weights = counted.to(features.dtype)
    total = torch.einsum("bld,bl->bd", features, weights)
    return total / weights.sum(dim=1, keepdim=True).clamp(min=1)


def soft_tag_loss(logits: Tensor, probs: Tensor) -> Tensor:
    """Cross-entropy of a sentence's tags against distributions, the mean over words.

    Args:
        logits: ``(batch, words, tags)``.
        probs: a distribution a word, same shape; all 0 where there is no word or none
            is known. A known tag has probability 1.

    Returns:
        ``(batch,)``, in nats; 0 for a sentence without distributions.

    Source: X-Mixup section 4.2 (the pseudo-labels of target words) and appendix A.2,
    eq. 13, divided by the number of words, so that a sentence counts once.
    """
    logp = F.log_softmax(at_least_fp32(logits), dim=-1)
    labelled = probs.sum(dim=-1) > 0
    losses = -(probs.to(logp.dtype) * logp).sum(dim=-1)
    total = losses.masked_fill(~labelled, 0.0).sum(dim=-1)
    return total / labelled.sum(dim=-1).clamp(min=1)


def negative_entropy(logits: Tensor, counted: Optional[Tensor] = None) -> Tensor:
    """Negative entropy of each instance's predictions, the mean over its words.

    Args:
        logits: ``(batch, classes)``, or ``(batch, words, classes)``.
        counted: which words are counted, bool ``(batch, words)``, for the latter.

    Returns:
        ``(batch,)``, in nats, from minus the logarithm of the number of classes
        (undecided) to 0 (certain); 0 for a sentence without counted words.

    Source: MultiMix section 3.1, eq. 1, the second term.
    """
    logp = F.log_softmax(at_least_fp32(logits), dim=-1)
    values = (logp.exp() * logp).sum(dim=-1)
    if counted is None:
        return values
    total = values.masked_fill(~counted, 0.0).sum(dim=-1)
    return total / counted.sum(dim=-1).clamp(min=1)


def span_loss(logits: Tensor, spans: Tensor, tokens: Tensor) -> Tensor:
    """Cross-entropy of an answer's first and last token, the mean of the two.

    Args:
        logits: ``(batch, len, 2)``.
        spans: positions of the first and the last token, ``(batch, 2)``.
        tokens: which positions are tokens and not padding, bool ``(batch, len)``.

    Returns:
        ``(batch,)``, in nats.

    Source: X-Mixup appendix A.2, eq. 13, for both ends of the answer.
    """
    logits = at_least_fp32(logits).masked_fill(~tokens.unsqueeze(-1), float("-inf"))
    logp = F.log_softmax(logits, dim=1)
    return -logp.gather(1, spans.unsqueeze(1)).squeeze(1).mean(dim=-1)
