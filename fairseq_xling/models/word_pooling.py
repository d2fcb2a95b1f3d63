"""The state of a word from the states of its pieces, free of fairseq."""

import torch
from torch import Tensor

from fairseq_xling.precision import at_least_fp32


def first_piece(features: Tensor, starts: Tensor) -> Tensor:
    """The state of each word's first piece.

    Args:
        features: ``(batch, len, dim)``.
        starts: position of each word's first piece, ``(batch, words)``, -1 for none.

    Returns:
        ``(batch, words, dim)``; where there is no word, what is there has no meaning.
    """
    index = starts.clamp(min=0).unsqueeze(-1).expand(-1, -1, features.size(-1))
    return features.gather(1, index)


def mean_of_pieces(features: Tensor, starts: Tensor, counted: Tensor) -> Tensor:
    """The mean of the states of each word's pieces.

    Args:
        features: ``(batch, len, dim)``.
        starts: position of each word's first piece, ``(batch, words)``, ascending, -1
            for none.
        counted: tokens that are neither padding nor special, bool ``(batch, len)``; a
            word ends before the next one, or with the last of them.

    Returns:
        ``(batch, words, dim)``; zeros where there is no word.
    """
    batch, length, dim = features.shape
    begins = torch.zeros(batch, length + 1, dtype=torch.long, device=features.device)
    # Position ``length`` takes the starts that are none.
    begins.scatter_(1, torch.where(starts < 0, length, starts), 1)
    word = begins[:, :length].cumsum(dim=1) - 1
    counted = counted & (word >= 0)
    # One word more takes the tokens that belong to none.
    words = starts.size(1)
    word = torch.where(counted, word, words)
    sums = features.new_zeros(
        batch, words + 1, dim, dtype=at_least_fp32(features).dtype
    )
    index = word.unsqueeze(-1).expand(-1, -1, dim)
    sums = sums.scatter_add(1, index, at_least_fp32(features))[:, :words]
    counts = torch.zeros(batch, words + 1, device=features.device, dtype=sums.dtype)
    counts = counts.scatter_add(1, word, torch.ones_like(word, dtype=sums.dtype))
    means = sums / counts[:, :words, None].clamp(min=1)
    return means.to(features.dtype)
