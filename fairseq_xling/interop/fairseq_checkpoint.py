"""Reading a fairseq checkpoint for Hugging Face: sizes, tensors, labels."""

import logging
from pathlib import Path
from typing import Any, Dict, NamedTuple, Optional, Tuple

import torch
from torch import Tensor

from fairseq_xling.checkpoints.opening import open_checkpoint
from fairseq_xling.checkpoints.paths import find_checkpoint_file
from fairseq_xling.checkpoints.stored_options import stored_options
from fairseq_xling.errors import UserError
from fairseq_xling.interop.heads import HEADS, LM, NO_HEAD, Head
from fairseq_xling.interop.layers import BERT, DISTILBERT, LAYERS, XLMR, Layers
from fairseq_xling.interop.names import (
    EMBEDDINGS,
    ENCODER,
    POSITIONS,
    SEGMENTS,
    UNUSED_SEGMENTS,
)
from fairseq_xling.interop.shapes import Shape

logger = logging.getLogger(__name__)

# Where a checkpoint that was converted says what it was, in Hugging Face's words.
MODEL_TYPE = "hf_model_type"
# What Hugging Face's models compute, as options of fairseq's.
COMPUTED: Dict[str, Any] = {
    "encoder_normalize_before": False,
    "layernorm_embedding": True,
    "untie_weights_roberta": False,
    "activation_fn": "gelu",
    "encoder_learned_pos": True,
    "no_token_positional_embeddings": False,
    "no_scale_embedding": True,
}


class Checkpoint(NamedTuple):
    """What a checkpoint holds.

    Attributes:
        path: of its file.
        options: of the model.
        model_type: what it was at Hugging Face, where it was converted.
        head: what is on top of the backbone.
        labels: of classes or tags.
        tensors: by name.
        data: the folder that it was trained on, where it tells.
        dictionary_sha256: of its ``dict.txt``, where it tells.
    """

    path: Path
    options: Dict[str, Any]
    model_type: Optional[str]
    head: Head
    labels: Tuple[str, ...]
    tensors: Dict[str, Tensor]
    data: Optional[str]
    dictionary_sha256: Optional[str]


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint, and log what of it Hugging Face cannot do.

    Raises:
        UserError: it is no checkpoint of such a model, or Hugging Face's would compute
            otherwise.
    """
    path = Path(find_checkpoint_file(path))
    state = open_checkpoint(path)
    options = stored_options(state, "model")
    if not state.get("model") or not options:
        raise UserError(f"{path}: has no model and options; give a fairseq checkpoint")
    tensors = modern_names(state["model"])
    for name, value in COMPUTED.items():
        if options.get(name, value) != value:
            raise UserError(
                f"{path}: trained with {name} {options[name]}; Hugging Face's models "
                f"compute {value}"
            )
    for name in (EMBEDDINGS, POSITIONS, f"{ENCODER}layers.0.fc1.weight"):
        if name not in tensors:
            raise UserError(f"{path}: no XLM-R or mBERT; it lacks {name}")
    if not options.get("encoder_attention_heads"):
        raise UserError(f"{path}: its options lack encoder_attention_heads")
    # The head that it was fine-tuned with, else that for masked tokens.
    head = LM if "encoder.lm_head.dense.weight" in tensors else NO_HEAD
    for one in HEADS.values():
        if one.family is not None and f"{one.output}.weight" in tensors:
            head = one
            break
    known = state.get("task_state") or {}
    labels = tuple(known.get("labels") or ())
    if head.has_labels:
        outputs = len(tensors[f"{head.output}.weight"])
        if len(labels) != outputs:
            raise UserError(
                f"{path}: has {outputs} classes, and names {len(labels)}; give a model "
                "that was fine-tuned with one of the xmixup tasks"
            )
    task = stored_options(state, "task")
    mixes = str(options.get("mixup_layer") or "0") != "0"
    if head.family is not None and mixes and not task.get("no_mixup_inference"):
        logger.warning(
            f"{path}: was trained to mix with translations; Hugging Face reads the "
            "target alone, so its predictions are those of --no-mixup-inference, and "
            "the ratio's parameters are left out"
        )
    if head.family is not None and task.get("word_pooling") == "mean":
        logger.warning(
            f"{path}: was trained with --word-pooling mean; Hugging Face scores "
            "pieces, so take the mean of a word's pieces' logits, not those of the "
            "first"
        )
    return Checkpoint(
        path,
        options,
        state.get(MODEL_TYPE),
        head,
        labels if head.has_labels else (),
        tensors,
        task.get("data"),
        known.get("dictionary_sha256"),
    )


def modern_names(tensors: Dict[str, Tensor]) -> Dict[str, Tensor]:
    """Bring names of fairseq's first checkpoints to those of today."""
    found: Dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        if name.startswith("decoder."):
            name = "encoder." + name[len("decoder.") :]
        name = name.replace(".emb_layer_norm.", ".layernorm_embedding.")
        stem, joined, kind = name.partition("in_proj_")
        if joined:
            for part, rows in zip("qkv", torch.chunk(tensor, 3)):
                found[f"{stem}{part}_proj.{kind}"] = rows
        else:
            found[name] = tensor
    return found


def find_layers(checkpoint: Checkpoint, tokenizer: str) -> Layers:
    """The kind of layers that computes what a checkpoint's model does.

    A trained model need not be of the kind that it was converted from: a single segment
    has become part of its positions, and its head may have another activation.

    Args:
        tokenizer: its kind.

    Raises:
        UserError: none does.
    """
    options, tensors = checkpoint.options, checkpoint.tensors
    usual = XLMR if tokenizer == "sentencepiece" else BERT
    activation = options.get("pooler_activation_fn", "tanh")
    if usual is BERT and activation == "relu" and SEGMENTS not in tensors:
        usual = DISTILBERT
    kind = LAYERS.get(str(checkpoint.model_type), usual)
    eps = options.get("layer_norm_eps") or 1e-5
    for name, value, computed in (
        ("pooler_activation_fn", activation, kind.head_activation),
        ("layer_norm_eps", eps, kind.fixed.get("eps", eps)),
    ):
        if value != computed:
            raise UserError(
                f"{checkpoint.path}: trained with {name} {value}; Hugging Face's "
                f"{kind.classes} computes {computed}"
            )
    return kind


def find_shape(checkpoint: Checkpoint, kind: Layers) -> Shape:
    """Sizes and constants of a model, as Hugging Face's ``kind`` of layers."""
    options, tensors = checkpoint.options, checkpoint.tensors
    vocabulary, dim = tensors[EMBEDDINGS].shape
    marker = f"{ENCODER}layers."
    depth = {
        key[len(marker) :].split(".")[0] for key in tensors if key.startswith(marker)
    }
    tables = [tensors[x] for x in (SEGMENTS, UNUSED_SEGMENTS) if x in tensors]
    return Shape(
        kind,
        vocabulary,
        dim,
        len(depth),
        options["encoder_attention_heads"],
        len(tensors[f"{ENCODER}layers.0.fc1.weight"]),
        len(tensors[POSITIONS]) - kind.unused_positions,
        sum(map(len, tables)) if tables else kind.segments,
        options.get("layer_norm_eps") or 1e-5,
        options.get("dropout", 0.1),
        options.get("attention_dropout", 0.1),
        options.get("pooler_dropout") or 0.0,
    )
