"""The two-stream encoder: fairseq's RoBERTa encoder with mixup in chosen layers."""

from dataclasses import dataclass
from typing import List, Optional, Tuple

import numpy as np
import torch
import torch.nn.functional as F
from fairseq.data import Dictionary
from fairseq.distributed import fsdp_wrap
from fairseq.models.roberta.model import RobertaEncoder
from fairseq.models.transformer import TransformerConfig, TransformerEncoder
from fairseq.modules.checkpoint_activations import checkpoint_wrapper
from fairseq.modules.transformer_layer import TransformerEncoderLayerBase
from fairseq.modules.transformer_sentence_encoder import init_bert_params
from torch import Tensor, nn

from fairseq_xling.data.sequences import find_segments
from fairseq_xling.errors import UserError
from fairseq_xling.models.mixup import (
    MixupRatio,
    alignment_entropy,
    cross_attention_context,
    cross_attention_scores,
    hidden_scores,
    mix,
)


def parse_mixup_layers(text: Optional[str], num_layers: int) -> List[int]:
    """Read ``--mixup-layer``: 1-based layers, separated by commas; 0 is none."""
    try:
        layers = [int(part) for part in str(text or "0").split(",")]
    except ValueError:
        raise UserError(
            f"--mixup-layer {text}: give layer numbers such as 1 or 1,4 (0 for none)"
        ) from None
    if layers == [0]:
        return []
    if min(layers) < 1 or len(set(layers)) < len(layers):
        raise UserError(
            f"--mixup-layer {text}: give different layers from 1, or 0 alone for none"
        )
    if max(layers) > num_layers:
        raise UserError(
            f"--mixup-layer {text}: the encoder has {num_layers} layers, so the last "
            f"one to mix in is {num_layers}"
        )
    return sorted(layers)


def count_tokens(tokens: Tensor, dictionary: Dictionary) -> Tensor:
    """Which tokens are neither padding nor ``<s>`` nor ``</s>``, bool, same shape."""
    specials = (dictionary.pad(), dictionary.bos(), dictionary.eos())
    return torch.stack([tokens.ne(special) for special in specials]).all(dim=0)


@dataclass(frozen=True)
class Pairing:
    """Where the rows of a joint batch stand: targets, rows without pair, sources.

    Rows ``0 .. num_pairs`` are targets and the last ``num_sources`` rows their sources,
    in the same order or as ``places`` says; the rows between have no counterpart.

    Attributes:
        num_pairs, num_sources: number of pairs, and of their sources.
        counted: tokens that are neither padding nor special, bool ``(rows, len)``.
        places: which source is each pair's, ``(pairs,)``; None for one a pair.
    """

    num_pairs: int
    num_sources: int
    counted: Tensor
    places: Optional[Tensor] = None

    def spread(self, sources: Tensor, dim: int) -> Tensor:
        """What is known of the sources, along ``dim``, for each pair."""
        if self.places is None:
            return sources
        return sources.index_select(dim, self.places)


class MixupEncoderLayer(TransformerEncoderLayerBase):
    """A transformer layer whose target rows mix with their sources.

    Without pairs it is fairseq's layer. With pairs, the attention sublayer is followed
    by cross-attention with the same parameters and by the mixing, which takes the
    residual's place and uses the attention sublayer's layer norm.

    Source: X-Mixup section 4.1, eq. 2 to 5.
    """

    def __init__(self, cfg, mixup_args) -> None:
        super().__init__(cfg)
        self.ratio_scores = mixup_args.ratio_scores
        self.max_ratio = mixup_args.mixup_max_ratio
        self.mixup_ratio: Optional[MixupRatio] = None
        if mixup_args.mixup_ratio == "adaptive":
            self.mixup_ratio = MixupRatio(
                self.max_ratio, mixup_args.mixup_ratio_lr_scale
            )

    def forward(
        self,
        x: Tensor,
        encoder_padding_mask: Optional[Tensor],
        attn_mask: Optional[Tensor] = None,
        pairing: Optional[Pairing] = None,
    ):
        """Run the layer.

        Args:
            x: ``(len, rows, dim)``.
            encoder_padding_mask: bool ``(rows, len)``, true at padding, or None.
            attn_mask: as in fairseq's layer; not used with pairs.
            pairing: the pairs among the rows, or None.

        Returns:
            ``(len, rows, dim)``; with pairs, a tuple of that and the mixup ratios
            ``(pairs,)``.
        """
        if pairing is None:
            return super().forward(x, encoder_padding_mask, attn_mask)
        attended, _ = self.self_attn(
            query=x,
            key=x,
            value=x,
            key_padding_mask=encoder_padding_mask,
            need_weights=False,
        )
        x = self.self_attn_layer_norm(x + self.dropout_module(attended))
        x, ratio = self._mix_targets(x, encoder_padding_mask, pairing)
        hidden = self.activation_dropout_module(self.activation_fn(self.fc1(x)))
        return self.final_layer_norm(x + self.dropout_module(self.fc2(hidden))), ratio

    def _mix_targets(
        self, x: Tensor, padding_mask: Optional[Tensor], pairing: Pairing
    ) -> Tuple[Tensor, Tensor]:
        n, m = pairing.num_pairs, pairing.num_sources
        target, source = x[:, :n], x[:, -m:]
        source_padding = None
        if padding_mask is not None:
            source_padding = pairing.spread(padding_mask[-m:], 0)
        counted = pairing.counted[:n], pairing.spread(pairing.counted[-m:], 0)
        attention = self.self_attn
        if self.mixup_ratio is not None and self.ratio_scores == "heads":
            # The scores are needed for the ratio, so attention is computed from them.
            scores = cross_attention_scores(
                attention.q_proj(target),
                pairing.spread(attention.k_proj(source), 1),
                attention.num_heads,
                attention.scaling,
            )
            ratio = self.mixup_ratio(alignment_entropy(scores, *counted))
            dropout = attention.dropout_module.p if self.training else 0.0
            value = pairing.spread(attention.v_proj(source), 1)
            context = cross_attention_context(scores, value, source_padding, dropout)
            context = attention.out_proj(context)
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
                ratio = self.mixup_ratio(alignment_entropy(scores, *counted))
            else:
                ratio = torch.full((n,), self.max_ratio, device=x.device)
        mixed = self.self_attn_layer_norm(
            mix(target, self.dropout_module(context), ratio)
        )
        return torch.cat([mixed, x[:, n:]], dim=1), ratio


