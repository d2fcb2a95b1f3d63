"""A Hugging Face folder as a fairseq folder."""

import logging
from argparse import Namespace
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

import torch
from fairseq.data import Dictionary
from fairseq.dataclass.utils import convert_namespace_to_omegaconf
from fairseq.tasks import TASK_DATACLASS_REGISTRY
from omegaconf import OmegaConf
from torch import Tensor

from fairseq_xling.data.labels import LABELS, SPELLINGS, order_of
from fairseq_xling.data.tokenizers import find_tokenizer, open_tokenizer
from fairseq_xling.errors import UserError
from fairseq_xling.files.hashes import sha256_of
from fairseq_xling.interop.fairseq_checkpoint import MODEL_TYPE
from fairseq_xling.interop.heads import Head
from fairseq_xling.interop.hf_folder import Weights, labels_of, read_json, read_weights
from fairseq_xling.interop.names import Entry, pooler, tensors_of, to_ours
from fairseq_xling.interop.shapes import Shape, read_class, read_shape
from fairseq_xling.interop.tokenizer_files import take_tokenizer
from fairseq_xling.interop.vocabulary import dictionary_text, order_tokens, tokens_by_id

logger = logging.getLogger(__name__)

# What Hugging Face keeps of a matrix or bias that is another's, too.
TIED = {
    "lm_head.decoder.weight": "{prefix}embeddings.word_embeddings.weight",
    "lm_head.decoder.bias": "lm_head.bias",
    "cls.predictions.decoder.weight": "{prefix}embeddings.word_embeddings.weight",
    "cls.predictions.decoder.bias": "cls.predictions.bias",
    "vocab_projector.weight": "{prefix}embeddings.word_embeddings.weight",
}


def convert(
    source: Path, folder: Path, task: Optional[str], source_lang: str, destdir: Path
) -> None:
    """Write ``model.pt``, ``dict.txt`` and the tokenizer of Hugging Face's ``source``.

    Args:
        folder: where to write; in the end it is called ``destdir``.
        task: the benchmark of a model that was fine-tuned, in ``source_lang``.

    Raises:
        UserError: the folder lacks something, or holds what cannot be converted.
    """
    shape, head, labels = read_settings(source, task)
    theirs, entries = read_tensors(source, shape, head, len(labels) or 2)
    path = take_tokenizer(source, folder)
    tokenizer = open_tokenizer(str(find_tokenizer(folder)))
    tokens = tokens_by_id(tokenizer, str(path))
    symbols, order = order_tokens(tokens, shape.vocabulary, str(path))
    (folder / "dict.txt").write_bytes(dictionary_text(symbols).encode("utf-8"))
    # Hugging Face tells the texts of a pair apart for WordPiece alone.
    tells_apart = tokenizer.kind == "wordpiece" and shape.segments > 1
    num_segments = shape.segments if tells_apart else 0
    tensors = to_ours(theirs, entries, shape, order, num_segments)
    ours = LABELS.get(task or "", ())
    places = order_of(labels, ours, SPELLINGS.get(task or ""))
    if places:
        for part in ("weight", "bias"):
            key = f"{head.output}.{part}"
            tensors[key] = tensors[key][places]
        labels = list(ours)
    elif ours and len(labels) == len(ours):
        logger.warning(
            f"{source / 'config.json'}: id2label has {', '.join(labels)}, which are "
            f"not {task}'s labels, so {task} data will be refused; if they mean "
            f"{', '.join(ours)}, name them so there, and convert again"
        )
    state: Dict[str, Any] = {
        "args": None,
        "cfg": None,
        "model": tensors,
        "optimizer_history": [
            {
                "criterion_name": "MaskedLmLoss",
                "optimizer_name": "FairseqAdam",
                "lr_scheduler_state": {},
                "num_updates": 0,
            }
        ],
        "extra_state": {"train_iterator": {"epoch": 1, "iterations_in_epoch": 0}},
        MODEL_TYPE: shape.kind.model_type,
    }
    options = model_options(shape, tokenizer.kind, num_segments)
    if task is None:
        state["args"] = Namespace(**options, task="masked_lm")
    else:
        state["cfg"] = task_options(options, task, str(destdir.absolute()))
        state["task_state"] = {
            "task": f"xmixup_{task}",
            "benchmark": task,
            "languages": [source_lang],
            "labels": labels,
            "dictionary_sha256": sha256_of(folder / "dict.txt"),
        }
        label_dictionary = Dictionary()
        for label in labels:
            label_dictionary.add_symbol(label)
        label_dictionary.save(str(folder / "label.dict.txt"))
    torch.save(state, folder / "model.pt")


