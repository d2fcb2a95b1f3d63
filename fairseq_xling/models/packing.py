"""Rows without their padding: tokens one after another, as layers compute them."""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class Packing:
    """Where the tokens of padded rows are.

    Attributes:
        rows, width: of the padded rows.
        real: where there is no padding, bool ``(rows, width)``.
        places: place of each token in these, counted row after row, ``(tokens,)``.
        tokens: which token fills each place, ``(rows * width,)``.
    """

    rows: int
    width: int
    real: Tensor
    places: Tensor
    tokens: Tensor

    @classmethod
    def of(cls, lengths: np.ndarray, width: int, device: torch.device) -> "Packing":
        """That of rows with so many tokens each, ``(rows,)``."""
        column = np.arange(width)
        real = column < lengths[:, None]
        first = np.cumsum(lengths) - lengths
        tokens = first[:, None] + np.where(real, column, 0)
        # So few bytes are copied without a wait for what a GPU is at.
        moved = (
            torch.from_numpy(one).to(device, non_blocking=True)
            for one in (real, np.flatnonzero(real), tokens.ravel())
        )
        return cls(len(lengths), width, *moved)

    def pack(self, x: Tensor) -> Tensor:
        """``(rows, width, dim)`` to ``(tokens, dim)``."""
        return x.flatten(0, 1).index_select(0, self.places)

    def pad(self, x: Tensor) -> Tensor:
        """``(tokens, dim)`` to ``(rows, width, dim)``.

        Padding gets the state of its row's first token.
        """
        padded = x.index_select(0, self.tokens)
        return padded.view(self.rows, self.width, x.size(1))


def packed_self_attention(attention: nn.Module, x: Tensor, packing: Packing) -> Tensor:
    """What fairseq's ``MultiheadAttention`` computes, for packed tokens.

    Only the products of queries and keys, and those with the values, take padding.

    Args:
        attention: the module.
        x: ``(tokens, dim)``.

    Returns:
        ``(tokens, dim)``.
    """
    projections = (attention.q_proj, attention.k_proj, attention.v_proj)
    joined = packing.pad(torch.cat([project(x) for project in projections], dim=1))
    query, key, value = joined.unflatten(2, (3, attention.num_heads, -1)).unbind(2)
    context = F.scaled_dot_product_attention(
        query.transpose(1, 2),
        key.transpose(1, 2),
        value.transpose(1, 2),
        attn_mask=packing.real[:, None, None],
        dropout_p=attention.dropout_module.p if attention.training else 0.0,
    )
    return attention.out_proj(packing.pack(context.transpose(1, 2).flatten(2)))
