"""A frozen masked language model, asked for one position of each sequence."""

from typing import Optional

import torch
import torch.nn.functional as F
from fairseq.data import Dictionary
from fairseq.models.roberta import RobertaModel
from torch import Tensor, nn

# Rows of the vocabulary that a CPU multiplies at once, so that they stay in its cache.
BLOCK = 4096


class MaskedLM:
    """What a RoBERTa model predicts at one position a sequence.

    Only that position goes through the last layer (whose other states nobody needs)
    and through the projection to the vocabulary.

    Args:
        model: the model; it is put in evaluation mode.
        dictionary: the model's.
    """

    def __init__(self, model: RobertaModel, dictionary: Dictionary) -> None:
        model.eval()
        self.model = model
        self.pad = dictionary.pad()
        self.encoder = model.encoder.sentence_encoder
        self.layers = list(self.encoder.layers)
        self.head = model.encoder.lm_head

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return self.encoder.embed_tokens.weight.device

    @property
    def longest(self) -> int:
        """Tokens that the model can read."""
        return int(self.model.max_positions())

    def states(self, tokens: Tensor, positions: Tensor, has_padding: bool) -> Tensor:
        """Encode sequences, for one position of each.

        Args:
            tokens: ``(rows, len)``.
            positions: ``(rows,)``.
            has_padding: whether there is padding; asking the tokens would make the
                CPU wait for a GPU.

        Returns:
            last layer's states there, ``(rows, dim)``.
        """
        x, _ = self.encoder.forward_embedding(tokens)
        padding = tokens.eq(self.pad) if has_padding else None
        if padding is not None:
            x = x * (~padding).unsqueeze(-1).type_as(x)
        x = x.transpose(0, 1)
        for layer in self.layers[:-1]:
            x = layer(x, encoder_padding_mask=padding)
        state = run_layer_at(self.layers[-1], x, padding, positions)
        if self.encoder.layer_norm is not None:
            state = self.encoder.layer_norm(state)
        return state

    def logits(self, states: Tensor) -> Tensor:
        """Project states ``(rows, dim)`` to logits ``(rows, vocabulary)``."""
        head = self.head
        x = head.layer_norm(head.activation_fn(head.dense(states)))
        if x.device.type != "cpu":
            return F.linear(x, head.weight, head.bias)
        # A CPU multiplies few columns up to twice as fast as few rows.
        columns = x.t().contiguous()
        logits = x.new_empty(len(x), len(head.weight))
        for weight, bias, part in zip(
            head.weight.split(BLOCK),
            head.bias.split(BLOCK),
            logits.split(BLOCK, dim=1),
        ):
            part.copy_(torch.addmm(bias.unsqueeze(1), weight, columns).t())
        return logits


def run_layer_at(
    layer: nn.Module, x: Tensor, padding: Optional[Tensor], positions: Tensor
) -> Tensor:
    """Run a transformer layer for one position of each sequence.

    Args:
        layer: fairseq's ``TransformerEncoderLayerBase``, in evaluation mode.
        x: ``(len, rows, dim)``.
        padding: bool ``(rows, len)``, true at padding, or None.
        positions: ``(rows,)``.

    Returns:
        ``(rows, dim)``: what the whole layer gives at these positions.
    """
    rows = torch.arange(x.size(1), device=x.device)
    residual = x[positions, rows].unsqueeze(0)
    query = residual
    if layer.normalize_before:
        query = layer.self_attn_layer_norm(query)
        x = layer.self_attn_layer_norm(x)
    attended, _ = layer.self_attn(
        query=query, key=x, value=x, key_padding_mask=padding, need_weights=False
    )
    state = residual + attended
    if not layer.normalize_before:
        state = layer.self_attn_layer_norm(state)
    residual = state
    if layer.normalize_before:
        state = layer.final_layer_norm(state)
    state = residual + layer.fc2(layer.activation_fn(layer.fc1(state)))
    if not layer.normalize_before:
        state = layer.final_layer_norm(state)
    return state.squeeze(0)