def find_benchmark(source: Path) -> Optional[str]:
    """The benchmark whose labels a fine-tuned model has; None of any other model.

    Raises:
        UserError: it cannot be converted.
    """
    path = source / "config.json"
    config = read_json(path)
    _, head = read_class(config, read_shape(config, str(path)).kind, str(path))
    labels = labels_of(config, path) if head.has_labels else []
    for name in head.benchmarks:
        if order_of(labels, LABELS.get(name, ()), SPELLINGS.get(name)) is not None:
            return name
    return None


def read_settings(source: Path, task: Optional[str]) -> Tuple[Shape, Head, List[str]]:
    """Sizes, head and labels of a model.

    Raises:
        UserError: it cannot be converted, or ``task`` does not fit it.
    """
    path = source / "config.json"
    config = read_json(path)
    shape = read_shape(config, str(path))
    name, head = read_class(config, shape.kind, str(path))
    known = head.benchmarks
    if known and task is None:
        raise UserError(
            f"{path}: a {name}; say which benchmark it is for: convert_hf.py "
            f"--task {'|'.join(known)}"
        )
    if task is not None and task not in known:
        mend = f"give --task {'|'.join(known)}" if known else "leave --task out"
        raise UserError(f"{path}: a {name}, which is no model for {task}; {mend}")
    problem = config.get("problem_type")
    if head.problem is not None and problem not in (None, head.problem):
        raise UserError(f"{path}: problem_type {problem}; only {head.problem} is known")
    return shape, head, labels_of(config, path) if head.has_labels else []


def read_tensors(
    source: Path, shape: Shape, head: Head, classes: int
) -> Tuple[Dict[str, Tensor], List[Entry]]:
    """The weights of a model, by Hugging Face's names, and what they are here.

    Raises:
        UserError: one is missing or another than the settings tell.
    """
    weights = read_weights(source)
    has_prefix = any(key.startswith(shape.kind.prefix) for key in weights.tensors)
    prefix = shape.kind.prefix if has_prefix else ""
    check_tied(weights, prefix)
    entries = tensors_of(shape, prefix, head, classes)
    if head.family is None:
        found = pooler(shape, prefix)
        entries += [entry for entry in found if entry.theirs in weights.tensors]
    tensors = weights.take(entries)
    if weights.tensors:
        unused = ", ".join(sorted(weights.tensors))
        logger.info(f"{weights.path}: not used: {unused}")
    return tensors, entries


def check_tied(weights: Weights, prefix: str) -> None:
    """Drop what is another tensor, too, or refuse it where it is not."""
    tensors = weights.tensors
    for name, other in TIED.items():
        tensor, other = tensors.pop(name, None), other.format(prefix=prefix)
        if tensor is None:
            continue
        if not torch.equal(tensors.setdefault(other, tensor), tensor):
            raise UserError(
                f"{weights.path}: {name} is not the same as {other}; the model here "
                "has one for both"
            )


def model_options(shape: Shape, tokenizer: str, num_segments: int) -> Dict[str, Any]:
    """The options of fairseq's model, of which some cannot be told by its tensors.

    Args:
        tokenizer: its kind.
        num_segments: that the model here tells apart.
    """
    arch = {"sentencepiece": "xmixup_xlmr", "wordpiece": "xmixup_mbert"}[tokenizer]
    is_large = shape.layers == 24 and tokenizer == "sentencepiece"
    return {
        "arch": f"{arch}_{'large' if is_large else 'base'}",
        "encoder_layers": shape.layers,
        "encoder_embed_dim": shape.dim,
        "encoder_ffn_embed_dim": shape.ffn,
        "encoder_attention_heads": shape.heads,
        "max_positions": shape.longest,
        "num_segments": num_segments,
        "layer_norm_eps": shape.eps,
        "mixup_layer": "0",
        "dropout": shape.dropout,
        "attention_dropout": shape.attention_dropout,
        "activation_dropout": 0.0,
        "pooler_dropout": shape.head_dropout,
        "activation_fn": "gelu",
        "pooler_activation_fn": shape.kind.head_activation,
    }


def task_options(options: Dict[str, Any], task: str, data: str) -> Dict[str, Any]:
    """The options of a run of ``fairseq-train``, as checkpoints have them."""
    name = f"xmixup_{task}"
    usual = TASK_DATACLASS_REGISTRY[name]().max_positions
    args = Namespace(**options, task=name, criterion="xmixup", training_set="source")
    args.data = data
    args.max_positions = min(options["max_positions"], usual)
    cfg = convert_namespace_to_omegaconf(args)
    return OmegaConf.to_container(cfg, resolve=True, enum_to_str=True)  # type: ignore
