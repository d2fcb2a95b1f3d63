"""One source text with all its translations: batches in which it is encoded once."""

import zlib
from typing import Any, Dict, Iterable, Sequence

import numpy as np
import torch
from torch import Tensor

from fairseq_xling.data.stream_files import values_of
from fairseq_xling.data.streams import Streams


def source_checksums(streams: Streams) -> np.ndarray:
    """A number for each row, the same where the source is; int64 ``(rows,)``."""
    source: Any = streams.source
    values = np.ascontiguousarray(values_of(source))
    buffer = memoryview(values).cast("B")
    sizes = np.asarray(source.sizes, np.int64)
    ends = np.cumsum(sizes) * values.itemsize
    starts = ends - sizes * values.itemsize
    pairs = zip(starts.tolist(), ends.tolist())
    sums = np.array([zlib.crc32(buffer[start:end]) for start, end in pairs], np.int64)
    return sums << 20 | np.minimum(sizes, (1 << 20) - 1)


def order_by_source(
    keys: np.ndarray, lengths: np.ndarray, generator: np.random.Generator
) -> np.ndarray:
    """Items with one source after one another, the groups shortest first.

    Args:
        keys: the same for items of one source, ``(items,)``.
        lengths: of each item, ``(items,)``; a group is as long as its longest.
        generator: draws the order of equally long groups, and that within a group.

    Returns:
        the items, ``(items,)``.
    """
    values, group = np.unique(keys, return_inverse=True)
    longest = np.zeros(len(values), lengths.dtype)
    np.maximum.at(longest, group, lengths)
    drawn = generator.permutation(len(values))
    return np.lexsort((generator.permutation(len(keys)), drawn[group], longest[group]))


def number_texts(texts: Iterable[Tensor]) -> np.ndarray:
    """Number token sequences, equal ones the same; ``(texts,)``."""
    known: Dict[bytes, int] = {}
    return np.array([known.setdefault(t.numpy().tobytes(), len(known)) for t in texts])


def share_sources(sample: Dict[str, Any]) -> Dict[str, Any]:
    """Have the model encode sources that are the same only once.

    Args:
        sample: a batch of :class:`PairedDataset`.

    Returns:
        the batch; where its sources are numbered, ``net_input`` has those to encode,
        ``distinct_sources`` ``(distinct,)``, positions among the sources, and
        ``source_places`` ``(pairs,)``, which of these is each pair's; the ``lengths``
        are of each row and of what is encoded, ``(batch + distinct,)``.
    """
    numbers = sample.get("source_numbers")
    if numbers is None:
        return sample
    _, first, place = np.unique(numbers, return_index=True, return_inverse=True)
    device = sample["net_input"]["source_tokens"].device
    # So few bytes are copied without a wait for what a GPU is at.
    moved: Sequence[Tensor] = [
        torch.from_numpy(one).to(device, non_blocking=True) for one in (first, place)
    ]
    names = ("distinct_sources", "source_places")
    own, of_sources = np.split(sample["lengths"], [-len(numbers)])
    return {
        **sample,
        "net_input": {**sample["net_input"], **dict(zip(names, moved))},
        "lengths": np.concatenate([own, of_sources[first]]),
    }
