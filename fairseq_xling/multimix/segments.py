"""Text of sentence pairs that keeps its two sentences apart."""

import torch
from fairseq.data import Dictionary

from fairseq_xling.data.sequences import split_pair
from fairseq_xling.data.tokenizers import open_tokenizer

SEPARATOR = " </s> "


class SegmentDictionary(Dictionary):
    """A dictionary that writes ``</s>`` between the sentences of a pair.

    fairseq's own leaves it out, and so joins the sentences.

    Attributes:
        separators: how many of them stand between two sentences.
    """

    separators = 2

    def string(self, tensor, *args, **kwargs) -> str:
        """Write tokens as text; see fairseq's ``Dictionary.string``."""
        if torch.is_tensor(tensor):
            if tensor.dim() == 2:
                return "\n".join(self.string(row, *args, **kwargs) for row in tensor)
        write, tokens = super().string, torch.as_tensor(tensor)
        return SEPARATOR.join(
            write(part, *args, **kwargs)
            for part in split_pair(tokens, self.eos(), self.separators)
        )


class SegmentDecoder:
    """Pieces to text by a tokenizer's file, with a tab between a pair's sentences."""

    def __init__(self, path: str) -> None:
        self.tokenizer = open_tokenizer(path)

    def decode(self, pieces: str) -> str:
        """Decode pieces with spaces between them."""
        return "\t".join(
            self.tokenizer.decode(part.split()) for part in pieces.split(SEPARATOR)
        )
