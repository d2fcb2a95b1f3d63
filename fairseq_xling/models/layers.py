"""The encoder's layers: fairseq's, over packed tokens too, and the one that mixes."""

from dataclasses import dataclass
from functools import partial
from typing import Optional, Tuple

import torch
from fairseq.modules.transformer_layer import TransformerEncoderLayerBase
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from fairseq_xling.models.mixup import (
    MixupRatio,
    alignment_entropy,
    cross_attention_context,
    cross_attention_scores,
    hidden_scores,
    mix,
)
from fairseq_xling.models.packing import Packing, packed_self_attention


@dataclass(frozen=True)
class Pairing:
    """Where the rows of a joint batch stand: targets, rows without pair, sources.

    Rows ``0 .. num_pairs`` are targets and the last ``num_sources`` rows their sources,
    in the same order or as ``places`` says; the rows between have no counterpart.

    Attributes:
        num_pairs, num_sources: number of pairs, and of their sources.
        counted: tokens that are neither padding nor special, bool ``(rows, len)``.
        places: which source is each pair's, ``(pairs,)``; None for one a pair.
        packings: where the batch is packed, those of the targets and of the sources.
    """

    num_pairs: int
    num_sources: int
    counted: Tensor
    places: Optional[Tensor] = None
    packings: Optional[Tuple[Packing, Packing]] = None

    def spread(self, sources: Tensor, dim: int) -> Tensor:
        """What is known of the sources, along ``dim``, for each pair."""
        if self.places is None:
            return sources
        return sources.index_select(dim, self.places)


class EncoderLayer(TransformerEncoderLayerBase):
    """fairseq's layer, which also takes tokens without their padding."""

    def forward(
        self,
        x: Tensor,
        encoder_padding_mask: Optional[Tensor] = None,
        packing: Optional[Packing] = None,
    ) -> Tensor:
        """Run the layer.

        Args:
            x: ``(len, rows, dim)``; packed, ``(tokens, dim)``.
            encoder_padding_mask: bool ``(rows, len)``, true at padding, or None.
            packing: where the tokens are, if they are packed.

        Returns:
            the same shape as ``x``.
        """
        return self._feed_forward(self._attend(x, encoder_padding_mask, packing))

    def _attend(
        self, x: Tensor, padding_mask: Optional[Tensor], packing: Optional[Packing]
    ) -> Tensor:
        residual = x
        if self.normalize_before:
            x = self.self_attn_layer_norm(x)
        if packing is None:
            x, _ = self.self_attn(x, x, x, padding_mask, need_weights=False)
        else:
            x = packed_self_attention(self.self_attn, x, packing)
        x = residual + self.dropout_module(x)
        return x if self.normalize_before else self.self_attn_layer_norm(x)

    def _feed_forward(self, x: Tensor) -> Tensor:
        residual = x
        if self.normalize_before:
            x = self.final_layer_norm(x)
        x = self.activation_dropout_module(self.activation_fn(self.fc1(x)))
        x = residual + self.dropout_module(self.fc2(x))
        return x if self.normalize_before else self.final_layer_norm(x)


