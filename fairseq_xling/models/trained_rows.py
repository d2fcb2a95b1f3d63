"""Embeddings of which only some rows are trained: those of tokens that data have."""

from typing import List

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class RowEmbedding(nn.Embedding):
    """Embeddings whose matrix is frozen but for some rows.

    The rows are a parameter of their own, so that gradients, and what an optimizer
    keeps, have their size. The matrix takes them over when training gives way to
    evaluation, and when it is saved. Checkpoints hold the matrix alone, as those of
    any embeddings.

    In training all other tokens read padding's row, which no gradient reaches; fairseq
    runs a batch of other tokens where a process has none left, and drops its loss.

    Args:
        embedding: the embeddings, whose matrix it shares.
        ids: tokens of the rows, ascending and padding among them, long ``(rows,)``.

    Attributes:
        rows: ``(rows, dim)``.
        places: the row of each token of the vocabulary, long ``(vocabulary,)``.
    """

    ids: Tensor
    places: Tensor

    def __init__(self, embedding: nn.Embedding, ids: Tensor) -> None:
        matrix = embedding.weight
        super().__init__(*matrix.shape, embedding.padding_idx, _weight=matrix.data)
        self.weight = matrix.requires_grad_(False)  # the LM head has it, too
        self.rows = nn.Parameter(matrix.detach()[ids])
        (padding,) = (ids == self.padding_idx).nonzero().flatten().tolist()
        self.place_of_padding = padding
        places = torch.full((len(matrix),), padding)
        places[ids] = torch.arange(len(ids))
        self.register_buffer("ids", ids, persistent=False)
        self.register_buffer("places", places, persistent=False)

    def forward(self, tokens: Tensor) -> Tensor:
        """Embed tokens of any shape."""
        if not self.training:
            return super().forward(tokens)
        return F.embedding(self.places[tokens], self.rows, self.place_of_padding)

    def train(self, mode: bool = True) -> "RowEmbedding":
        """Begin training, or evaluation of what was trained."""
        if self.training and not mode:
            self.fill_matrix()
        return super().train(mode)

    @torch.no_grad()
    def fill_matrix(self) -> None:
        """Let the matrix have the rows as they are now."""
        self.weight.index_copy_(0, self.ids, self.rows)

    def _save_to_state_dict(self, destination, prefix, keep_vars) -> None:
        self.fill_matrix()
        super()._save_to_state_dict(destination, prefix, keep_vars)
        del destination[f"{prefix}rows"]

    def _load_from_state_dict(
        self, state_dict, prefix, local_metadata, strict, missing_keys, *args
    ) -> None:
        super()._load_from_state_dict(
            state_dict, prefix, local_metadata, strict, missing_keys, *args
        )
        if f"{prefix}rows" in missing_keys:
            missing_keys.remove(f"{prefix}rows")
        with torch.no_grad():
            self.rows.copy_(self.weight[self.ids])


def row_embeddings(model: nn.Module) -> List[RowEmbedding]:
    """Those of a model's modules that are such embeddings."""
    return [one for one in model.modules() if isinstance(one, RowEmbedding)]
