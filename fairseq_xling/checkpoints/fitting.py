"""Fit a checkpoint's names and shapes to a model, or say why it does not belong."""

import logging
from typing import Any, Dict, Sequence

from torch import Tensor

from fairseq_xling.checkpoints.shape import sizes_of
from fairseq_xling.data.labels import order_of
from fairseq_xling.errors import UserError
from fairseq_xling.option_values import flag_of

logger = logging.getLogger(__name__)

# What names of tensors begin with that only the model has which was converted.
UNUSED = "unused."


def fit_ratios(
    state_dict: Dict[str, Tensor], current: Dict[str, Tensor], prefix: str
) -> None:
    """Drop the ratios of layers that do not mix here; add those of layers that do."""
    for key in [k for k in state_dict if ".mixup_ratio." in k]:
        if key[len(prefix) :] not in current:
            logger.info(f"{key} of the checkpoint is not used by --mixup-layer")
            del state_dict[key]
    for key in [k for k in current if ".mixup_ratio." in k]:
        state_dict.setdefault(prefix + key, current[key])


def fit_positions(
    state_dict: Dict[str, Tensor], current: Dict[str, Tensor], prefix: str
) -> None:
    """Shorten the position table: its rows are independent, so the first are used."""
    key = "encoder.sentence_encoder.embed_positions.weight"
    if prefix + key in state_dict:
        state_dict[prefix + key] = state_dict[prefix + key][: len(current[key])]


def fit_segments(state_dict: Dict[str, Tensor], prefix: str) -> None:
    """Add a single segment's embedding to the positions: every token has it.

    Hugging Face's XLM-R has one, and of a BERT with SentencePiece one is used.
    """
    for key in [key for key in state_dict if key.startswith(f"{prefix}{UNUSED}")]:
        del state_dict[key]
    stem = f"{prefix}encoder.sentence_encoder."
    segments = state_dict.get(f"{stem}embed_segments.weight")
    if segments is not None and len(segments) == 1:
        del state_dict[f"{stem}embed_segments.weight"]
        key = f"{stem}embed_positions.weight"
        state_dict[key] = state_dict[key] + segments


def fit_lm_head(
    state_dict: Dict[str, Tensor], current: Dict[str, Tensor], prefix: str
) -> bool:
    """Keep the model's own LM head where the checkpoint has none.

    Returns:
        whether it has none.
    """
    keys = [key for key in current if key.startswith("encoder.lm_head.")]
    lacks = all(prefix + key not in state_dict for key in keys)
    if lacks:
        state_dict.update({prefix + key: current[key] for key in keys})
        # The output matrix is the input embeddings.
        embeddings = f"{prefix}encoder.sentence_encoder.embed_tokens.weight"
        if embeddings in state_dict:
            state_dict[f"{prefix}encoder.lm_head.weight"] = state_dict[embeddings]
    return lacks


def fit_pooler(heads: Any, state_dict: Dict[str, Tensor], prefix: str) -> None:
    """Begin new heads for sequences with BERT's pooler, which stands in their place."""
    pooler = {part: f"{prefix}pooler.dense.{part}" for part in ("weight", "bias")}
    if pooler["weight"] not in state_dict:
        return
    weights = {part: state_dict.pop(key) for part, key in pooler.items()}
    for name, head in heads.items():
        stem = f"{prefix}classification_heads.{name}."
        is_new = f"{stem}out_proj.weight" not in state_dict
        if is_new and head.dense.weight.shape == weights["weight"].shape:
            for key, value in head.state_dict().items():
                state_dict[stem + key] = value
            for part, value in weights.items():
                state_dict[f"{stem}dense.{part}"] = value


def fit_token_heads(model: Any, state_dict: Dict[str, Tensor], prefix: str) -> None:
    """Take a checkpoint's heads for tokens as fairseq takes those for sequences."""
    heads = model.token_heads
    for name in {key[len(prefix) :].split(".")[0] for key in state_dict
                 if key.startswith(prefix)}:  # fmt: skip
        weight = state_dict.get(f"{prefix}{name}.out_proj.weight")
        wants_heads = getattr(model.args, "load_checkpoint_heads", False)
        if weight is not None and name not in heads and wants_heads:
            model.register_token_head(name, len(weight), 0.0)
        fits = (
            weight is not None
            and name in heads
            and heads[name].out_proj.weight.shape == weight.shape
        )
        if not fits:
            logger.warning(f"token head {name} of the checkpoint is not used here")
            for key in [k for k in state_dict if k.startswith(f"{prefix}{name}.")]:
                del state_dict[key]
    for key, value in heads.state_dict().items():
        state_dict.setdefault(prefix + key, value)


def fit_labels(state_dict: Dict[str, Tensor], ours: Sequence[str], prefix: str) -> None:
    """Bring the rows of a checkpoint's head to the order of our labels, by name.

    Args:
        state_dict: the checkpoint's, changed in place; where it is known, its
            ``labels`` tell their order.
        ours: the labels in the order of their ids; none where the task has none.

    Raises:
        UserError: it was trained on as many, but other labels.
    """
    theirs = list(getattr(state_dict, "labels", ()))
    if theirs == list(ours) or not ours or len(theirs) != len(ours):
        return
    order = order_of(theirs, ours)
    if order is None:
        raise UserError(
            f"trained on the labels {', '.join(theirs)}, but the data have "
            f"{', '.join(ours)}; give a checkpoint that was trained on them"
        )
    heads = (f"{prefix}classification_heads.", f"{prefix}token_heads.")
    for key, value in state_dict.items():
        is_ours = key.startswith(heads) and ".out_proj." in key
        if is_ours and len(value) == len(order):
            state_dict[key] = value[order]
    logger.info(f"labels of the checkpoint, {', '.join(theirs)}: matched by name")


def check_shapes(
    state_dict: Dict[str, Tensor], current: Dict[str, Tensor], prefix: str
) -> None:
    """Refuse a checkpoint of another dictionary, depth or width, in one line."""
    theirs, ours = sizes_of(state_dict), sizes_of(current)
    for name, size in ours.items():
        if theirs[name] != size:
            mend = "leave it out, and give --arch xmixup_xlmr, which has no sizes"
            if name == "max_positions":
                mend = "lower it"
            raise UserError(
                f"the checkpoint has {flag_of(name)} {theirs[name]}, the model {size}: "
                f"{mend}"
            )
    embeddings = "encoder.sentence_encoder.embed_tokens.weight"
    tokens = len(state_dict.get(prefix + embeddings, ()))
    known = len(current[embeddings])
    if tokens != known:
        raise UserError(
            f"the checkpoint has {tokens} tokens, the dictionary {known}: use data "
            "that were binarized with the dict.txt of the checkpoint"
        )