class MixupEncoderLayer(EncoderLayer):
    """A transformer layer whose target rows mix with their sources.

    Without pairs it is fairseq's layer. With pairs, the attention sublayer is followed
    by cross-attention with the same parameters and by the mixing, which takes the
    residual's place and uses the attention sublayer's layer norm.

    Source: X-Mixup section 4.1, eq. 2 to 5.
    """

    def __init__(self, cfg, mixup_args) -> None:
        super().__init__(cfg)
        self.ratio_scores = mixup_args.ratio_scores
        self.is_normalised = mixup_args.ratio_entropy == "normalised"
        self.max_ratio = mixup_args.mixup_max_ratio
        self.mixup_ratio: Optional[MixupRatio] = None
        if mixup_args.mixup_ratio == "adaptive":
            self.mixup_ratio = MixupRatio(
                self.max_ratio, mixup_args.mixup_ratio_lr_scale
            )

    def forward(
        self,
        x: Tensor,
        encoder_padding_mask: Optional[Tensor] = None,
        packing: Optional[Packing] = None,
        pairing: Optional[Pairing] = None,
    ):
        """Run the layer.

        Args:
            x, encoder_padding_mask, packing: as of :class:`EncoderLayer`.
            pairing: the pairs among the rows, or None.

        Returns:
            the same shape as ``x``; with pairs, a tuple of that and the mixup ratios
            ``(pairs,)``.
        """
        if pairing is None:
            return super().forward(x, encoder_padding_mask, packing)
        x = self._attend(x, encoder_padding_mask, packing)
        if pairing.packings is None:
            n, m = pairing.num_pairs, pairing.num_sources
            padding = encoder_padding_mask
            padding = None if padding is None else padding[-m:]
            mixed, ratio = self._mix(x[:, :n], x[:, -m:], padding, pairing)
            x = torch.cat([mixed, x[:, n:]], dim=1)
        else:
            x, ratio = self._mix_packed(x, pairing, *pairing.packings)
        return self._feed_forward(x), ratio

    def _mix_packed(
        self, x: Tensor, pairing: Pairing, targets: Packing, sources: Packing
    ) -> Tuple[Tensor, Tensor]:
        n = len(targets.places)
        target = targets.pad(x[:n]).transpose(0, 1)
        source = sources.pad(x[-len(sources.places) :]).transpose(0, 1)
        mixed, ratio = self._mix(target, source, ~sources.real, pairing)
        mixed = targets.pack(mixed.transpose(0, 1))
        return torch.cat([mixed, x[n:]]), ratio

    def _mix(
        self,
        target: Tensor,
        source: Tensor,
        source_padding: Optional[Tensor],
        pairing: Pairing,
    ) -> Tuple[Tensor, Tensor]:
        n, m = pairing.num_pairs, pairing.num_sources
        if source_padding is not None:
            source_padding = pairing.spread(source_padding, 0)
        counted = (
            pairing.counted[:n, : len(target)],
            pairing.spread(pairing.counted[-m:, : len(source)], 0),
        )
        attention = self.self_attn
        if self.mixup_ratio is not None and self.ratio_scores == "heads":
            # The scores are needed for the ratio, so attention is computed from them.
            attend = self._attend_to_source
            if self.training:  # the many weights are computed again, not kept
                attend = partial(checkpoint, attend, use_reentrant=False)
            context, entropy = attend(
                attention.q_proj(target),
                pairing.spread(attention.k_proj(source), 1),
                pairing.spread(attention.v_proj(source), 1),
                source_padding,
                counted,
            )
            context = attention.out_proj(context)
            ratio = self.mixup_ratio(entropy)
        else:
            source = pairing.spread(source, 1)
            context, _ = attention(
                query=target,
                key=source,
                value=source,
                key_padding_mask=source_padding,
                need_weights=False,
            )
            if self.mixup_ratio is not None:
                scores = hidden_scores(target, source)
                ratio = self.mixup_ratio(self.entropy(scores, *counted))
            else:
                ratio = torch.full((n,), self.max_ratio, device=target.device)
        mixed = mix(target, self.dropout_module(context), ratio)
        return self.self_attn_layer_norm(mixed), ratio

    def _attend_to_source(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        source_padding: Optional[Tensor],
        counted: Tuple[Tensor, Tensor],
    ) -> Tuple[Tensor, Tensor]:
        attention = self.self_attn
        heads, scaling = attention.num_heads, attention.scaling
        scores = cross_attention_scores(query, key, heads, scaling)
        dropout = attention.dropout_module.p if self.training else 0.0
        context = cross_attention_context(scores, value, source_padding, dropout)
        return context, self.entropy(scores, *counted)

    def entropy(
        self, scores: Tensor, target_mask: Tensor, source_mask: Tensor
    ) -> Tensor:
        """What the ratio is set by; see :func:`alignment_entropy`."""
        return alignment_entropy(scores, target_mask, source_mask, self.is_normalised)
