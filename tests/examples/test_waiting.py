"""On a CPU the threads of recipes sleep while they wait, unless the user has chosen."""

import pytest
from recipe_calls import call_recipe

# Stands in for every program of a recipe: tells how threads wait, and ends it.
PROGRAM = """#!/bin/bash
echo "$OMP_WAIT_POLICY,$OMP_NUM_THREADS" > "$(dirname "$0")/waiting"
exit 3
"""
RECIPES = {
    "xnli": ["raw", "out"],
    "pretrain_mini": ["raw", "out"],
    "augment": ["raw", "out", "--model", "raw"],
    "multimix_xner": ["raw", "out", "--target-lang", "de"],
    "sweep": ["xnli", "raw", "out"],
}


@pytest.fixture
def waiting(tmp_path, monkeypatch):
    """Runs a recipe up to its first program; gives what that one was told."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("python", "fairseq-generate"):
        (folder / name).write_text(PROGRAM)
        (folder / name).chmod(0o755)
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw/manifest.json").write_text("{}")

    monkeypatch.chdir(tmp_path)
    for name in ("OMP_WAIT_POLICY", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)

    def start(recipe, *arguments, **variables):
        given = {"OMP_NUM_THREADS": "", "DEMO_DIR": str(tmp_path / "demo")}
        given.update(variables, XLING_BIN=str(folder))
        done = call_recipe(recipe, *arguments, **given)
        assert done.returncode != 0, done.stdout
        return (folder / "waiting").read_text().strip()

    return start


@pytest.mark.parametrize("recipe", RECIPES)
def test_threads_wait_without_spinning_on_a_cpu(waiting, recipe):
    assert waiting(recipe, *RECIPES[recipe], "--cpu") == "passive,"
    assert waiting(recipe, *RECIPES[recipe]) == ","
    chosen = {"OMP_WAIT_POLICY": "active", "OMP_NUM_THREADS": "5"}
    assert waiting(recipe, *RECIPES[recipe], "--cpu", **chosen) == "active,5"


def test_threads_of_the_demo_wait_without_spinning(waiting):
    assert waiting("demo") == "passive,"
    assert waiting("demo", OMP_NUM_THREADS="5") == "passive,5"
