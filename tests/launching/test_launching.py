"""The ways of starting: from the checkout, from a wheel, already imported."""

import json
import re
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Dict

import pytest
from forked import run_in_fork
from training import ROOT, command, run, train_command

SHORT = ["--max-update=2", "--seed=3"]


@pytest.fixture(scope="module")
def trained(pair_data, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    run_in_fork(train_command(pair_data, folder, *SHORT), check=True)
    return folder / "checkpoint_last.pt"


@pytest.fixture(scope="module")
def site_packages(tmp_path_factory) -> Path:
    """The package installed into a folder of its own: a wheel that an sdist gave."""
    source, sdists, target = map(tmp_path_factory.mktemp, ("source", "sdist", "site"))
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        (source / name).write_bytes((ROOT / name).read_bytes())
    (source / "fairseq_xling").symlink_to(ROOT / "fairseq_xling")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    options = ["--no-deps", "--no-build-isolation", "--quiet"]
    script = "import sys; from setuptools.build_meta import build_sdist as build; "
    script += "build(sys.argv[1])"
    run([sys.executable, "-c", script, str(sdists)], cwd=source)
    (sdist,) = sdists.iterdir()
    # pip makes a wheel of it.
    run([*pip, "install", *options, "--target", str(target), str(sdist)])
    return target


# Commands that are the first to import this project, where fairseq is loaded already.
FIRST = """
import json, os, sys
import fairseq_cli.train
from forked import call, log_to_stdout
assert "fairseq_xling" not in sys.modules
found = {}
for name, (folder, arguments) in json.loads(sys.argv[1]).items():
    os.chdir(folder)
    found[name] = vars(call(arguments, log_to_stdout))
print(json.dumps(found))
"""
IMPORT = """
import sys
from argparse import Namespace
from fairseq.tasks import TASK_REGISTRY
from fairseq.utils import import_user_module
import_user_module(Namespace(user_dir=sys.argv[1]))
print(TASK_REGISTRY["xmixup_xnli"].__module__)
"""


@pytest.fixture(scope="module")
def first_imports(pair_data, tmp_path_factory) -> Dict[str, SimpleNamespace]:
    """What came of naming this project to fairseq in three ways."""
    folder = tmp_path_factory.mktemp("first")
    (folder / "other").mkdir()
    link, copy, script = folder / "plugin", folder / "other/plugin", folder / "user.py"
    link.symlink_to(ROOT / "fairseq_xling")
    copy.mkdir()
    init = (ROOT / "fairseq_xling/__init__.py").read_bytes()
    (copy / "__init__.py").write_bytes(init)
    script.write_text(IMPORT)
    training = train_command(pair_data, folder / "trained", *SHORT)
    commands = {
        "relative": (str(ROOT), [*training, "--user-dir=fairseq_xling"]),
        "link": (str(folder), [str(script), str(link)]),
        "copy": (str(folder), [str(script), str(copy)]),
    }
    support = str(ROOT / "tests/support")
    arguments = [sys.executable, "-c", FIRST, json.dumps(commands)]
    last = run(arguments, PYTHONPATH=support).stdout.splitlines()[-1]
    return {name: SimpleNamespace(**done) for name, done in json.loads(last).items()}


def test_runs_from_the_checkout_by_its_relative_name(first_imports):
    done = first_imports["relative"]
    assert done.returncode == 0 and "done training" in done.stdout


def test_runs_from_an_installed_wheel(pair_data, tmp_path, site_packages):
    user_dir = f"--user-dir={site_packages / 'fairseq_xling'}"
    arguments = train_command(pair_data, tmp_path, *SHORT, user_dir)
    path = {"PYTHONPATH": str(site_packages), "PYTHONWARNINGS": "default"}
    log = run(arguments, cwd=tmp_path, **path).stdout
    assert "done training" in log
    assert "torch.cuda.amp" not in log
    assert (site_packages / "fairseq_xling/report/templates/page.html").exists()


def test_installed_command_tells_its_options_and_nothing_else(tmp_path, site_packages):
    script = (
        "import runpy, sys, fairseq_xling\n"
        "print(fairseq_xling.__file__)\n"
        "sys.argv = [sys.argv[1], '--help']\n"
        "runpy.run_path(sys.argv[0], run_name='__main__')\n"
    )
    done = run(
        [sys.executable, "-c", script, str(site_packages / "bin/xling-predict")],
        cwd=tmp_path,
        PYTHONPATH=str(site_packages),
    )
    first, second = done.stdout.splitlines()[:2]
    assert first == str(site_packages / "fairseq_xling/__init__.py")
    assert second.startswith("usage: xling-predict")


def test_runs_when_already_imported_without_user_dir(pair_data, tmp_path):
    """With it, too, as all commands do that run in forks."""
    arguments = train_command(pair_data, tmp_path, *SHORT)
    arguments = [x for x in arguments if not x.startswith("--user-dir")]
    assert "done training" in run_in_fork(arguments, check=True).stdout


def validate(data: Path, checkpoint: Path, *options: str) -> str:
    return run_in_fork(
        [
            command("fairseq-validate"),
            str(data),
            f"--user-dir={ROOT / 'fairseq_xling'}",
            "--task=xmixup_xnli",
            f"--path={checkpoint}",
            "--batch-size=8",
            "--cpu",
            *options,
        ],
        check=True,
    ).stdout


def test_fairseq_validate_mixes_and_reads_every_row(pair_data, trained):
    log = validate(pair_data, trained, "--valid-subset=test")
    for term in ("accuracy_en", "accuracy_de", "accuracy_sw", "lambda"):
        assert f"| {term} " in log
    # 12 rows in three languages; fairseq's own batching would drop four of them.
    assert re.search(r"bsz 36\b", log)


def test_checkpoint_of_a_baseline_is_validated_without_the_source(pair_data, tmp_path):
    options = [*SHORT, "--training-set=concatenated"]
    run_in_fork(train_command(pair_data, tmp_path, *options), check=True)
    log = validate(pair_data, tmp_path / "checkpoint_last.pt")
    assert "lambda" not in log and "task_source" not in log


def test_user_dir_may_be_a_link_of_another_name(first_imports):
    done = first_imports["link"]
    assert done.returncode == 0, done.stdout
    assert done.stdout.strip().endswith("fairseq_xling.tasks.xmixup")


def test_user_dir_of_another_name_is_refused_in_one_line(first_imports):
    done = first_imports["copy"]
    assert done.returncode == 1 and "Traceback" not in done.stdout
    last = done.stdout.strip().splitlines()[-1]
    assert last.startswith("error: --user-dir ") and "must be called fairseq_xl" in last
