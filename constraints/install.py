"""Installs this repository into its virtual environment; ``make install`` calls it.

It can be stopped at any moment and run again. It needs the standard library alone, and
starts under any Python 3.6 or later, to look for one that fits.
"""

import argparse
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
PYTHON = str(VENV / "bin" / "python")
OLDEST, NEWEST = (3, 9), (3, 14)
FITTING = "fairseq runs on Python %d.%d to %d.%d" % (OLDEST + NEWEST)
# Where python3 does not fit, in this order; no 3.14 was there to test with.
OTHERS = ["python3.%d" % minor for minor in (13, 12, 11, 10, 9, 14)]
OLDEST_TORCH = (2, 6)
# What fairseq and seqeval are built with, as they are published as source alone. torch
# needs a part of setuptools that left it, and seqeval one of setuptools_scm.
BUILD_REQUIREMENTS = ["setuptools<81", "setuptools_scm<9", "wheel", "cython", "numpy"]
REQUIREMENTS = "setup.REQUIREMENTS + setup.TEST_REQUIREMENTS + setup.LINT_REQUIREMENTS"


def ask(python, code):
    """Return what Python code prints."""
    done = subprocess.run(
        [python, "-c", code],
        cwd=str(ROOT),
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        universal_newlines=True,
    )
    return done.stdout.strip()


def minor_of(python, modules="sys"):
    """Return the version of a Python as a pair; nothing where it does not run."""
    try:
        code = f"import {modules}; print(*sys.version_info[:2])"
        return tuple(int(number) for number in ask(python, code).split())
    except (OSError, subprocess.CalledProcessError):
        return ()


def version_of(python, package):
    """Return the version of an installed package, or nothing."""
    code = "from importlib import metadata; print(metadata.version(%r))"
    try:
        return ask(python, code % package)
    except subprocess.CalledProcessError:
        return ""


def has_torch(python):
    """Say whether a Python has a torch to keep."""
    version = version_of(python, "torch").split(".")[:2]
    return len(version) == 2 and tuple(map(int, version)) >= OLDEST_TORCH


def say(text):
    """Print what comes next."""
    print(f"==> {text}", flush=True)


def run(*command):
    """Run a command that shows its own progress."""
    subprocess.run(command, cwd=str(ROOT), check=True)


def pip(command, *arguments):
    """Run pip in the virtual environment."""
    run(PYTHON, "-m", "pip", "--disable-pip-version-check", command, *arguments)


def choose_python():
    """Go on as the environment's Python, this one, or the newest there is that fits."""
    for name in (PYTHON, sys.executable, *OTHERS):
        minor = minor_of(name, "sys, pip" if name == PYTHON else "sys")
        if not OLDEST <= minor <= NEWEST:
            continue
        if name in OTHERS:
            mine = platform.python_version()
            say(f"{FITTING}; {sys.executable} is {mine}: taking {name}")
        if name != sys.executable:
            os.execvp(name, [name, *sys.argv, "--this-python"])
        return


def check_python():
    """Stop where this Python does not fit, or is not that of the environment."""
    mine, there = sys.version_info[:2], minor_of(PYTHON)
    if not OLDEST <= mine <= NEWEST:
        sys.exit(
            "error: %s is Python %d.%d, but %s; install one of them, or name it, "
            "such as: make install PYTHON=python3.11" % (sys.executable, *mine, FITTING)
        )
    if there and there != mine:
        sys.exit(
            "error: %s has Python %d.%d, not %d.%d; remove it first: make clean"
            % (VENV, *there, *mine)
        )


def make_environment():
    """Make the virtual environment, and mend what an earlier call left half-made."""
    if not minor_of(PYTHON, "sys, pip"):
        options = []
        if has_torch(sys.executable):
            say(f"keeping torch {version_of(sys.executable, 'torch')}")
            options = ["--system-site-packages"]
        say(f"making {VENV}")
        run(sys.executable, "-m", "venv", "--clear", *options, str(VENV))
    # pip would take packages without the list of their files for installed.
    for packages in VENV.glob("lib/python*/site-packages"):
        for folder in packages.glob("*.dist-info"):
            if not (folder / "RECORD").exists():
                shutil.rmtree(str(folder))
        for aside in packages.glob("~*"):  # older versions that it had put aside
            shutil.rmtree(str(aside))


def constraints():
    """Return the file of versions of this Python, or of the nearest older one."""
    files = {
        tuple(map(int, file.stem[len("python") :].split("."))): file
        for file in Path(__file__).parent.glob("python*.txt")
    }
    return str(files[max(minor for minor in files if minor <= sys.version_info[:2])])


def fairseq_wheel(fairseq):
    """Return a wheel of fairseq for this Python and torch: built before, or now."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    numpy, torch = version_of(PYTHON, "numpy"), version_of(PYTHON, "torch")
    machine = f"{platform.system()}-{platform.machine()}".lower()
    key = f"{sys.implementation.cache_tag}-{machine}-torch{torch}-numpy{numpy[0]}"
    folder = cache / "fairseq_xling" / "wheels" / key
    pattern = fairseq.replace("-", "_").replace("==", "-") + "-*.whl"
    for wheel in folder.glob(pattern):
        return wheel
    if not shutil.which("c++"):
        sys.exit(
            "error: no C++ compiler; fairseq needs one to build (Debian, Ubuntu: apt "
            "install g++)"
        )
    say(f"building {fairseq}: minutes, the first time")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=str(folder)) as built:
        options = ["--no-build-isolation", "--no-deps", "--no-cache-dir"]
        pip("wheel", *options, "--wheel-dir", built, fairseq)
        (wheel,) = Path(built).glob(pattern)
        kept = folder / wheel.name
        wheel.replace(kept)
    return kept


def main():
    """Install torch, the requirements, fairseq and this repository."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--torch", default="", help="such as torch==2.9.1")
    parser.add_argument("--this-python", action="store_true", help="and no other")
    args = parser.parse_args()
    if not args.this_python:
        choose_python()
    check_python()
    say(f"Python {platform.python_version()}: {sys.executable}")
    make_environment()
    versions = ["--constraint", constraints()]
    if not has_torch(PYTHON):
        say("installing torch")
        pip("install", *([args.torch] if args.torch else ["torch", *versions]))
    say("installing the requirements")
    pip("install", *versions, *BUILD_REQUIREMENTS)
    listed = ask(PYTHON, f"import setup; print(*{REQUIREMENTS}, sep='\\n')")
    pip("install", "--no-build-isolation", *versions, *listed.splitlines())
    fairseq = ask(PYTHON, "import setup; print(setup.FAIRSEQ)")
    if version_of(PYTHON, "fairseq-fixed") != fairseq.split("==")[1]:
        say("installing fairseq")
        pip("install", "--no-deps", str(fairseq_wheel(fairseq)))
    say("installing fairseq_xling")
    pip("install", "--no-build-isolation", "--no-deps", "--editable", ".")
    say(f"installed; now: source {VENV.name}/bin/activate")


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as failed:
        sys.exit(failed.returncode)
    except KeyboardInterrupt:
        sys.exit("\nstopped; run it again to go on")
