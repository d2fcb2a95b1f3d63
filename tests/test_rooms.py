"""The package's rooms: which may import which, as pyproject.toml says."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from training import ROOT


def lint(config: Path) -> subprocess.CompletedProcess:
    # In a process of its own: import-linter sets up logging for the whole of it.
    command = [Path(sys.executable).with_name("lint-imports"), "--no-cache"]
    return subprocess.run(
        [*command, "--config", config],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )


def test_rooms_import_from_those_below_them_alone():
    done = lint(ROOT / "pyproject.toml")
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    "wrong, told",
    [
        ("lower room first", "interop is not allowed to import"),
        ("room that is not named", "report"),
    ],
)
def test_contract_can_fail(tmp_path, wrong, told):
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    if wrong == "lower room first":
        text = text.replace(
            '"interop",\n    "families",', '"families",\n    "interop",'
        )
    else:
        text = text.replace('    "report",\n', "")
    (tmp_path / "wrong.toml").write_text(text, encoding="utf-8")
    done = lint(tmp_path / "wrong.toml")
    assert done.returncode == 1 and told in done.stdout
