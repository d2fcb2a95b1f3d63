"""Which tensor of Hugging Face is which of ours: one table, read both ways."""

from typing import Dict, List, NamedTuple, Optional, Tuple

import torch
import torch.nn.functional as F
from torch import Tensor

from fairseq_xling.families.pairs.task import HEAD_NAME
from fairseq_xling.families.questions.task import SPAN_HEAD
from fairseq_xling.families.tagging.task import TAGGING_HEAD
from fairseq_xling.interop.shapes import MBERT, XLMR, Shape

ENCODER = "encoder.sentence_encoder."
EMBEDDINGS = f"{ENCODER}embed_tokens.weight"
POSITIONS = f"{ENCODER}embed_positions.weight"
SEGMENTS = f"{ENCODER}embed_segments.weight"
OUTPUT = "encoder.lm_head.weight"
CLASS_HEAD = f"classification_heads.{HEAD_NAME}."
HEAD_PREFIXES = {
    "classification": CLASS_HEAD,
    "tagging": f"token_heads.{TAGGING_HEAD}.",
    "qa": f"token_heads.{SPAN_HEAD}.",
}
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


def tensors_of(
    shape: Shape, prefix: str, head: Optional[str], classes: int
) -> List[Entry]:
    """The tensors of a model.

    Args:
        shape: its sizes.
        prefix: of the encoder's names at Hugging Face.
        head: its head; see :func:`fairseq_xling.interop.shapes.read_class`.
        classes: number of the head's outputs, where it is not that of tokens.
    """
    found = encoder(shape, prefix)
    if head == "lm":
        found += lm_head(shape)
    elif head == "classification":
        inner, outer = "classifier.dense", "classifier.out_proj"
        if shape.backbone is MBERT:
            inner, outer = f"{prefix}pooler.dense", "classifier"
        found += module(inner, f"{CLASS_HEAD}dense", (shape.dim, shape.dim))
        found += module(outer, f"{CLASS_HEAD}out_proj", (classes, shape.dim))
    elif head is not None:
        theirs = "classifier" if head == "tagging" else "qa_outputs"
        ours = f"{HEAD_PREFIXES[head]}out_proj"
        found += module(theirs, ours, (classes, shape.dim))
    return found


def module(theirs: str, ours: str, shape: Tuple[int, ...]) -> List[Entry]:
    """Weight and bias."""
    return [
        Entry(f"{theirs}.weight", f"{ours}.weight", shape),
        Entry(f"{theirs}.bias", f"{ours}.bias", shape[:1]),
    ]


def encoder(shape: Shape, prefix: str) -> List[Entry]:
    """Embeddings and layers."""
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
        for theirs, ours, sizes in LAYER:
            found += module(
                f"{prefix}encoder.layer.{layer}.{theirs}",
                f"{ENCODER}layers.{layer}.{ours}",
                tuple(getattr(shape, size) for size in sizes),
            )
    return found


def lm_head(shape: Shape) -> List[Entry]:
    """The head for masked tokens; its output matrix is the embeddings."""
    dense, norm, bias = "lm_head.dense", "lm_head.layer_norm", "lm_head.bias"
    if shape.backbone is MBERT:
        stem = "cls.predictions."
        dense, norm, bias = (
            f"{stem}transform.dense",
            f"{stem}transform.LayerNorm",
            f"{stem}bias",
        )
    return [
        *module(dense, "encoder.lm_head.dense", (shape.dim, shape.dim)),
        *module(norm, "encoder.lm_head.layer_norm", (shape.dim,)),
        Entry(bias, "encoder.lm_head.bias", (shape.vocabulary,), True),
    ]


def pooler(shape: Shape, prefix: str) -> List[Entry]:
    """What BERT was pre-trained to classify pairs with."""
    size = (shape.dim, shape.dim)
    return module(f"{prefix}pooler.dense", "pooler.dense", size)


def to_ours(
    tensors: Dict[str, Tensor], entries: List[Entry], shape: Shape, order: List[int]
) -> Dict[str, Tensor]:
    """Hugging Face's tensors as ours.

    Args:
        tensors: Hugging Face's, by name.
        entries: those to convert.
        shape: of the model.
        order: for each token of our dictionary, Hugging Face's id.
    """
    rows = torch.tensor(order)
    found = {
        entry.ours: tensors[entry.theirs][rows]
        if entry.has_tokens
        else tensors[entry.theirs]
        for entry in entries
    }
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
    """Our tensors as Hugging Face's.

    Args:
        state: ours, by name.
        entries: those to convert.
        shape: of the model.
        rows: for each id of Hugging Face, the token of our dictionary.
    """
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
