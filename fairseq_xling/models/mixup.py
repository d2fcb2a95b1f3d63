"""Cross-lingual manifold mixup: attention entropy, mixup ratio and the mixing itself.

The numeric core of X-Mixup section 4.1, free of fairseq.
"""

import math
from typing import Optional

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fairseq_xling.precision import at_least_fp32


def attention_entropy(
    scores: Tensor, query_mask: Tensor, key_mask: Tensor, normalised: bool = False
) -> Tensor:
    """Mean entropy of the attention that real queries pay to real keys, in nats.

    Args:
        scores: scaled dot products, ``(batch, heads, queries, keys)``.
        query_mask: which queries count, bool ``(batch, queries)``.
        key_mask: which keys count, bool ``(batch, keys)``.
        normalised: divide it by the largest that it can be, the logarithm of the number
            of keys that count, so that it lies between 0 and 1 whatever the length.

    Returns:
        ``(batch,)``, averaged over heads and counted queries; 0 where no query or
        no key counts.

    Source: X-Mixup section 4.1, eq. 5.
    """
    scores = at_least_fp32(scores)
    lowest = torch.finfo(scores.dtype).min
    logp = F.log_softmax(scores.masked_fill(~key_mask[:, None, None], lowest), dim=-1)
    entropy = -(logp.exp() * logp).sum(dim=-1).mean(dim=1)
    counted = query_mask & key_mask.any(dim=-1, keepdim=True)
    total = entropy.masked_fill(~counted, 0.0).sum(dim=-1)
    mean = total / counted.sum(dim=-1).clamp(min=1)
    if normalised:
        # Of one key it is 0, whatever it is divided by.
        mean = mean / key_mask.sum(dim=-1).clamp(min=2).log()
    return mean


def alignment_entropy(
    scores: Tensor, target_mask: Tensor, source_mask: Tensor, normalised: bool = False
) -> Tensor:
    """Entropy of the alignment in both directions, ``H(A) + H(A^T)``, in nats.

    The backward direction is a distribution over target tokens of its own
    (renormalised), as the plain transpose of a row-normalised matrix is none.

    Args:
        scores: scaled dot products, ``(batch, heads, tgt_len, src_len)``.
        target_mask: target tokens that count, bool ``(batch, tgt_len)``.
        source_mask: source tokens that count, bool ``(batch, src_len)``.
        normalised: as of :func:`attention_entropy`; the sum lies between 0 and 2.

    Returns:
        ``(batch,)``.

    Source: X-Mixup section 4.1, eq. 5 and the mixup ratio below it; normalised, ours.
    """
    forward = attention_entropy(scores, target_mask, source_mask, normalised)
    backward = attention_entropy(
        scores.transpose(-1, -2), source_mask, target_mask, normalised
    )
    return forward + backward


def hidden_scores(target: Tensor, source: Tensor) -> Tensor:
    """Scaled dot products of the hidden states themselves, eq. 5 to the letter.

    Args:
        target: ``(tgt_len, batch, dim)``.
        source: ``(src_len, batch, dim)``.

    Returns:
        ``(batch, 1, tgt_len, src_len)``: one head, scaled by ``1 / sqrt(dim)``.

    Source: X-Mixup section 4.1, eq. 5.
    """
    target, source = target.transpose(0, 1), source.transpose(0, 1)
    scores = target @ source.transpose(-1, -2) / math.sqrt(target.size(-1))
    return scores.unsqueeze(1)


def mix(target: Tensor, context: Tensor, ratio: Tensor) -> Tensor:
    """Interpolate the target's states with the source-aware ones.

    Args:
        target: ``(tgt_len, batch, dim)``.
        context: what the target attends to in the source, same shape; in half precision
            under autocast, where sums and norms, as the target is one, stay in fp32.
        ratio: the mixup ratio of each instance, ``(batch,)``.

    Returns:
        ``ratio * context + (1 - ratio) * target``, before the layer norm.

    Source: X-Mixup section 4.1, eq. 4.
    """
    dtype = target.dtype
    return torch.lerp(target, context.to(dtype), ratio.to(dtype)[None, :, None])