class MixupTransformerEncoder(TransformerEncoder):
    """fairseq's transformer encoder with :class:`MixupEncoderLayer` where asked.

    With ``num_segments`` it has BERT's segment embeddings, too.
    """

    def __init__(self, args, dictionary, embed_tokens) -> None:
        self.mixup_layers = parse_mixup_layers(args.mixup_layer, args.encoder_layers)
        if self.mixup_layers and args.encoder_normalize_before:
            raise UserError(
                "--encoder-normalize-before: mixup is defined for layers that "
                "normalise after the residual; use --mixup-layer 0 with this model"
            )
        self.layers_built = 0
        super().__init__(args, dictionary, embed_tokens)
        self.embed_segments: Optional[nn.Embedding] = None
        if args.num_segments:
            width = embed_tokens.embedding_dim
            self.embed_segments = nn.Embedding(args.num_segments, width)

    def build_encoder_layer(self, args):
        self.layers_built += 1
        if self.layers_built not in self.mixup_layers:
            return super().build_encoder_layer(args)
        cfg = TransformerConfig.from_namespace(args)
        layer = MixupEncoderLayer(cfg, args)
        if cfg.checkpoint_activations:
            layer = checkpoint_wrapper(layer, offload_to_cpu=cfg.offload_activations)
        min_params = 0 if cfg.checkpoint_activations else cfg.min_params_to_wrap
        return fsdp_wrap(layer, min_num_params=min_params)

    def forward_embedding(
        self, src_tokens: Tensor, token_embedding: Optional[Tensor] = None
    ) -> Tuple[Tensor, Tensor]:
        """Embed tokens ``(rows, len)``; see fairseq's encoder."""
        if self.embed_segments is not None:
            segments = find_segments(src_tokens, self.dictionary.eos())
            if token_embedding is None:
                token_embedding = self.embed_tokens(src_tokens)
            token_embedding = token_embedding + self.embed_segments(segments)
        return super().forward_embedding(src_tokens, token_embedding)

    def encode(
        self,
        tokens: Tensor,
        num_sources: int = 0,
        lengths: Optional[np.ndarray] = None,
        token_embeddings: Optional[Tensor] = None,
        inner_states: Optional[List[Tensor]] = None,
        places: Optional[Tensor] = None,
    ) -> Tuple[Tensor, List[Tensor]]:
        """Encode one stream, or targets, rows without pair and sources as one batch.

        Args:
            tokens: ``(rows, len)``; with pairs, laid out as :class:`Pairing` says.
            lengths: tokens of each row, ``(rows,)``, where they are known; else the
                CPU asks the tokens whether there is padding, and waits for a GPU.
            token_embeddings: ``(rows, len, dim)``, instead of the model's own.
            inner_states: a list for the states ``(len, rows, dim)`` below the first
                layer and after each.
            places: which source is each pair's, ``(pairs,)``; None for one a pair.

        Returns:
            last layer's states ``(rows, len, dim)`` and, with pairs, the mixup ratios
            ``(pairs,)`` of each mixing layer.
        """
        padding_mask: Optional[Tensor] = tokens.eq(self.padding_idx)
        if lengths is None:
            has_padding = bool(padding_mask.any())  # type: ignore[union-attr]
        else:
            has_padding = bool((lengths < tokens.size(1)).any())
        x, _ = self.forward_embedding(tokens, token_embeddings)
        if has_padding:
            x = x * (~padding_mask).unsqueeze(-1).type_as(x)  # type: ignore[operator]
        else:
            padding_mask = None
        pairing: Optional[Pairing] = None
        if num_sources:
            num_pairs = num_sources if places is None else len(places)
            counted = count_tokens(tokens, self.dictionary)
            pairing = Pairing(num_pairs, num_sources, counted, places)
        x = x.transpose(0, 1)
        ratios: List[Tensor] = []
        for layer in self.layers:
            if inner_states is not None:
                inner_states.append(x)
            if pairing is not None and hasattr(layer, "mixup_ratio"):
                x, ratio = layer(x, encoder_padding_mask=padding_mask, pairing=pairing)
                ratios.append(ratio)
            else:
                x = layer(x, encoder_padding_mask=padding_mask)
        if inner_states is not None:
            inner_states.append(x)
        if self.layer_norm is not None:
            x = self.layer_norm(x)
        return x.transpose(0, 1), ratios


