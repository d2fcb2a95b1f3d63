"""``make install``: the Python and the versions that it takes, wheels that it keeps."""

import os
import runpy
import sys
from types import SimpleNamespace

import pytest
from packaging.requirements import Requirement
from training import ROOT

PYTHONS = ["3.9", "3.10", "3.13"]


@pytest.fixture
def install(tmp_path):
    """The script, with a repository of its own."""
    names = runpy.run_path(str(ROOT / "constraints/install.py"))
    script = SimpleNamespace(**names)
    script.globals = names["main"].__globals__
    script.globals.update(
        VENV=tmp_path / ".venv", PYTHON=str(tmp_path / ".venv/python")
    )
    return script


@pytest.mark.parametrize("python", PYTHONS)
def test_versions_are_in_the_ranges_of_the_requirements(python):
    setup = runpy.run_path(str(ROOT / "setup.py"))
    text = (ROOT / f"constraints/python{python}.txt").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    pins = dict(line.lower().split("==") for line in lines)
    kinds = ("REQUIREMENTS", "TEST_REQUIREMENTS", "LINT_REQUIREMENTS")
    for line in [setup["TORCH"], *(line for kind in kinds for line in setup[kind])]:
        required = Requirement(line)
        if required.marker and not required.marker.evaluate({"python_version": python}):
            continue
        exact = [item.version for item in required.specifier if item.operator == "=="]
        assert (pins.get(required.name.lower()) or exact[0]) in required.specifier, line


@pytest.mark.parametrize(
    "python, file",
    [((3, 9), "3.9"), ((3, 12), "3.10"), ((3, 13), "3.13"), ((3, 14), "3.13")],
)
def test_versions_are_those_of_the_python(install, monkeypatch, python, file):
    monkeypatch.setattr(sys, "version_info", (*python, 0))
    assert os.path.basename(install.constraints()) == f"python{file}.txt"


def test_newest_python_that_fits_is_taken_and_named(install, monkeypatch, capsys):
    there = {sys.executable: (3, 8), "python3.12": (3, 12), "python3.9": (3, 9)}
    install.globals["minor_of"] = lambda name, *_: there.get(name, ())
    taken = []
    monkeypatch.setattr(os, "execvp", lambda name, words: taken.append(words))
    monkeypatch.setattr(sys, "argv", ["install.py", "--torch="])
    install.choose_python()
    assert taken[0] == ["python3.12", "install.py", "--torch=", "--this-python"]
    assert "taking python3.12" in capsys.readouterr().out


def test_python_that_fits_is_kept(install, monkeypatch):
    monkeypatch.setattr(os, "execvp", lambda *_: pytest.fail("another is taken"))
    install.choose_python()


@pytest.mark.parametrize(
    "mine, there, told",
    [((3, 8), (), "3.8, but fairseq runs on"), ((3, 9), (3, 11), "make clean")],
)
def test_python_that_does_not_fit_is_refused(install, monkeypatch, mine, there, told):
    monkeypatch.setattr(sys, "version_info", (*mine, 0))
    install.globals["minor_of"] = lambda *_: there
    with pytest.raises(SystemExit, match=told) as refused:
        install.check_python()
    assert "\n" not in str(refused.value)


def test_wheel_is_built_once_for_a_torch(install, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    versions = {"torch": "2.9.1+cpu", "numpy": "1.26.4"}
    built = []

    def pip(command, *words):
        folder = words[words.index("--wheel-dir") + 1]
        built.append(command)
        open(
            os.path.join(folder, "fairseq_fixed-0.12.3.1-cp311-linux.whl"), "w"
        ).close()

    install.globals.update(version_of=lambda _, name: versions[name], pip=pip)
    first = install.fairseq_wheel("fairseq-fixed==0.12.3.1")
    assert install.fairseq_wheel("fairseq-fixed==0.12.3.1") == first
    assert built == ["wheel"] and first.exists()
    assert list(first.parent.iterdir()) == [first]
    versions["torch"] = "2.9.2+cpu"
    assert install.fairseq_wheel("fairseq-fixed==0.12.3.1") != first
    assert built == ["wheel"] * 2


def test_what_a_stopped_pip_left_is_removed(install):
    packages = install.globals["VENV"] / "lib/python3.11/site-packages"
    for folder in ("whole-1.dist-info", "half-1.dist-info", "~older"):
        (packages / folder).mkdir(parents=True)
        (packages / folder / "METADATA").touch()
    (packages / "whole-1.dist-info/RECORD").touch()
    install.globals["minor_of"] = lambda *_: (3, 11)
    install.make_environment()
    assert [path.name for path in packages.iterdir()] == ["whole-1.dist-info"]
