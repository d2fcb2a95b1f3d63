"""The two-stream encoder: fairseq's RoBERTa encoder with mixup in chosen layers."""

from typing import List, Optional, Tuple

import numpy as np
import torch
import torch.nn.functional as F
from fairseq.data import Dictionary
from fairseq.distributed import fsdp_wrap
from fairseq.models.roberta.model import RobertaEncoder
from fairseq.models.transformer import TransformerConfig, TransformerEncoder
from fairseq.modules.checkpoint_activations import checkpoint_wrapper
from fairseq.modules.transformer_sentence_encoder import init_bert_params
from torch import Tensor, nn

from fairseq_xling.data.sequences import find_segments
from fairseq_xling.errors import UserError
from fairseq_xling.models.layers import EncoderLayer, MixupEncoderLayer, Pairing
from fairseq_xling.models.packing import Packing


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
        cfg = TransformerConfig.from_namespace(args)
        mixes = self.layers_built in self.mixup_layers
        layer = MixupEncoderLayer(cfg, args) if mixes else EncoderLayer(cfg)
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
            lengths: tokens of each row, ``(rows,)``, where they are known; training
                then computes nothing for padding. Else the CPU asks the tokens whether
                there is padding, and waits for a GPU.
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
        packings: Optional[Tuple[Packing, Packing]] = None
        packing: Optional[Packing] = None
        if not has_padding:
            padding_mask = None
        elif self.training and lengths is not None and inner_states is None:
            packing = Packing.of(lengths, tokens.size(1), x.device)
        else:
            x = x * (~padding_mask).unsqueeze(-1).type_as(x)  # type: ignore[operator]
        pairing: Optional[Pairing] = None
        if num_sources:
            num_pairs = num_sources if places is None else len(places)
            if packing is not None and lengths is not None:
                targets, sources = (
                    Packing.of(one, int(one.max()), x.device)
                    for one in (lengths[:num_pairs], lengths[-num_sources:])
                )
                packings = (targets, sources)
            counted = count_tokens(tokens, self.dictionary)
            pairing = Pairing(num_pairs, num_sources, counted, places, packings)
        x = x.transpose(0, 1) if packing is None else packing.pack(x)
        where = {"encoder_padding_mask": padding_mask, "packing": packing}
        ratios: List[Tensor] = []
        for layer in self.layers:
            if inner_states is not None:
                inner_states.append(x)
            if pairing is not None and hasattr(layer, "mixup_ratio"):
                x, ratio = layer(x, pairing=pairing, **where)
                ratios.append(ratio)
            else:
                x = layer(x, **where)
        if inner_states is not None:
            inner_states.append(x)
        if self.layer_norm is not None:
            x = self.layer_norm(x)
        return x.transpose(0, 1) if packing is None else packing.pad(x), ratios


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
