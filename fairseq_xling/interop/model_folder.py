"""A model, whichever way it is named: found as fairseq reads it, or made so once."""

import hashlib
import logging
import os
import re
import shutil
from pathlib import Path
from typing import List, Optional, Sequence, Tuple, Union

import huggingface_hub
from fairseq.file_utils import PYTORCH_FAIRSEQ_CACHE
from fairseq.models.roberta import XLMRModel

from fairseq_xling.checkpoints.opening import look_into
from fairseq_xling.checkpoints.paths import (
    CHECKPOINT_NAMES,
    find_checkpoint_file,
    model_folder,
)
from fairseq_xling.checkpoints.stored_options import stored_options
from fairseq_xling.data.tokenizers import (
    SENTENCEPIECE_NAME,
    WORDPIECE_NAME,
    find_tokenizer,
)
from fairseq_xling.errors import UserError
from fairseq_xling.files.atomic import atomic_folder, folders_above
from fairseq_xling.files.locks import locked
from fairseq_xling.interop.from_hf import convert, find_benchmark
from fairseq_xling.stages import recorded_sha256

logger = logging.getLogger(__name__)

PathLike = Union[str, Path]
# Of a Hugging Face folder: settings and tokenizer, and the weights in either form.
SETTINGS = [
    *("config.json", "added_tokens.json", "special_tokens_map.json", "vocab.txt"),
    *("tokenizer_config.json", WORDPIECE_NAME, SENTENCEPIECE_NAME),
]
WEIGHTS = [
    ["model.safetensors*", "model-*.safetensors"],
    ["pytorch_model.bin*", "pytorch_model-*.bin"],
]


def find_model(
    name: PathLike, beside: Optional[PathLike] = None, option: str = ""
) -> str:
    """A model's checkpoint.

    Args:
        name: a checkpoint; a folder with one; a Hugging Face folder; or a name, of
            fairseq's XLM-R such as ``xlmr.base``, or of huggingface.co such as
            ``xlm-roberta-base``. What exists comes first.
        beside: a folder, such as binarized data, beside which ``models/`` keeps what is
            made of Hugging Face's (default: in fairseq's cache of models).
        option: for messages.

    Raises:
        UserError: there is none, or it cannot be downloaded or converted.
    """
    return find_checkpoint_file(find_folder(name, beside), option)


def find_vocabulary(
    name: PathLike, beside: Optional[PathLike] = None
) -> Tuple[str, str]:
    """A model's tokenizer and ``dict.txt``; see :func:`find_model`.

    Raises:
        UserError: it has none, nor the data that it was trained on.
    """
    path = find_folder(name, beside)
    folder = path if path.is_dir() else path.parent
    if not has_vocabulary(folder):
        state = look_into(find_checkpoint_file(path, "--model"))
        folder = vocabulary_folder([folder, stored_options(state, "task").get("data")])
    return str(find_tokenizer(folder)), str(folder / "dict.txt")


def vocabulary_folder(folders: Sequence[Optional[PathLike]]) -> Path:
    """The first folder that holds a dictionary and a tokenizer."""
    known = [Path(folder) for folder in folders if folder is not None]
    for folder in known:
        if has_vocabulary(folder):
            return folder
    raise UserError(
        f"dict.txt and {SENTENCEPIECE_NAME} (or {WORDPIECE_NAME}): not found in "
        f"{', '.join(map(str, known))}; copy them beside the checkpoint"
    )


def has_vocabulary(folder: Path) -> bool:
    """Whether a folder holds a dictionary and a tokenizer."""
    names = (SENTENCEPIECE_NAME, WORDPIECE_NAME)
    return (folder / "dict.txt").exists() and any((folder / x).exists() for x in names)


def find_folder(name: PathLike, beside: Optional[PathLike] = None) -> Path:
    """A model's folder as fairseq reads it, or its checkpoint; see :func:`find_model`.

    A path that is not there is returned as it is.
    """
    path, text = Path(name), str(name)
    if path.exists():
        if not is_hugging_face(path):
            return path
        return convert_once(path, Path(os.path.abspath(path)).name, beside)
    if text in XLMRModel.hub_models():
        folder = model_folder(text)
        if not folder.is_dir():
            archive = XLMRModel.hub_models()[text]
            raise UserError(
                f"{text}: could not be downloaded; download and unpack {archive}, and "
                "give its folder"
            )
        return folder
    # One that begins with a folder which is there is a path.
    if re.fullmatch(r"\w[\w.-]*(/[\w.-]+)?(?<!\.pt)", text) and not (
        "/" in text and path.parent.exists()
    ):
        return convert_once(download(text), path.name, beside)
    return path


def is_hugging_face(path: Path) -> bool:
    """Whether a path is a folder of Hugging Face's, and not yet one of fairseq's."""
    is_ours = any((path / name).exists() for name in CHECKPOINT_NAMES)
    return (path / "config.json").exists() and not is_ours


def download(name: str) -> Path:
    """The folder of a model of huggingface.co, with no more files than are needed.

    Raises:
        UserError: it is not there, or cannot be reached.
    """
    try:
        for weights in WEIGHTS:
            folder = Path(
                huggingface_hub.snapshot_download(
                    name, allow_patterns=[*SETTINGS, *weights]
                )
            )
            if files_like(folder, weights):
                break
        return folder
    except Exception as error:  # of whichever HTTP client the library has
        reason = (str(error) or type(error).__name__).strip().splitlines()[0]
        raise UserError(
            f"{name}: no such file or folder, and not to be had from huggingface.co "
            f"({reason}); download https://huggingface.co/{name} elsewhere, and give "
            "the folder with its config.json, weights and tokenizer"
        ) from None


def convert_once(source: Path, title: str, beside: Optional[PathLike]) -> Path:
    """The fairseq folder of a Hugging Face folder; made where it is not there yet.

    It is called by its title and a hash of what it is made of. Of processes that want
    it at once, one makes it.

    Raises:
        UserError: it cannot be converted.
    """
    files = files_like(source, [*SETTINGS, *sum(WEIGHTS, [])])
    told = "".join(f"{path.name} {recorded_sha256(path)}\n" for path in files)
    digest = hashlib.sha256(told.encode()).hexdigest()[:12]
    cache = Path(PYTORCH_FAIRSEQ_CACHE)
    if beside is not None:
        cache = Path(os.path.abspath(beside)).parent
    folder = cache / "models" / f"{title}-{digest}"
    if folder.exists():
        return folder
    with folders_above(folder), locked(folder.parent):
        for left in folder.parent.glob(f".{folder.name}.*"):  # of a killed process
            shutil.rmtree(left)
        if not folder.exists():
            task = find_benchmark(source)
            of_task = f" as a model for {task}" if task else ""
            logger.info(f"{source}: making {folder} of it, once{of_task}")
            with atomic_folder(folder) as work:
                convert(source, work, task, "en", folder)
    return folder


def files_like(folder: Path, patterns: Sequence[str]) -> List[Path]:
    """The files of a folder whose names are like one of the patterns."""
    return sorted({path for pattern in patterns for path in folder.glob(pattern)})
