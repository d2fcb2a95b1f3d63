"""Which tensor of Hugging Face is which of ours: one table, read both ways."""

from typing import Dict, List, NamedTuple, Tuple

import torch
import torch.nn.functional as F
from torch import Tensor

from fairseq_xling.checkpoints.fitting import UNUSED
from fairseq_xling.interop.heads import Head
from fairseq_xling.interop.layers import BERT, DISTILBERT
from fairseq_xling.interop.shapes import Shape

ENCODER = "encoder.sentence_encoder."
EMBEDDINGS = f"{ENCODER}embed_tokens.weight"
POSITIONS = f"{ENCODER}embed_positions.weight"
SEGMENTS = f"{ENCODER}embed_segments.weight"
OUTPUT = "encoder.lm_head.weight"
# Rows that no text is given here; see :func:`to_ours`.
UNUSED_SEGMENTS = f"{UNUSED}embed_segments.weight"
# Our names of a layer's modules, and the sizes of the weight.
LAYER = {
    "self_attn.q_proj": ("dim", "dim"),
    "self_attn.k_proj": ("dim", "dim"),
    "self_attn.v_proj": ("dim", "dim"),
    "self_attn.out_proj": ("dim", "dim"),
    "self_attn_layer_norm": ("dim",),
    "fc1": ("ffn", "dim"),
    "fc2": ("dim", "ffn"),
    "final_layer_norm": ("dim",),
}


class Entry(NamedTuple):
    """A tensor.

    Attributes:
        theirs, ours: its names.
        shape: Hugging Face's.
        has_tokens: whether its rows are those of tokens.
    """

    theirs: str
    ours: str
    shape: Tuple[int, ...]
    has_tokens: bool = False


def tensors_of(shape: Shape, prefix: str, head: Head, classes: int) -> List[Entry]:
    """The tensors of a model.

    Args:
        shape: its sizes.
        prefix: of the encoder's names at Hugging Face.
        head: its head.
        classes: number of the head's outputs, where it is not that of tokens.
    """
    kind, dim, stem = shape.kind, shape.dim, f"{prefix}embeddings."
    found = [
        Entry(f"{stem}word_embeddings.weight", EMBEDDINGS,
              (shape.vocabulary, dim), True),
        Entry(f"{stem}position_embeddings.weight", POSITIONS, (shape.positions, dim)),
        *module(f"{stem}LayerNorm", f"{ENCODER}layernorm_embedding", (dim,)),
    ]  # fmt: skip
    if shape.segments:
        theirs = f"{stem}token_type_embeddings.weight"
        found.append(Entry(theirs, SEGMENTS, (shape.segments, dim)))
    sizes = {**vars(shape), "classes": classes}
    for layer in range(shape.layers):
        for ours, names in LAYER.items():
            found += module(
                prefix + kind.modules[ours].format(layer=layer),
                f"{ENCODER}layers.{layer}.{ours}",
                tuple(sizes[name] for name in names),
            )
    for one in head.modules:
        theirs = one.theirs[kind.column].format(prefix=prefix)
        found += module(theirs, one.ours, tuple(sizes[name] for name in one.sizes))
    if head.token_bias:
        bias = head.token_bias[kind.column]
        found.append(Entry(bias, "encoder.lm_head.bias", (shape.vocabulary,), True))
    return found


def module(theirs: str, ours: str, shape: Tuple[int, ...]) -> List[Entry]:
    """Weight and bias."""
    return [
        Entry(f"{theirs}.weight", f"{ours}.weight", shape),
        Entry(f"{theirs}.bias", f"{ours}.bias", shape[:1]),
    ]


def pooler(shape: Shape, prefix: str) -> List[Entry]:
    """What BERT was pre-trained to classify pairs with; XLM-R's is of no use."""
    if shape.kind is DISTILBERT:
        return []
    ours = "pooler.dense" if shape.kind is BERT else f"{UNUSED}pooler.dense"
    return module(f"{prefix}pooler.dense", ours, (shape.dim, shape.dim))


def to_ours(
    tensors: Dict[str, Tensor],
    entries: List[Entry],
    shape: Shape,
    order: List[int],
    num_segments: int,
) -> Dict[str, Tensor]:
    """Hugging Face's tensors as ours.

    Where texts are not told apart, all tokens are of the first segment, which stands
    alone in our table; the others are kept for the way back.

    Args:
        order: Hugging Face's id of each of our tokens.
        num_segments: that the model here tells apart, or 0.
    """
    found = {}
    for entry in entries:
        tensor = tensors[entry.theirs]
        found[entry.ours] = tensor[torch.tensor(order)] if entry.has_tokens else tensor
    found[POSITIONS] = F.pad(found[POSITIONS], (0, 0, shape.kind.unused_positions, 0))
    if SEGMENTS in found and not num_segments:
        table = found.pop(SEGMENTS)
        if table.any() or len(table) != shape.kind.segments:
            found[SEGMENTS] = table[:1].clone()
        if SEGMENTS in found and len(table) > 1:
            found[UNUSED_SEGMENTS] = table[1:].clone()
    if "encoder.lm_head.bias" in found:
        found[OUTPUT] = found[EMBEDDINGS]
    return found


def to_theirs(
    state: Dict[str, Tensor], entries: List[Entry], shape: Shape, rows: List[int]
) -> Dict[str, Tensor]:
    """Our tensors as Hugging Face's; ``rows`` has our token of each of its ids."""
    found = {}
    for entry in entries:
        if entry.ours == SEGMENTS:
            parts = [state[x] for x in (SEGMENTS, UNUSED_SEGMENTS) if x in state]
            none = torch.zeros(entry.shape, dtype=state[EMBEDDINGS].dtype)
            tensor = torch.cat(parts) if parts else none
        else:
            tensor = state[entry.ours]
        if entry.has_tokens:
            tensor = tensor[torch.tensor(rows)]
        elif entry.ours == POSITIONS:
            tensor = tensor[shape.kind.unused_positions :]
        # The format takes no two tensors of one memory.
        found[entry.theirs] = tensor.detach().clone().contiguous()
    return found
