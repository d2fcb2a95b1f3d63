"""Files that run code where they are trusted, and commands that are handed them.

The code makes a folder, which shows that it ran.
"""

import io
import os
import pickle
import tarfile
from argparse import Namespace
from pathlib import Path
from typing import Any, Callable, Dict

import torch
from forked import run_stage

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


def fork_stages() -> None:
    """Let the stages of xling-multimix run without the seconds that imports take."""
    stages.subprocess.run = run_stage  # type: ignore[assignment]
