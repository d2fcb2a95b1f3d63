"""Options that a checkpoint holds: none of them may be code.

fairseq evaluates some options as Python expressions, such as a tuple of Adam's betas.
On a command line they are the user's own words; in a checkpoint they are a stranger's.
"""

import ast
from argparse import Namespace
from typing import Any, Collection, Iterator, Tuple

from omegaconf import OmegaConf

from fairseq_xling.errors import UserError

# Never evaluated, and a folder may be called anything.
PATHS = {
    *("data", "mixture", "path", "results_path", "save_dir", "user_dir"),
    *("finetune_from_model", "restore_file", "log_file", "tensorboard_logdir"),
}


def refuse_code(path: str, state: Any, given: Collection[str] = ()) -> None:
    """Refuse a checkpoint with an option that would call something when evaluated."""
    for part in ("args", "cfg"):
        options = state.get(part) if isinstance(state, dict) else None
        if OmegaConf.is_config(options):
            options = OmegaConf.to_container(options)
        for name, text in strings_of(options, part):
            if name not in PATHS and name not in given and has_call(text):
                raise UserError(
                    f"{path}: refused, because its option {name} is code "
                    f"({text[:60]!r}), which fairseq would run; if you trust its "
                    "origin, save it anew without that option"
                )


def strings_of(value: Any, name: str) -> Iterator[Tuple[str, str]]:
    """All strings in nested options, each with the name of its option."""
    if isinstance(value, str):
        yield name, value
    elif isinstance(value, Namespace):
        yield from strings_of(vars(value), name)
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from strings_of(inner, str(key))
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from strings_of(inner, name)


def has_call(text: str) -> bool:
    """Whether a text is an expression that calls something."""
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return any(isinstance(node, ast.Call) for node in ast.walk(tree))
