"""What the recipes' command lines share."""

import os
import re
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Callable, List, Sequence, Tuple

from fairseq_xling.errors import UserError
from fairseq_xling.option_values import flag_of
from fairseq_xling.stages import Runner

ROOT = Path(__file__).resolve().parents[2]
USER_DIR = ROOT / "fairseq_xling"


class WrongUse(UserError):
    """Arguments that a recipe cannot have been meant to get.

    Args:
        message: what is wrong, if it needs saying.
        shows_usage: whether to show the recipe's usage, too.
    """

    def __init__(self, message: str = "", shows_usage: bool = False) -> None:
        super().__init__(message)
        self.shows_usage = shows_usage or not message


def usage_of(recipe: Callable) -> str:
    """The usage of a recipe: the last part of its file's docstring."""
    text = sys.modules[recipe.__module__].__doc__ or ""
    return text[text.index("usage:") :].rstrip()


def read_options(
    words: Sequence[str], passed_on: Sequence[str] = (), **defaults: str
) -> Tuple[SimpleNamespace, List[str]]:
    """Read a recipe's options.

    Args:
        words: what follows its first arguments.
        passed_on: options with a value that belong to a command of the recipe.
        defaults: values of the other options that have one, by name.

    Returns:
        the values by name; ``cpu`` and ``dry_run``; ``passed``, a list of the options
        passed on and their values; and what stands behind ``--``.

    Raises:
        WrongUse: an option is unknown, or has no value.
    """
    found = SimpleNamespace(**defaults, cpu=False, dry_run=False, passed=[])
    names = {f"--{name.replace('_', '-')}": name for name in vars(found)}
    rest = iter(words)
    for word in rest:
        name = names.get(word, word)
        if word == "--":
            break
        if name in ("cpu", "dry_run"):
            setattr(found, name, True)
        elif name in defaults or word in passed_on:
            value = next(rest, None)
            if value is None:
                raise WrongUse(f"{word}: give a value")
            if name in defaults:
                setattr(found, name, value)
            else:
                found.passed += [word, value]
        else:
            raise WrongUse(f"unknown option {word}", True)
    return found, list(rest)


def options(**values: Any) -> List[str]:
    """Options of a command: ``user_dir="x"`` is ``--user-dir x``.

    True stands for an option without a value, False for none.
    """
    words = []
    for name, value in values.items():
        if value is not False:
            words.append(flag_of(name))
            words += [] if value is True else [str(value)]
    return words


def check_counts(**values: str) -> None:
    """Refuse what is no number from 1 on.

    Raises:
        WrongUse: a value is none.
    """
    for name, value in values.items():
        if not re.fullmatch("[1-9][0-9]*", value):
            option = flag_of(name)
            raise WrongUse(f"{option} {value}: give a whole number from 1")


def waiting() -> str:
    """How OpenMP's threads wait on a CPU: asleep, unless the user has chosen.

    They would spin, on cores that others hold.
    """
    return os.environ.get("OMP_WAIT_POLICY") or "passive"


def runner(found: SimpleNamespace) -> Runner:
    """What runs a recipe's commands, by its options."""
    return Runner(found.dry_run, {"OMP_WAIT_POLICY": waiting()} if found.cpu else {})


def program(name: str) -> str:
    """A command, in the folder that XLING_BIN names, or of ``make install``."""
    return f"{os.environ.get('XLING_BIN') or ROOT / '.venv/bin'}/{name}"


def script(name: str) -> List[str]:
    """The beginning of a call of one of our scripts, such as ``preprocess/xnli.py``."""
    return [program("python"), str(ROOT / name)]
