"""The package's rooms: which may import which, as pyproject.toml says."""

import pytest
from importlinter import cli
from training import ROOT


def checked(monkeypatch, config=None) -> int:
    monkeypatch.chdir(ROOT)
    return cli.lint_imports(config_filename=config, no_cache=True)


def test_rooms_import_from_those_below_them_alone(monkeypatch):
    assert checked(monkeypatch) == cli.EXIT_STATUS_SUCCESS


@pytest.mark.parametrize("wrong", ["lower room first", "room that is not named"])
def test_contract_can_fail(monkeypatch, tmp_path, wrong):
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    if wrong == "lower room first":
        text = text.replace(
            '"multimix",\n    "families",', '"families",\n    "multimix",'
        )
    else:
        text = text.replace('    "report",\n', "")
    (tmp_path / "wrong.toml").write_text(text, encoding="utf-8")
    assert checked(monkeypatch, str(tmp_path / "wrong.toml")) == cli.EXIT_STATUS_ERROR
