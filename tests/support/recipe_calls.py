"""The recipes of ``examples/``, run in this process, as their scripts would."""

import contextlib
import io
import os
import shlex
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import List
from unittest import mock

from training import ROOT, environment

sys.path.insert(0, str(ROOT / "examples"))

import recipe  # noqa: E402
from recipes import finetune  # noqa: E402

BIN = str(Path(sys.executable).parent)
# What recipes are told where they count the updates of a training, which is tested in
# test_schedules.py; and the options that they last asked about.
UPDATES = 4321
counted: List[str] = []


def count(words: List[str]) -> int:
    counted[:] = words
    return UPDATES


def call_recipe(script: str, *arguments: object, **variables: str) -> SimpleNamespace:
    """Run a script of ``examples/``.

    Args:
        script: its name, such as ``"xnli"``.
        arguments: of the command line.
        variables: of the environment, beside those of tests.

    Returns:
        ``returncode``, and ``stdout``, which has what the recipe itself says; what its
        commands print goes where this process prints.
    """
    *_, line = (ROOT / f"examples/{script}.sh").read_text().splitlines()
    *_, before, last = line.partition('/recipe.sh" ')
    assert last.endswith(' "$@"')
    words = [*last[: -len(' "$@"')].split(), *map(str, arguments)]
    out = io.StringIO()
    values = environment(**{"XLING_BIN": BIN, **variables})
    with contextlib.ExitStack() as stack:
        stack.enter_context(mock.patch.dict(os.environ, values, clear=True))
        stack.enter_context(mock.patch.object(finetune, "updates_of_command", count))
        stack.enter_context(contextlib.redirect_stdout(out))
        stack.enter_context(contextlib.redirect_stderr(out))
        status = recipe.main(words)
    return SimpleNamespace(returncode=status, stdout=out.getvalue())


def dry_run(script: str, *arguments: object, **variables: str) -> List[List[str]]:
    """The commands that a recipe prints, as lists of words."""
    done = call_recipe(script, *arguments, "--dry-run", **variables)
    assert done.returncode == 0, done.stdout
    return [shlex.split(line) for line in done.stdout.splitlines()]
