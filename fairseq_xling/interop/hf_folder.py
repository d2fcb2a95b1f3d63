"""Reading a Hugging Face folder's settings and weights, without running its code."""

import logging
import pickle
import re
from pathlib import Path
from typing import Any, Dict, List, NamedTuple

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from fairseq_xling.errors import UserError
from fairseq_xling.files.file_kinds import adapter_in, refuse_stand_in
from fairseq_xling.files.json_text import parse_json
from fairseq_xling.files.text_lines import read_text
from fairseq_xling.interop.names import Entry

logger = logging.getLogger(__name__)

# In the order in which Hugging Face looks for them.
FILES = ("model.safetensors", "pytorch_model.bin")


class Weights(NamedTuple):
    """The tensors of a folder.

    Attributes:
        path: the file that lists them, for messages.
        tensors: by name.
    """

    path: Path
    tensors: Dict[str, Tensor]

    def take(self, entries: List[Entry]) -> Dict[str, Tensor]:
        """Take out some of them.

        Raises:
            UserError: one is missing, of another shape, or not made of numbers with
                fractions.
        """
        found = {}
        for entry in entries:
            tensor = self.tensors.pop(entry.theirs, None)
            if tensor is None:
                raise UserError(
                    f"{self.path}: lacks {entry.theirs}, which its config.json asks for"
                )
            if tuple(tensor.shape) != entry.shape:
                raise UserError(
                    f"{self.path}: {entry.theirs} has shape {tuple(tensor.shape)}, by "
                    f"config.json it would be {entry.shape}"
                )
            if not tensor.is_floating_point():
                kind = str(tensor.dtype).replace("torch.", "")
                raise UserError(
                    f"{self.path}: {entry.theirs} is {kind}; save the weights as "
                    "float32 or float16"
                )
            found[entry.theirs] = tensor
        return found


def read_json(path: Path) -> Dict[str, Any]:
    """Read a file of settings.

    Raises:
        UserError: there is none, or it holds no settings.
    """
    if not path.exists():
        adapter = adapter_in(path.parent)
        if adapter:
            raise UserError(f"{path.parent}: {adapter}")
        raise UserError(f"{path}: not found; give a folder that save_pretrained wrote")
    refuse_stand_in(path)
    text = read_text(path)
    try:
        found = parse_json(text)
    except ValueError as error:
        raise UserError(f"{path}: cannot be read ({error})") from None
    if not isinstance(found, dict):
        raise UserError(f"{path}: holds no settings")
    return found


def read_weights(folder: Path) -> Weights:
    """Read all weights of a folder.

    Raises:
        UserError: it has none, or a file is damaged or holds code.
    """
    for name in FILES:
        path, index = folder / name, folder / f"{name}.index.json"
        if path.exists():
            return Weights(path, renamed(read_file(path)))
        if index.exists():
            return Weights(index, renamed(read_shards(index)))
    lacks = f"has neither {' nor '.join(FILES)}; one holds the weights"
    raise UserError(f"{folder}: {adapter_in(folder) or lacks}")


def read_shards(index: Path) -> Dict[str, Tensor]:
    """Read the files that an index lists.

    Raises:
        UserError: one is missing or damaged, or lacks a tensor of the index.
    """
    listed = read_json(index).get("weight_map")
    if not isinstance(listed, dict):
        raise UserError(f"{index}: has no weight_map")
    tensors: Dict[str, Tensor] = {}
    for name in sorted(set(map(str, listed.values()))):
        path = index.parent / name
        if Path(name).name != name or not path.exists():
            raise UserError(f"{index}: lists {name}, which is not beside it")
        tensors.update(read_file(path))
    lost = sorted(set(listed) - set(tensors))
    if lost:
        raise UserError(f"{index.parent / listed[lost[0]]}: lacks {lost[0]}")
    return tensors


def read_file(path: Path) -> Dict[str, Tensor]:
    """Read one file of weights.

    Raises:
        UserError: it is damaged, or holds more than tensors.
    """
    refuse_stand_in(path)
    if path.suffix == ".safetensors":
        try:
            return safetensors.torch.load_file(str(path))
        except (safetensors.SafetensorError, OSError) as error:
            raise UserError(f"{path}: not a safetensors file ({error})") from None
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise UserError(
            f"{path}: refused, because loading it might run code; only tensors are "
            "loaded. If you trust its origin, save it as model.safetensors"
        ) from None
    except (RuntimeError, EOFError, KeyError, ValueError, OSError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise UserError(f"{path}: not a file of weights ({reason})") from None
    if not isinstance(found, dict) or not all(
        isinstance(value, Tensor) for value in found.values()
    ):
        raise UserError(f"{path}: holds more than tensors by name")
    return dict(found)


def renamed(tensors: Dict[str, Tensor]) -> Dict[str, Tensor]:
    """Bring names of layer norms of BERT's first checkpoints to those of today."""
    known = {"gamma": "weight", "beta": "bias"}
    return {
        re.sub(r"(?<=LayerNorm\.)(gamma|beta)\Z", lambda old: known[old[1]], name): x
        for name, x in tensors.items()
    }


def labels_of(config: Dict[str, Any], path: Path) -> List[str]:
    """The names of classes or tags, in the order of their ids.

    Raises:
        UserError: ids are left out, or a name is given twice or can be none.
    """
    named = config.get("id2label")
    try:
        if named is None:
            named = {i: f"LABEL_{i}" for i in range(config.get("num_labels", 2))}
        by_id = {int(i): str(label) for i, label in named.items()}
    except (AttributeError, TypeError, ValueError):
        by_id = {}
    labels = [by_id[i] for i in sorted(by_id)]
    if sorted(by_id) != list(range(len(by_id))) or len(labels) < 2:
        raise UserError(
            f"{path}: id2label must name two or more labels by 0, 1, 2, ..."
        )
    reserved = {"<s>", "<pad>", "</s>", "<unk>"}
    for i, label in enumerate(labels):
        is_line = label.strip() and not set(label) & set("\r\n")
        if label in labels[:i] or label in reserved or not is_line:
            raise UserError(f"{path}: id2label has {label!r}, which cannot be a label")
    return labels
