"""Files that run code where they are trusted, and commands that are handed them.

The code makes a folder, which shows that it ran.
"""

import importlib
import io
import os
import pickle
import tarfile
import tempfile
from argparse import Namespace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Callable, Dict, Optional, Sequence

import torch
from forked import fork

from fairseq_xling import stages


class Code:
    """Unpickled, it makes a folder."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self):
        return os.mkdir, (str(self.mark),)


def as_text(mark: Path) -> str:
    """An expression that makes a folder where it is evaluated."""
    return f"__import__('os').mkdir({str(mark)!r})"


def write_zip(path: Path, mark: Path) -> None:
    """As torch saves today."""
    torch.save({"args": None, "model": {}, "extra": Code(mark)}, path)


def write_legacy(path: Path, mark: Path) -> None:
    """As torch saved before 1.6, and the published XLM-R is."""
    state = {"args": None, "model": {}, "extra": Code(mark)}
    torch.save(state, path, _use_new_zipfile_serialization=False)


def write_pickle(path: Path, mark: Path) -> None:
    """No checkpoint at all."""
    path.write_bytes(pickle.dumps({"model": {}, "extra": Code(mark)}))


FORMATS: Dict[str, Callable[[Path, Path], None]] = {
    "zip": write_zip,
    "legacy": write_legacy,
    "pickle": write_pickle,
}


def trust(path: Path, kind: str) -> None:
    """Load a file of :data:`FORMATS` as nobody should."""
    if kind == "pickle":
        pickle.loads(path.read_bytes())
    else:
        torch.load(path, weights_only=False)


# Options that fairseq evaluates as Python, by the part of a checkpoint that holds them.
EVALUATED = {
    "option": ("model", {"encoder_xformers_att_config": as_text}),
    "model": (
        "model",
        {
            "_name": "fconv_lm",
            "arch": "fconv_lm",
            "decoder_layers": as_text,
            "tokens_per_sample": 40,
        },
    ),
    "task": (
        "task",
        {
            "task": "multilingual_translation",
            "left_pad_source": as_text,
            "lang_pairs": "en-de",
        },
    ),
    "criterion": ("criterion", {"_name": "ctc", "wer_args": as_text}),
}


def write_evaluated(path: Path, good: Path, where: str, mark: Path) -> None:
    """A checkpoint of plain values alone, one of which is an expression.

    Args:
        path: to be written.
        good: a checkpoint of fairseq-train.
        where: of :data:`EVALUATED`.
        mark: the folder that the expression makes.
    """
    state = torch.load(good, weights_only=True)
    part, options = EVALUATED[where]
    held = state["cfg"][part]
    held = {} if where == "criterion" else {**vars_of(held)}
    held.update((k, v(mark) if callable(v) else v) for k, v in options.items())
    # Tasks without a dataclass are found in a Namespace only.
    state["cfg"][part] = Namespace(**held) if where == "task" else held
    torch.save(state, path)


def vars_of(options: Any) -> Dict[str, Any]:
    return vars(options) if isinstance(options, Namespace) else options


def write_archive(path: Path, mark: Path) -> None:
    """A .tar.gz with a folder that is to be unpacked elsewhere."""
    with tarfile.open(path, "w:gz") as archive:
        inside = tarfile.TarInfo("model/model.pt")
        archive.addfile(inside, io.BytesIO())
        outside = tarfile.TarInfo("model/" + "../" * 20 + str(mark).lstrip("/"))
        outside.type, outside.mode = tarfile.DIRTYPE, 0o755
        archive.addfile(outside)


def main_of(program: str) -> Callable[[], Any]:
    """The function behind a command."""
    kind, _, name = program.partition("-")
    package = {"fairseq": "fairseq_cli", "xling": "fairseq_xling.cli"}[kind]
    module = importlib.import_module(f"{package}.{name.replace('-', '_')}")
    # What preprocess/*.py calls has no console script.
    return getattr(module, "cli_main", None) or module.main


def call(
    arguments: Sequence[str], before: Optional[Callable[[], None]] = None
) -> SimpleNamespace:
    """Run a command in a fork; its two outputs come back together in ``stdout``."""
    with tempfile.TemporaryFile("w+") as out:
        main = main_of(Path(arguments[0]).name)
        child = fork(main, arguments, out, out, before)
        status = os.waitpid(child, 0)[1]
        out.seek(0)
        return SimpleNamespace(
            returncode=os.waitstatus_to_exitcode(status), stdout=out.read()
        )


def fork_stages() -> None:
    """Let the stages of xling-multimix run without the seconds that imports take."""

    def run(command, stdout, **_):
        child = fork(main_of(Path(command[0]).name), command, stdout, stdout)
        status = os.waitpid(child, 0)[1]
        return SimpleNamespace(returncode=os.waitstatus_to_exitcode(status))

    stages.subprocess.run = run  # type: ignore[assignment]
