"""The head that scores tokens: tags of words, or beginnings and ends of answers."""

from torch import Tensor, nn


class TokenHead(nn.Module):
    """Dropout and one linear layer, as Hugging Face's token heads have it.

    Args:
        dim: width of the states.
        outputs: scores a token: the number of tags, or 2 for first and last token.
        dropout: probability with which a state's entry is dropped.
    """

    def __init__(self, dim: int, outputs: int, dropout: float) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.out_proj = nn.Linear(dim, outputs)
        nn.init.normal_(self.out_proj.weight, std=0.02)
        nn.init.zeros_(self.out_proj.bias)

    def forward(self, features: Tensor) -> Tensor:
        """Map ``(..., dim)`` states to ``(..., outputs)`` scores."""
        return self.out_proj(self.dropout(features))
