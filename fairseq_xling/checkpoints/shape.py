"""The shape of the model in a checkpoint: what weights tell, and what options do."""

from pathlib import Path
from typing import Any, Dict, Mapping, Union

from torch import Tensor

from fairseq_xling.checkpoints.opening import look_into
from fairseq_xling.checkpoints.stored_options import stored_options
from fairseq_xling.errors import UserError
from fairseq_xling.option_values import flag_of

# Options that a model cannot do without.
SIZES = (
    *("encoder_layers", "encoder_embed_dim", "encoder_ffn_embed_dim"),
    "encoder_attention_heads",
)
# Of the function that the weights belong to, what they do not tell.
CONSTANTS = (
    *("encoder_attention_heads", "layer_norm_eps", "activation_fn"),
    *("pooler_activation_fn", "encoder_normalize_before", "layernorm_embedding"),
    "untie_weights_roberta",
)
# What XLM-R and BERT add to the variance; fairseq's own XLM-R does not store it.
EPSILON, BERT_EPSILON = 1e-5, 1e-12
# Rows of fairseq's table of positions that are of no token.
UNUSED_POSITIONS = 2


def sizes_of(weights: Mapping[str, Tensor]) -> Dict[str, int]:
    """What weights tell, by names of options; 0 of what is not there.

    Args:
        weights: by fairseq's names of today or of its first checkpoints.
    """
    shapes = {
        name.partition("sentence_encoder.")[2]: tuple(tensor.shape)
        for name, tensor in weights.items()
    }
    layers = {name.split(".")[1] for name in shapes if name.startswith("layers.")}
    ffn, dim = shapes.get("layers.0.fc1.weight", (0, 0))
    (positions, _), (segments, _) = (
        shapes.get(f"embed_{name}.weight", (0, 0)) for name in ("positions", "segments")
    )
    return {
        "encoder_layers": len(layers),
        "encoder_embed_dim": dim,
        "encoder_ffn_embed_dim": ffn,
        "num_segments": segments,
        "max_positions": max(positions - UNUSED_POSITIONS, 0),
    }


def shape_of(path: Union[str, Path]) -> Dict[str, Any]:
    """The shape of a checkpoint's model as options, such as ``encoder_layers``.

    ``encoder_attention_heads`` is not among them where the checkpoint does not tell.

    Raises:
        UserError: it is none of such a model.
    """
    state = look_into(path)
    sizes = sizes_of(state.get("model") or {})
    for name, size in sizes.items():
        if not size and name != "num_segments":
            raise UserError(
                f"{path}: no XLM-R or mBERT, as its weights tell no {flag_of(name)}; "
                "give another checkpoint"
            )
    if sizes["num_segments"] == 1:  # which is added to the positions
        sizes["num_segments"] = 0
    stored = stored_options(state, "model")
    constants = {x: stored[x] for x in CONSTANTS if stored.get(x) is not None}
    eps = BERT_EPSILON if sizes["num_segments"] else EPSILON
    return {"layer_norm_eps": eps, **sizes, **constants}