class XMixupEncoder(RobertaEncoder):
    """RoBERTa encoder over one stream, or over target and source streams."""

    def __init__(self, args, dictionary) -> None:
        super().__init__(args, dictionary)
        for module in self.modules():
            if hasattr(module, "normalized_shape"):
                module.eps = args.layer_norm_eps

    def build_encoder(self, args, dictionary, embed_tokens):
        encoder = MixupTransformerEncoder(args, dictionary, embed_tokens)
        encoder.apply(init_bert_params)
        return encoder

    def forward(
        self,
        src_tokens: Tensor,
        features_only: bool = False,
        return_all_hiddens: bool = False,
        masked_tokens: Optional[Tensor] = None,
        **options,
    ):
        """As fairseq's; ``lengths`` go to :meth:`MixupTransformerEncoder.encode`."""
        x, extra = self.extract_features(src_tokens, return_all_hiddens, **options)
        if not features_only:
            x = self.output_layer(x, masked_tokens)
        return x, extra

    def extract_features(
        self,
        src_tokens: Tensor,
        return_all_hiddens: bool = False,
        lengths: Optional[np.ndarray] = None,
        token_embeddings: Optional[Tensor] = None,
        **unused,
    ):
        """States of one stream, ``(batch, len, dim)``, as fairseq gives them."""
        inner_states: Optional[List[Tensor]] = [] if return_all_hiddens else None
        x, _ = self.sentence_encoder.encode(
            src_tokens,
            lengths=lengths,
            token_embeddings=token_embeddings,
            inner_states=inner_states,
        )
        return x, {"inner_states": inner_states}

    def output_layer(
        self, features: Tensor, masked_tokens: Optional[Tensor] = None, **unused
    ) -> Tensor:
        """Scores over the vocabulary.

        Args:
            features: ``(rows, len, dim)``.
            masked_tokens: which tokens are scored, None for all: bool ``(rows, len)``,
                as fairseq's; or, which a GPU need not be waited for, their rows and
                columns, long ``(2, masked)``.

        Returns:
            ``(rows, len, vocabulary)`` or ``(masked, vocabulary)``.
        """
        if masked_tokens is not None and masked_tokens.dtype == torch.long:
            features = features[masked_tokens[0], masked_tokens[1]]
            masked_tokens = None
        return self.lm_head(features, masked_tokens)

    def extract_pair_features(
        self,
        src_tokens: Tensor,
        source_tokens: Tensor,
        lengths: Optional[np.ndarray] = None,
        inner_states: Optional[List[Tensor]] = None,
        places: Optional[Tensor] = None,
    ) -> Tuple[Tensor, List[Tensor]]:
        """Encode rows and the sources of the first of them as one batch.

        Args:
            src_tokens: ``(batch, len)``; the rows with a source come first.
            source_tokens: the sources, ``(sources, src_len)``.
            lengths: tokens of each row, and then of each source.
            inner_states, places: as of :meth:`MixupTransformerEncoder.encode`.

        Returns:
            states ``(batch + pairs, width, dim)``, those of the sources last, with
            ``width`` the larger of the two lengths, and the mixup ratios ``(pairs,)``
            of each mixing layer.
        """
        pad = self.dictionary.pad()
        width = max(src_tokens.size(1), source_tokens.size(1))
        streams = (src_tokens, source_tokens)
        tokens = torch.cat(
            [F.pad(x, (0, width - x.size(1)), value=pad) for x in streams]
        )
        states, ratios = self.sentence_encoder.encode(
            tokens,
            len(source_tokens),
            lengths,
            inner_states=inner_states,
            places=places,
        )
        if places is not None:
            rows = len(src_tokens)
            states = torch.cat([states[:rows], states[rows:].index_select(0, places)])
        return states, ratios
