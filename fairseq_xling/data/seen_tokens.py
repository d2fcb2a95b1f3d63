"""Which tokens of the vocabulary occur in data."""

from typing import Iterable

import numpy as np
import torch
from fairseq.data import Dictionary
from torch import Tensor

from fairseq_xling.data.stream_files import values_of
from fairseq_xling.data.streams import Streams

TEXTS = ("input", "source", "backtranslation")
# Tokens that are looked at together, so that memory stays flat.
CHUNK = 1 << 20


def seen_tokens(streams: Iterable[Streams], dictionary: Dictionary) -> Tensor:
    """Ids of the tokens in the texts of streams, and of the special symbols.

    Returns:
        ascending ids, long ``(tokens,)``.
    """
    seen = np.zeros(len(dictionary), bool)
    seen[: dictionary.nspecial] = True
    seen[dictionary.index("<mask>")] = True
    for one in streams:
        for name in TEXTS:
            stream = getattr(one, name)
            if stream is None:
                continue
            values = values_of(stream)
            for start in range(0, len(values), CHUNK):
                seen[values[start : start + CHUNK]] = True
    return torch.from_numpy(np.flatnonzero(seen))
