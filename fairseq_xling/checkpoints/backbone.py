"""A pre-trained model, or a fine-tuned one without its task, out of its checkpoint."""

from argparse import Namespace
from types import SimpleNamespace
from typing import Any, Dict, Type

from fairseq.data import Dictionary
from fairseq.models.roberta import RobertaModel

from fairseq_xling.checkpoints.stored_options import stored_options
from fairseq_xling.errors import UserError


def build_backbone(
    model_class: Type[RobertaModel],
    state: Dict[str, Any],
    dictionary: Dictionary,
    overrides: Dict[str, Any],
) -> RobertaModel:
    """Build a model with a checkpoint's shape, weights and heads.

    Args:
        overrides: model options that take precedence over the checkpoint's.

    Raises:
        UserError: it is not one of such a model, or of another dictionary.
    """
    options = stored_options(state, "model")
    if not options:
        raise UserError("holds no options of a model; give a checkpoint of fairseq")
    args = Namespace(**{**options, **overrides, "load_checkpoint_heads": True})
    task = SimpleNamespace(source_dictionary=dictionary, max_positions=lambda: None)
    model = model_class.build_model(args, task)
    try:
        model.load_state_dict(state["model"], strict=True)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:300]
        raise UserError(
            f"not a {model_class.__name__} of this dictionary ({reason})"
        ) from None
    return model
