"""Text of sentence pairs that keeps its two sentences apart."""

from typing import List, Optional, Sequence

import sentencepiece
import torch
from fairseq.data import Dictionary

from fairseq_xling.errors import UserError

SEPARATOR = " </s> "


class SegmentDictionary(Dictionary):
    """A dictionary that writes ``</s>`` between the sentences of a pair.

    fairseq's own leaves it out, and so joins the sentences.
    """

    def string(self, tensor, *args, **kwargs) -> str:
        """Write tokens as text; see fairseq's ``Dictionary.string``."""
        if torch.is_tensor(tensor):
            if tensor.dim() == 2:
                return "\n".join(self.string(row, *args, **kwargs) for row in tensor)
            tensor = tensor.tolist()
        write = super().string
        return SEPARATOR.join(
            write(torch.tensor(part, dtype=torch.long), *args, **kwargs)
            for part in split_segments(tensor, self.eos())
        )


def split_segments(tokens: Sequence[int], eos: int) -> List[List[int]]:
    """Split ``<s> a </s> </s> b </s>`` into two, leave ``<s> a </s>`` as one."""
    tokens = list(tokens)
    for place in range(len(tokens) - 1):
        if tokens[place] == tokens[place + 1] == eos:
            return [tokens[:place], tokens[place + 2 :]]
    return [tokens]


class SegmentDecoder:
    """Pieces to text, with a tab between the sentences of a pair.

    Args:
        model: path of the SentencePiece model.

    Raises:
        UserError: it cannot be read.
    """

    def __init__(self, model: str) -> None:
        try:
            self.processor = sentencepiece.SentencePieceProcessor(model)
        except (OSError, RuntimeError):
            raise UserError(
                f"{model}: not a SentencePiece model; run preprocessing again"
            ) from None

    def decode(self, pieces: str) -> str:
        """Decode pieces with spaces between them."""
        return "\t".join(
            self.processor.decode(part.split()) for part in pieces.split(SEPARATOR)
        )

    def encode(self, text: str) -> str:
        """Encode text as pieces with spaces between them."""
        return " ".join(self.processor.encode(text, out_type=str))


def build_decoder(model: str, post_process: Optional[str]) -> Optional[SegmentDecoder]:
    """The decoder of D- lines, unless ``--post-process`` has joined the pieces."""
    return None if post_process else SegmentDecoder(model)
