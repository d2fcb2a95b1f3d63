"""A checkpoint's file, named by itself, by its folder, or as fairseq offers it."""

import os
from pathlib import Path
from typing import Union

from fairseq import file_utils
from fairseq.models.roberta import XLMRModel

from fairseq_xling.errors import UserError
from fairseq_xling.files.file_kinds import adapter_in

# What it is called: fine-tuned by fairseq-train; pre-trained, or converted.
CHECKPOINT_NAMES = ("checkpoint_best.pt", "model.pt")
# What --restore-file is by default, in --save-dir.
LAST = "checkpoint_last.pt"
HUGGING_FACE = (
    "Hugging Face's; convert it with preprocess/convert_hf.py, and give what that "
    "writes"
)


def find_checkpoint_file(path: Union[str, Path], option: str = "") -> str:
    """The checkpoint that a path means: the file, or that in the folder."""
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


def model_folder(name_or_path: str) -> Path:
    """A model's folder; of no folder, but a name of fairseq's, download it.

    Raises:
        UserError: it is a file. An archive of somebody's is not unpacked.
    """
    if os.path.isfile(name_or_path):
        raise UserError(f"{name_or_path}: a file; give the model's folder")
    if os.path.isdir(name_or_path):
        return Path(name_or_path)
    archive = XLMRModel.hub_models().get(name_or_path, name_or_path)
    return Path(file_utils.load_archive_file(archive) or archive)
