"""What goes on inside a model: states of its layers, and how it mixes two streams."""

from contextlib import contextmanager
from typing import Any, Dict, Iterator, List, NamedTuple, Optional

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fairseq_xling.errors import UserError
from fairseq_xling.models.encoder import count_tokens
from fairseq_xling.models.mixup import (
    cross_attention_scores,
    hidden_scores,
)
from fairseq_xling.precision import at_least_fp32


class LayerMixing(NamedTuple):
    """How one layer mixed a batch of pairs.

    Attributes:
        layer: its number, from 1.
        ratio: the mixup ratio lambda, ``(pairs,)``.
        entropy: ``H(A) + H(A^T)``, which sets an adaptive ratio, in nats, or
            normalised where the model does so, ``(pairs,)``.
        scores: scaled dot products of targets and sources, padding included,
            ``(pairs, heads, tgt_len, src_len)``.
    """

    layer: int
    ratio: Tensor
    entropy: Tensor
    scores: Tensor


class PairStates(NamedTuple):
    """What a model computes for a batch of pairs.

    Attributes:
        target, source: states after the last layer, ``(pairs, width, dim)`` with
            ``width`` the larger of the two lengths.
        layers: of each layer that mixes, the first one first.
    """

    target: Tensor
    source: Tensor
    layers: List[LayerMixing]


def mixing_layers(model: Any) -> Dict[int, nn.Module]:
    """The layers that mix, by their number from 1."""
    encoder = model.encoder.sentence_encoder
    if not encoder.mixup_layers:
        raise UserError(
            "this model does not mix (mixup_layer 0); load it with a layer to mix in, "
            'such as from_pretrained(..., mixup_layer="1")'
        )
    return {number: encoder.layers[number - 1] for number in encoder.mixup_layers}


@torch.no_grad()
def layer_states(model: Any, tokens: Tensor, layer: Optional[int] = None) -> Tensor:
    """States of one stream after a layer.

    Args:
        tokens: ``(batch, len)``.
        layer: 0 for the embeddings, None for the last layer.

    Returns:
        ``(batch, len, dim)``.
    """
    states, extra = model(tokens, features_only=True, return_all_hiddens=True)
    if layer is None or layer == len(model.encoder.sentence_encoder.layers):
        return states
    return extra["inner_states"][layer].transpose(0, 1)


@torch.no_grad()
def inspect_mixing(model: Any, tokens: Tensor, source_tokens: Tensor) -> PairStates:
    """Run a model on pairs, and look at its mixing.

    Args:
        tokens: the targets, ``(pairs, tgt_len)``.
        source_tokens: their sources, ``(pairs, src_len)``.

    Source: X-Mixup section 4.1, eq. 3 to 5.
    """
    layers = mixing_layers(model)
    with capture_attended(layers) as inputs:
        target_states, extra = model(tokens, source_tokens, features_only=True)
    dictionary = model.encoder.dictionary
    counted = [count_tokens(one, dictionary) for one in (tokens, source_tokens)]
    pairs = len(tokens)
    found = []
    for (number, layer), ratio in zip(layers.items(), extra["mixup_ratio"].T):
        states = inputs[number]
        target = states[: tokens.size(1), :pairs]
        source = states[: source_tokens.size(1), pairs:]
        attention: Any = layer.self_attn
        scores = cross_attention_scores(
            attention.q_proj(target),
            attention.k_proj(source),
            attention.num_heads,
            attention.scaling,
        )
        by_heads = layer.ratio_scores == "heads"
        setting = scores if by_heads else hidden_scores(target, source)
        entropy = layer.entropy(setting, *counted)
        found.append(LayerMixing(number, ratio, entropy, scores))
    return PairStates(target_states, extra["source_features"], found)


def alignment_of(scores: Tensor) -> Tensor:
    """Attention of target tokens over source tokens.

    Args:
        scores: those of one pair without padding, ``(heads, tgt_len, src_len)``.

    Returns:
        the same shape; each row sums to 1.
    """
    return F.softmax(at_least_fp32(scores), dim=-1)


@contextmanager
def capture_attended(layers: Dict[int, nn.Module]) -> Iterator[Dict[int, Tensor]]:
    """Keep the states that layers mix, while the context lasts.

    Yields:
        the states ``(len, rows, dim)`` after each layer's self-attention, by the same
        numbers, filled in when the model is run.
    """
    inputs: Dict[int, Tensor] = {}
    handles = []
    try:
        for number, layer in layers.items():
            norm: Any = layer.self_attn_layer_norm

            def keep_first(module, given, output, number=number):
                # The same norm is used once more, on the mixed states.
                inputs.setdefault(number, output)

            handles.append(norm.register_forward_hook(keep_first))
        yield inputs
    finally:
        for handle in handles:
            handle.remove()
