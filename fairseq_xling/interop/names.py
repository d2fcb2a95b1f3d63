"""Which tensor of Hugging Face is which of ours: one table, read both ways."""

from typing import Dict, List, NamedTuple, Tuple

import torch
import torch.nn.functional as F
from torch import Tensor

from fairseq_xling.interop.heads import Head
from fairseq_xling.interop.shapes import MBERT, XLMR, Shape

ENCODER = "encoder.sentence_encoder."
EMBEDDINGS = f"{ENCODER}embed_tokens.weight"
POSITIONS = f"{ENCODER}embed_positions.weight"
SEGMENTS = f"{ENCODER}embed_segments.weight"
OUTPUT = "encoder.lm_head.weight"
# Modules of a layer: theirs, ours, and the sizes of the weight.
LAYER = [
    ("attention.self.query", "self_attn.q_proj", ("dim", "dim")),
    ("attention.self.key", "self_attn.k_proj", ("dim", "dim")),
    ("attention.self.value", "self_attn.v_proj", ("dim", "dim")),
    ("attention.output.dense", "self_attn.out_proj", ("dim", "dim")),
    ("attention.output.LayerNorm", "self_attn_layer_norm", ("dim",)),
    ("intermediate.dense", "fc1", ("ffn", "dim")),
    ("output.dense", "fc2", ("dim", "ffn")),
    ("output.LayerNorm", "final_layer_norm", ("dim",)),
]


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
    stem, dim = f"{prefix}embeddings.", shape.dim
    found = [
        Entry(f"{stem}word_embeddings.weight", EMBEDDINGS,
              (shape.vocabulary, dim), True),
        Entry(f"{stem}position_embeddings.weight", POSITIONS, (shape.positions, dim)),
        Entry(f"{stem}token_type_embeddings.weight", SEGMENTS,
              (shape.backbone.segments, dim)),
        *module(f"{stem}LayerNorm", f"{ENCODER}layernorm_embedding", (dim,)),
    ]  # fmt: skip
    for layer in range(shape.layers):
        for theirs, ours, names in LAYER:
            found += module(
                f"{prefix}encoder.layer.{layer}.{theirs}",
                f"{ENCODER}layers.{layer}.{ours}",
                tuple(getattr(shape, name) for name in names),
            )
    is_mbert = shape.backbone is MBERT
    sizes = {**vars(shape), "classes": classes}
    for xlmr, mbert, ours, names in head.modules:
        theirs = (mbert if is_mbert else xlmr).format(prefix=prefix)
        found += module(theirs, ours, tuple(sizes[name] for name in names))
    if head.token_bias:
        bias = head.token_bias[is_mbert]
        found.append(Entry(bias, "encoder.lm_head.bias", (shape.vocabulary,), True))
    return found


def module(theirs: str, ours: str, shape: Tuple[int, ...]) -> List[Entry]:
    """Weight and bias."""
    return [
        Entry(f"{theirs}.weight", f"{ours}.weight", shape),
        Entry(f"{theirs}.bias", f"{ours}.bias", shape[:1]),
    ]


def pooler(shape: Shape, prefix: str) -> List[Entry]:
    """What BERT was pre-trained to classify pairs with."""
    size = (shape.dim, shape.dim)
    return module(f"{prefix}pooler.dense", "pooler.dense", size)


def to_ours(
    tensors: Dict[str, Tensor], entries: List[Entry], shape: Shape, order: List[int]
) -> Dict[str, Tensor]:
    """Hugging Face's tensors as ours; ``order`` has its id of each of our tokens."""
    found = {}
    for entry in entries:
        tensor = tensors[entry.theirs]
        found[entry.ours] = tensor[torch.tensor(order)] if entry.has_tokens else tensor
    found[POSITIONS] = F.pad(
        found[POSITIONS], (0, 0, shape.backbone.unused_positions, 0)
    )
    if shape.backbone is XLMR and not found[SEGMENTS].any():
        del found[SEGMENTS]
    if "encoder.lm_head.bias" in found:
        found[OUTPUT] = found[EMBEDDINGS]
    return found


def to_theirs(
    state: Dict[str, Tensor], entries: List[Entry], shape: Shape, rows: List[int]
) -> Dict[str, Tensor]:
    """Our tensors as Hugging Face's; ``rows`` has our token of each of its ids."""
    found = {}
    for entry in entries:
        if entry.ours == SEGMENTS and entry.ours not in state:
            tensor = torch.zeros(entry.shape, dtype=state[EMBEDDINGS].dtype)
        else:
            tensor = state[entry.ours]
        if entry.has_tokens:
            tensor = tensor[torch.tensor(rows)]
        elif entry.ours == POSITIONS:
            tensor = tensor[shape.backbone.unused_positions :]
        # The format takes no two tensors of one memory.
        found[entry.theirs] = tensor.detach().clone().contiguous()
    return found
