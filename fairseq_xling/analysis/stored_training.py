"""How the model of an evaluation was trained, as its checkpoint says."""

from pathlib import Path
from typing import Any, Dict

from fairseq_xling.checkpoints.opening import look_into
from fairseq_xling.errors import UserError
from fairseq_xling.evaluation.result_files import ScoredModel


def load_record(one: ScoredModel, wanted: str) -> Dict[str, Any]:
    """The checkpoint of a model with scores, to see how it was trained.

    Args:
        one: the model.
        wanted: the option that can be given instead.

    Raises:
        UserError: it is not where it was when it was evaluated, or not safe to read.
    """
    path = Path(one.path)
    if not path.is_file():
        raise UserError(
            f"{path}: not found, to see how {one.name} was trained; run this where it "
            f"was evaluated, or give {wanted}"
        )
    return look_into(path)