class MixupRatio(nn.Module):
    """The mixup ratio: ``max_ratio * sigmoid(entropy * W + b)``, one an instance.

    ``W`` starts at 1 and ``b`` at 0. Both are stored as their distance from there in
    units of ``lr_scale``, which gives them a learning rate of their own under any
    optimizer that adapts its step to the gradient's scale (Adam), in every precision
    mode, and lets weight decay, where it is used, pull them to their start and never
    flatten the ratio.

    Args:
        max_ratio: the largest ratio, lambda_0 in the paper.
        lr_scale: learning rate of ``W`` and ``b`` relative to all other parameters.

    Source: X-Mixup section 4.1, the mixup ratio.
    """

    def __init__(self, max_ratio: float = 0.5, lr_scale: float = 1.0) -> None:
        super().__init__()
        self.max_ratio = max_ratio
        self.lr_scale = lr_scale
        self.weight_offset = nn.Parameter(torch.zeros(()))
        self.bias_offset = nn.Parameter(torch.zeros(()))

    @property
    def weight(self) -> Tensor:
        """``W`` of the mixup ratio, a scalar."""
        return 1.0 + self.lr_scale * at_least_fp32(self.weight_offset)

    @property
    def bias(self) -> Tensor:
        """``b`` of the mixup ratio, a scalar."""
        return self.lr_scale * at_least_fp32(self.bias_offset)

    def forward(self, entropy: Tensor) -> Tensor:
        """Map ``(batch,)`` entropies in nats to ``(batch,)`` ratios."""
        return self.max_ratio * torch.sigmoid(entropy * self.weight + self.bias)


def cross_attention_scores(
    query: Tensor, key: Tensor, num_heads: int, scaling: float
) -> Tensor:
    """Scaled dot products of projected queries and keys, head by head.

    Args:
        query: ``(tgt_len, batch, dim)``.
        key: ``(src_len, batch, dim)``.
        num_heads: heads that share ``dim``.
        scaling: ``1 / sqrt(dim / num_heads)``.

    Returns:
        ``(batch, heads, tgt_len, src_len)``.

    Source: X-Mixup appendix A.1, eq. 11.
    """
    query = split_heads(query * scaling, num_heads)
    return query @ split_heads(key, num_heads).transpose(-1, -2)


def cross_attention_context(
    scores: Tensor,
    value: Tensor,
    source_padding_mask: Optional[Tensor],
    dropout: float = 0.0,
) -> Tensor:
    """Attend with given scores: softmax, dropout, weighted sum of the values.

    Args:
        scores: ``(batch, heads, tgt_len, src_len)``.
        value: projected values, ``(src_len, batch, dim)``.
        source_padding_mask: bool ``(batch, src_len)``, true at padding, or None.
        dropout: probability with which an attention weight is dropped.

    Returns:
        ``(tgt_len, batch, dim)``, before the output projection.

    Source: X-Mixup section 4.1, eq. 3.
    """
    if source_padding_mask is not None:
        scores = scores.masked_fill(source_padding_mask[:, None, None], float("-inf"))
    weights = F.softmax(at_least_fp32(scores), dim=-1).to(value.dtype)
    if dropout:
        weights = F.dropout(weights, dropout)
    context = weights @ split_heads(value, scores.size(1))
    return context.permute(2, 0, 1, 3).flatten(2)


def split_heads(x: Tensor, num_heads: int) -> Tensor:
    """Reshape ``(len, batch, dim)`` to ``(batch, heads, len, dim / heads)``."""
    length, batch, dim = x.shape
    return x.view(length, batch, num_heads, dim // num_heads).permute(1, 2, 0, 3)
