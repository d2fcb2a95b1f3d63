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
            x = run_layer(layer, x, padding)
        state = run_layer(self.layers[-1], x, padding, positions)
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


def run_layer(
    layer: nn.Module,
    x: Tensor,
    padding: Optional[Tensor],
    positions: Optional[Tensor] = None,
) -> Tensor:
    """Run a transformer layer, for one position of each sequence if these are given.

    Args:
        layer: fairseq's ``TransformerEncoderLayerBase``, in evaluation mode.
        x: ``(len, rows, dim)``.
        padding: bool ``(rows, len)``, true at padding, or None.
        positions: ``(rows,)``, or None for all of them.

    Returns:
        ``(len, rows, dim)``, or ``(rows, dim)`` at the positions.
    """
    residual = x
    if layer.normalize_before:
        x = layer.self_attn_layer_norm(x)
    if positions is None:
        attended, _ = layer.self_attn(x, x, x, padding, need_weights=False)
    else:
        residual = residual[positions, torch.arange(x.size(1), device=x.device)]
        attended = attend_at(layer.self_attn, x, padding, positions)
    x = residual + attended
    if not layer.normalize_before:
        x = layer.self_attn_layer_norm(x)
    residual = x
    if layer.normalize_before:
        x = layer.final_layer_norm(x)
    x = residual + project(layer.activation_fn(project(x, layer.fc1)), layer.fc2)
    return x if layer.normalize_before else layer.final_layer_norm(x)


def project(x: Tensor, linear: nn.Linear) -> Tensor:
    """Apply a linear layer to ``(..., dim)``.

    For fp32 on a CPU, it is written as a convolution of width 1: torch gives that to
    oneDNN, which is up to a quarter faster than the matrix product that it uses else.
    """
    if x.device.type != "cpu" or x.dtype != torch.float32:
        return linear(x)
    rows = x.view(1, -1, 1, x.size(-1)).permute(0, 3, 1, 2)
    y = F.conv2d(rows, linear.weight[:, :, None, None], linear.bias)
    return y.permute(0, 2, 3, 1).reshape(*x.shape[:-1], -1)


def attend_at(
    attention: nn.Module, x: Tensor, padding: Optional[Tensor], positions: Tensor
) -> Tensor:
    """Self-attention for one position of each sequence.

    With one query, no position's key or value needs to be projected: the
    key's projection is taken to the query (its bias changes all scores alike), and the
    value's to the mean of the states.

    Args:
        attention: fairseq's ``MultiheadAttention``, in evaluation mode.
        x: ``(len, rows, dim)``.
        padding: bool ``(rows, len)``, true at padding, or None.
        positions: ``(rows,)``.

    Returns:
        ``(rows, dim)``: what the whole layer's attention gives at these positions.
    """
    heads, width = attention.num_heads, attention.head_dim
    rows = torch.arange(x.size(1), device=x.device)
    query = attention.q_proj(x[positions, rows]) * attention.scaling
    query = query.view(-1, heads, width).transpose(0, 1)
    keys = attention.k_proj.weight.view(heads, width, -1)
    values = attention.v_proj.weight.view(heads, width, -1)
    x = x.transpose(0, 1)
    scores = (query @ keys).transpose(0, 1) @ x.transpose(1, 2)
    if padding is not None:
        scores = scores.masked_fill(padding.unsqueeze(1), float("-inf"))
    mean = scores.softmax(dim=-1) @ x
    value = (mean.transpose(0, 1) @ values.transpose(1, 2)).transpose(0, 1)
    return attention.out_proj(value.reshape(len(x), -1) + attention.v_proj.bias)
