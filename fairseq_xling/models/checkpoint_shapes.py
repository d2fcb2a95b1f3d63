"""Does a checkpoint belong to this dictionary and architecture?"""

from typing import Dict

from torch import Tensor

from fairseq_xling.errors import UserError


def check_shapes(
    state_dict: Dict[str, Tensor], current: Dict[str, Tensor], prefix: str
) -> None:
    """Refuse a checkpoint of another dictionary, depth or width, in one line.

    Raises:
        UserError: it does not fit; the message says what to change.
    """

    def shape(state: Dict[str, Tensor], key: str):
        return tuple(state[key].shape) if key in state else ()

    stem = "encoder.sentence_encoder."
    for key, mend in [
        ("layers.0.fc1.weight", "choose the --arch of the checkpoint"),
        ("embed_positions.weight", "lower --max-positions"),
        (
            "embed_tokens.weight",
            "use data that were binarized with the dict.txt of the checkpoint",
        ),
    ]:
        theirs = shape(state_dict, prefix + stem + key)
        ours = shape(current, stem + key)
        if theirs != ours:
            raise UserError(
                f"the checkpoint's {stem}{key} has shape {theirs}, the model's {ours}: "
                f"{mend}"
            )

    def depth(keys):
        marker = f"{stem}layers."
        return len({k.split(marker)[1].split(".")[0] for k in keys if marker in k})

    if depth(state_dict) != depth(current):
        raise UserError(
            f"the checkpoint has {depth(state_dict)} layers, the model "
            f"{depth(current)}: choose the --arch of the checkpoint"
        )
