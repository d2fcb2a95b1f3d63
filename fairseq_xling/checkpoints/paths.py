"""A checkpoint's file, named by itself or by its folder."""

import os
from pathlib import Path
from typing import Union

from fairseq_xling.errors import UserError
from fairseq_xling.files.file_kinds import adapter_in

# What it is called: fine-tuned by fairseq-train; pre-trained, or converted.
CHECKPOINT_NAMES = ("checkpoint_best.pt", "model.pt")
HUGGING_FACE = (
    "Hugging Face's; convert it with preprocess/convert_hf.py, and give what that "
    "writes"
)


def find_checkpoint_file(path: Union[str, Path], option: str = "") -> str:
    """The checkpoint that a path means: the file, or that in the folder.

    Args:
        path: of the file or its folder.
        option: what messages name before the path, such as ``--path``.

    Raises:
        UserError: there is none.
    """
    shown = f"{option} {path}".strip()
    if os.path.isfile(path):
        return str(path)
    if not os.path.isdir(path):
        raise UserError(f"{shown}: not found; give a checkpoint, or its folder")
    for name in CHECKPOINT_NAMES:
        file = os.path.join(path, name)
        if os.path.isfile(file):
            return file
    lacks = (
        f"a folder with neither {' nor '.join(CHECKPOINT_NAMES)} in it; give a model's "
        "folder, or the checkpoint itself"
    )
    if os.path.isfile(os.path.join(path, "config.json")):
        lacks = HUGGING_FACE
    raise UserError(f"{shown}: {adapter_in(Path(path)) or lacks}")
