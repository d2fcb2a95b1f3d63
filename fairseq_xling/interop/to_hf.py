"""A fairseq checkpoint as a Hugging Face folder."""

import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import List, Optional

import safetensors.torch

from fairseq_xling.data.dictionaries import load_dictionary
from fairseq_xling.data.tokenizers import (
    SENTENCEPIECE_NAME,
    WORDPIECE_NAME,
    find_tokenizer,
    open_tokenizer,
)
from fairseq_xling.errors import UserError
from fairseq_xling.files.hashes import sha256_of
from fairseq_xling.interop.fairseq_checkpoint import (
    Checkpoint,
    find_layers,
    find_shape,
    read_checkpoint,
)
from fairseq_xling.interop.heads import HEADS, NO_HEAD
from fairseq_xling.interop.names import (
    EMBEDDINGS,
    OUTPUT,
    SEGMENTS,
    Entry,
    pooler,
    tensors_of,
    to_theirs,
)
from fairseq_xling.interop.shapes import write_config
from fairseq_xling.interop.tokenizer_export import give_tokenizer
from fairseq_xling.interop.vocabulary import FIRST, rows_of_tokens, tokens_by_id

logger = logging.getLogger(__name__)


def convert(path: Path, folder: Path, data: Optional[str]) -> None:
    """Write ``config.json``, ``model.safetensors`` and the tokenizer of a checkpoint.

    Its ``dict.txt`` and tokenizer are in the folder ``data`` (default: its own, else
    the data that it was trained on).

    Raises:
        UserError: the checkpoint cannot be converted, or a file is missing.
    """
    checkpoint = read_checkpoint(path)
    head, files = checkpoint.head, find_files(checkpoint, data)
    tokenizer_path = find_tokenizer(files)
    tokenizer = open_tokenizer(str(tokenizer_path))
    shape = find_shape(checkpoint, find_layers(checkpoint, tokenizer.kind))
    tokens = tokens_by_id(tokenizer, str(tokenizer_path))
    dictionary = load_dictionary(f"{files}/dict.txt")
    have = len(checkpoint.tensors[EMBEDDINGS])
    if have != len(dictionary):
        raise UserError(
            f"{files}/dict.txt: has {len(dictionary)} tokens with <mask>, but "
            f"{checkpoint.path} {have}; name the folder of its dict.txt with --data"
        )
    rows = rows_of_tokens(tokens, dictionary, f"{files}/dict.txt")
    shape = replace(shape, vocabulary=len(rows))
    ending = next(ending for ending, its in HEADS.items() if its is head)
    prefix = "" if head is NO_HEAD else shape.kind.prefix
    entries = tensors_of(shape, prefix, head, len(checkpoint.labels) or 2)
    if head is NO_HEAD:
        found = pooler(shape, prefix)
        entries += [entry for entry in found if entry.ours in checkpoint.tensors]
    say_what_is_left_out(checkpoint, entries)
    tensors = to_theirs(checkpoint.tensors, entries, shape, rows)
    for entry in entries:
        found_shape = tuple(tensors[entry.theirs].shape)
        if found_shape != entry.shape:
            raise UserError(
                f"{path}: {entry.ours} makes a {entry.theirs} of shape {found_shape}, "
                f"where Hugging Face has {entry.shape}"
            )
    specials = {"pad_token_id": tokens.index(FIRST[1])}
    config = write_config(shape, ending, checkpoint.labels, specials)
    config["torch_dtype"] = str(tensors[entries[0].theirs].dtype).split(".")[-1]
    if tokenizer.kind == "sentencepiece":
        config.update(bos_token_id=0, eos_token_id=2)
    text = json.dumps(config, indent=2, ensure_ascii=False) + "\n"
    (folder / "config.json").write_text(text, encoding="utf-8")
    name = str(folder / "model.safetensors")
    safetensors.torch.save_file(tensors, name, metadata={"format": "pt"})
    give_tokenizer(tokenizer, tokenizer_path, folder, shape)


def say_what_is_left_out(checkpoint: Checkpoint, entries: List[Entry]) -> None:
    """Log the tensors that Hugging Face's class has not.

    Raises:
        UserError: the checkpoint lacks one that it has.
    """
    held, wanted = set(checkpoint.tensors), {entry.ours for entry in entries}
    lacking = sorted(wanted - held - {SEGMENTS})
    if lacking:
        raise UserError(f"{checkpoint.path}: lacks {lacking[0]}")
    rest = sorted(held - wanted - {OUTPUT})
    if rest:
        logger.info(f"{checkpoint.path}: left out: {', '.join(rest)}")


def find_files(checkpoint: Checkpoint, data: Optional[str]) -> Path:
    """The folder with the checkpoint's dictionary and tokenizer.

    Raises:
        UserError: there is none, or its dictionary is another.
    """
    folders = [Path(data)] if data else [checkpoint.path.parent]
    if not data and checkpoint.data:
        folders.append(Path(checkpoint.data))
    names = (SENTENCEPIECE_NAME, WORDPIECE_NAME)
    for folder in folders:
        has_tokenizer = any((folder / name).exists() for name in names)
        if has_tokenizer and (folder / "dict.txt").exists():
            break
    else:
        raise UserError(
            f"dict.txt and {' or '.join(names)}: not found in "
            f"{', '.join(map(str, folders))}; copy them beside the checkpoint, or name "
            "their folder with --data"
        )
    digest = checkpoint.dictionary_sha256
    if digest and digest != sha256_of(folder / "dict.txt"):
        raise UserError(
            f"{folder}/dict.txt: not the one that {checkpoint.path} was trained with; "
            "name another folder with --data"
        )
    return folder
