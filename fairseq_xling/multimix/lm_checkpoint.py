"""Whether a checkpoint is a masked language model for the data."""

import os
from typing import Any, Dict

from fairseq.data import Dictionary
from fairseq.models.roberta import RobertaModel
from fairseq.models.roberta.hub_interface import RobertaHubInterface

from fairseq_xling.data.manifest import Manifest
from fairseq_xling.errors import UserError
from fairseq_xling.files.hashes import sha256_of

HEAD = "encoder.lm_head.dense.weight"
EMBEDDINGS = "encoder.sentence_encoder.embed_tokens.weight"
NO_HEAD = (
    "no head for masked tokens; give the masked language model that it was made from"
)


def fine_tuned(benchmark: str) -> str:
    """What is wrong with a model that was fine-tuned."""
    return (
        f"fine-tuned on {benchmark}; give the masked language model that it was made "
        "from"
    )


def check_loaded(hub: RobertaHubInterface, name: str) -> None:
    """Refuse a loaded model, called ``name``, that fills no masks."""
    model = hub.model
    benchmark = getattr(hub.task, "benchmark", None)
    heads = [*model.classification_heads, *getattr(model, "token_heads", ())]
    if benchmark or heads:
        raise UserError(f"{name}: {fine_tuned(benchmark or 'another task')}")
    if getattr(model, "lm_head_is_new", False):
        raise UserError(f"{name}: {NO_HEAD}")


def check_when_loaded(
    model: RobertaModel, dictionary: Dictionary, manifest: Manifest, path: str
) -> None:
    """Check a checkpoint at the moment that the model, still without weights, loads it.

    Dictionary and manifest are those of the data.

    Raises:
        UserError: the model is none that fills masks, or the dictionary beside the
            checkpoint is not that of the data. At loading: the checkpoint has no head
            for masked tokens, or has one for classes, or was trained without ``<mask>``
            or with another dictionary.
    """
    if not isinstance(model, RobertaModel):
        raise UserError(
            f"--path {path}: a {type(model).__name__}; give a masked language model, "
            "such as XLM-R"
        )
    beside = os.path.join(os.path.dirname(path), "dict.txt")
    digest = manifest.dictionary_sha256
    if digest and os.path.exists(beside) and sha256_of(beside) != digest:
        raise UserError(
            f"{beside}: not the dictionary that the data were binarized with; run "
            "preprocessing with this one"
        )

    def check(module: Any, state_dict: Dict[str, Any], *rest: Any) -> None:
        if HEAD not in state_dict or getattr(module, "lm_head_is_new", False):
            raise UserError(f"--path {path}: {NO_HEAD}")
        rows = len(state_dict[EMBEDDINGS])
        if rows == len(dictionary) - 1:
            raise UserError(
                f"--path {path}: trained with a dictionary without <mask>; give a "
                "masked language model"
            )
        if rows != len(dictionary):
            raise UserError(
                f"--path {path}: has {rows} tokens, the data {len(dictionary)}; "
                "binarize them with the dict.txt that comes with the model"
            )

    upgrade = model.upgrade_state_dict

    def check_heads(state_dict: Dict[str, Any]) -> None:
        # fairseq drops them without a word.
        if any(key.startswith("classification_heads.") for key in state_dict):
            raise UserError(
                f"--path {path}: fine-tuned, as it has a head for classes; give the "
                "masked language model that it was made from"
            )
        upgrade(state_dict)

    model.upgrade_state_dict = check_heads
    model.register_load_state_dict_pre_hook(check)
