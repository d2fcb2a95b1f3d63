"""Pre-trained models from a folder or by name, outside of fairseq-train."""

import os
from argparse import Namespace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Dict, Type

from fairseq import checkpoint_utils, file_utils
from fairseq.data import Dictionary
from fairseq.data.data_utils import post_process
from fairseq.models.roberta import RobertaModel
from fairseq.models.roberta.hub_interface import RobertaHubInterface
from omegaconf import OmegaConf

from fairseq_xling.data.dictionaries import load_dictionary
from fairseq_xling.data.tokenizers import Tokenizer, find_tokenizer, open_tokenizer
from fairseq_xling.errors import UserError


class PieceCodec:
    """A tokenizer as fairseq's hub interfaces use it: pieces with spaces between.

    Args:
        tokenizer: of either kind.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.tokenizer = tokenizer

    def encode(self, text: str) -> str:
        """Text to pieces."""
        return " ".join(self.tokenizer.tokenize(text))

    def decode(self, pieces: str) -> str:
        """Pieces to text; those of SentencePiece as fairseq does, with ``<unk>``."""
        if self.tokenizer.kind == "sentencepiece":
            return post_process(pieces, "sentencepiece")
        return self.tokenizer.decode(pieces.split())


def model_options(state: Dict[str, Any]) -> Namespace:
    """Return the model options that a fairseq checkpoint was trained with."""
    if state.get("args") is not None:
        return Namespace(**vars(state["args"]))
    model = state["cfg"]["model"]
    options = OmegaConf.to_container(model) if OmegaConf.is_config(model) else model
    return Namespace(**(vars(options) if isinstance(options, Namespace) else options))


def model_folder(model: Type[RobertaModel], name_or_path: str) -> Path:
    """Return a model's folder; of no folder, but a name of fairseq's, download it.

    Raises:
        UserError: it is a file. An archive of somebody's is not unpacked.
    """
    if os.path.isfile(name_or_path):
        raise UserError(f"{name_or_path}: a file; give the model's folder")
    if os.path.isdir(name_or_path):
        return Path(name_or_path)
    archive = model.hub_models().get(name_or_path, name_or_path)
    return Path(file_utils.load_archive_file(archive) or archive)


def build_pretrained(
    model_class: Type[RobertaModel],
    state: Dict[str, Any],
    dictionary: Dictionary,
    overrides: Dict[str, Any],
) -> RobertaModel:
    """Build a model with a checkpoint's shape, weights and heads.

    Args:
        model_class: a RoBERTa model.
        state: the checkpoint.
        dictionary: the model's.
        overrides: model options that take precedence over the checkpoint's.

    Raises:
        UserError: it is not one of such a model, or of another dictionary.
    """
    if state.get("args") is None and state.get("cfg") is None:
        raise UserError("holds no options of a model; give a checkpoint of fairseq")
    args = model_options(state)
    vars(args).update(overrides, load_checkpoint_heads=True)
    task = SimpleNamespace(source_dictionary=dictionary, max_positions=lambda: None)
    model = model_class.build_model(args, task)
    try:
        model.load_state_dict(state["model"], strict=True)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:300]
        raise UserError(
            f"not a {model_class.__name__} of this dictionary ({reason})"
        ) from None
    return model


def load_hub_interface(
    model_class: Type[RobertaModel],
    model_name_or_path: str,
    checkpoint_file: str,
    overrides: Dict[str, Any],
) -> RobertaHubInterface:
    """Build ``model_class`` with a checkpoint's shapes, weights and heads.

    Args:
        model_class: a RoBERTa model.
        model_name_or_path: a folder, or a name among ``model_class.hub_models()``.
        checkpoint_file: the checkpoint's name in the folder.
        overrides: model options that take precedence over the checkpoint's.

    Raises:
        UserError: the folder lacks a file, or the checkpoint is not safe to load or
            not one of such a model.
    """
    folder = model_folder(model_class, model_name_or_path)
    for name in (checkpoint_file, "dict.txt"):
        if not (folder / name).exists():
            raise UserError(f"{folder / name}: not found; it comes with the model")
    bpe = PieceCodec(open_tokenizer(str(find_tokenizer(folder))))
    path = str(folder / checkpoint_file)
    state = checkpoint_utils.load_checkpoint_to_cpu(path)
    dictionary = load_dictionary(str(folder / "dict.txt"))
    try:
        model = build_pretrained(model_class, state, dictionary, overrides)
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
    known = state.get("task_state") or {}
    # What of a task the interface asks for; the benchmark is of fine-tuned models.
    task = SimpleNamespace(
        source_dictionary=dictionary,
        mask_idx=dictionary.index("<mask>"),
        benchmark=known.get("benchmark"),
    )
    hub = RobertaHubInterface(SimpleNamespace(bpe=None), task, model).eval()
    hub.bpe = bpe
    return hub
