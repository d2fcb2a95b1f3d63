"""Finding a model's files, and building the model that they hold."""

from pathlib import Path
from typing import Any, Dict, Optional, Tuple, Union

from fairseq.data import Dictionary
from fairseq.tasks import TASK_REGISTRY
from omegaconf import OmegaConf, open_dict

from fairseq_xling.checkpoints.backbone import build_backbone
from fairseq_xling.checkpoints.opening import open_checkpoint
from fairseq_xling.checkpoints.paths import find_checkpoint_file
from fairseq_xling.checkpoints.stored_options import stored_options
from fairseq_xling.data.dictionaries import load_dictionary
from fairseq_xling.data.manifest import Manifest
from fairseq_xling.data.tokenizers import WORDPIECE_NAME, find_tokenizer
from fairseq_xling.errors import UserError
from fairseq_xling.families.encode import RowEncoder
from fairseq_xling.files.hashes import sha256_of
from fairseq_xling.interop.model_folder import find_folder, vocabulary_folder
from fairseq_xling.models.options import read_options
from fairseq_xling.models.xmixup_xlmr import XMixupXLMRModel
from fairseq_xling.predictor.texts import TextReader
from fairseq_xling.version import __version__


def load_files(
    path: Union[str, Path],
    checkpoint_file: Optional[str],
    data: Union[str, Path, None],
    overrides: Dict[str, Any],
) -> Tuple[Path, Any, TextReader, Any]:
    """Load a model; see :func:`fairseq_xling.from_pretrained`.

    Returns:
        the checkpoint's path, the model, what reads text for it, and its task or None.
    """
    overrides = read_options(XMixupXLMRModel.add_args, overrides)
    named = find_folder(path)
    inside = checkpoint_file if checkpoint_file and named.is_dir() else ""
    path = Path(find_checkpoint_file(named / inside))
    state = open_checkpoint(path)
    known = state.get("task_state") or {}
    cfg = state.get("cfg")
    trained_on = stored_options(state, "task").get("data")
    folder = vocabulary_folder([data] if data else [path.parent, trained_on])
    dictionary = load_dictionary(str(folder / "dict.txt"))
    tokenizer = find_tokenizer(folder)
    task = None
    try:
        if cfg is None or known.get("task") not in TASK_REGISTRY:
            model: Any = build_backbone(XMixupXLMRModel, state, dictionary, overrides)
        else:
            digest = known["dictionary_sha256"]
            if digest and digest != sha256_of(folder / "dict.txt"):
                raise UserError(
                    f"{folder / 'dict.txt'} is not the dictionary that it was trained "
                    "with; put that one there, or name another folder that has it"
                )
            change_options(cfg["model"], overrides)
            # The longest sequence is an option of both.
            shared = {k: v for k, v in overrides.items() if k in cfg["task"]}
            change_options(cfg["task"], shared)
            task = build_task(cfg["task"], known, dictionary, tokenizer)
            model = task.build_model(cfg["model"], from_checkpoint=True)
            model.load_state_dict(state["model"], strict=True, model_cfg=cfg["model"])
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
    encoder = task.family.encoder if task else RowEncoder
    reader = TextReader(str(tokenizer), dictionary, encoder)
    return path, model, reader, task


def change_options(options: Any, values: Dict[str, Any]) -> None:
    """Change options in place; a checkpoint holds them in either of two classes."""
    if OmegaConf.is_config(options):
        with open_dict(options):
            options.update(values)
    else:
        vars(options).update(values)


def build_task(
    options: Any, known: Dict[str, Any], dictionary: Dictionary, tokenizer: Path
) -> Any:
    """The task that a model was fine-tuned for, without its data."""
    labels = Dictionary()
    for label in known["labels"]:
        labels.add_symbol(label)
    is_wordpiece = tokenizer.name == WORDPIECE_NAME
    manifest = Manifest(
        task=known["benchmark"],
        source_lang=known["languages"][0],
        languages=known["languages"],
        labels=known["labels"],
        splits={},
        dictionary_size=len(dictionary),
        dictionary_sha256=known["dictionary_sha256"],
        tokenizer_sha256="",
        tokenizer="wordpiece" if is_wordpiece else "sentencepiece",
        version=__version__,
    )
    if hasattr(options, "truncate_sequence"):
        options.truncate_sequence = True
    return TASK_REGISTRY[known["task"]](options, manifest, dictionary, labels)
