"""Hugging Face folders with random weights, and what their models compute."""

import json
import logging
import shutil
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Dict, List, Optional

import torch
import transformers
from hf_tokenizers import xlmr_tokenizer
from raw_data import WORDS
from safetensors.torch import load_file

from fairseq_xling.cli.convert_hf import main
from fairseq_xling.data.binarize import TextEncoder
from fairseq_xling.data.dictionaries import load_dictionary
from fairseq_xling.data.tokenizers import find_tokenizer

PAIRS = [
    ("der Hund läuft", "the dog"),
    ("Katze", "ein großes Haus im Hundehaus unter rot"),
    ("狗猫跑", "собака бежит."),
]
LABELS = ["entailment", "neutral", "contradiction", "other"]
# What config.json calls the sizes of all but DistilBERT, and DistilBERT's.
SIZES = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 48,
}
DISTILBERT_SIZES = dict(
    zip(("dim", "n_layers", "n_heads", "hidden_dim"), SIZES.values())
)
# Of each family, what its classes begin with, and its tokenizer's.
CLASSES = {
    "xlmr": "XLMRoberta",
    "mbert": "Bert",
    "minilm": "Bert",
    "distilbert": "DistilBert",
}
TOKENIZERS = {**CLASSES, "minilm": "XLMRoberta"}
TASKS = {
    "ForSequenceClassification": "xnli",
    "ForTokenClassification": "udpos",
    "ForQuestionAnswering": "xquad",
}
ENDINGS = ["Model", "ForMaskedLM", *TASKS]


def bert_vocabulary() -> List[str]:
    """Words, halves of words and characters, specials where mBERT has them."""
    words = sorted(
        {word for rows in WORDS.values() for word in rows} - {"cat", "klein"}
    )
    pieces = {"##" + word[len(word) // 2 :] for word in words if len(word) > 1}
    characters = sorted({c for word in [*words, "Großes.ein"] for c in word})
    pieces |= {"##" + c for c in characters}
    specials = ["[PAD]", "[unused1]", "[unused2]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    rest = [x for x in characters if x not in words]
    return [*specials, *rest, *words, *sorted(pieces)]


def write_tokenizer(backbone: str, folder: Path, spm) -> int:
    """Save a tokenizer as published folders have it, with the file that it is of.

    Returns:
        its number of tokens.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if TOKENIZERS[backbone] == "XLMRoberta":
        shutil.copy(spm.model, folder / "sentencepiece.bpe.model")
        tokenizer = xlmr_tokenizer(spm.model)
    else:
        text = "\n".join(bert_vocabulary()) + "\n"
        (folder / "vocab.txt").write_text(text, encoding="utf-8")
        kind = getattr(transformers, f"{TOKENIZERS[backbone]}Tokenizer")
        tokenizer = kind.from_pretrained(folder, do_lower_case=False)
    tokenizer.save_pretrained(folder)
    return len(tokenizer)


def write_hf(
    backbone: str,
    ending: str,
    folder: Path,
    spm,
    extra_rows: int = 0,
    seed: int = 0,
    **options: Any,
) -> Any:
    """Write a folder as ``save_pretrained`` does, and return the model."""
    rows = write_tokenizer(backbone, folder, spm) + extra_rows
    if ending in ("ForSequenceClassification", "ForTokenClassification"):
        options.setdefault("id2label", dict(enumerate(LABELS)))
    sizes = DISTILBERT_SIZES if backbone == "distilbert" else SIZES
    settings = {**sizes, "vocab_size": rows, "max_position_embeddings": 66, **options}
    if backbone == "xlmr":
        settings = {"type_vocab_size": 1, "layer_norm_eps": 1e-5, **settings}
    stem = CLASSES[backbone]
    config = getattr(transformers, f"{stem}Config")(**settings)
    torch.manual_seed(seed)
    model = getattr(transformers, stem + ending)(config)
    for parameter in model.parameters():
        parameter.data.add_(0.2 * torch.randn_like(parameter))
    model.eval().save_pretrained(folder)
    return model


def convert(*arguments: Any) -> None:
    """The command, without what it does to logging."""
    root = logging.root
    handlers, level = root.handlers[:], root.level
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            main([str(argument) for argument in arguments])
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)


def to_fairseq(source: Path, ending: str) -> Path:
    """Convert to a folder beside it."""
    destdir = source.with_name(source.name + "-fairseq")
    task = ["--task", TASKS[ending]] if ending in TASKS else []
    convert(source, "--destdir", destdir, *task)
    return destdir


def batch_of(folder: Path, source: Path) -> SimpleNamespace:
    """Pairs as Hugging Face reads them, and as we do.

    Returns:
        Hugging Face's ``inputs``; our ``tokens``, same shape; the tokens that are not
        padding, bool; and ``ids``, Hugging Face's id of each of our tokens.
    """
    tokenizer = transformers.AutoTokenizer.from_pretrained(source, use_fast=False)
    texts = list(zip(*PAIRS))
    inputs = tokenizer(*map(list, texts), padding=True, return_tensors="pt")
    dictionary = load_dictionary(str(folder / "dict.txt"))
    flat, lengths = TextEncoder(str(find_tokenizer(folder)), dictionary).pairs(PAIRS)
    rows = torch.split(torch.from_numpy(flat), lengths.tolist())
    tokens = torch.nn.utils.rnn.pad_sequence(
        list(rows), batch_first=True, padding_value=dictionary.pad()
    )
    names = {"[CLS]": "<s>", "[PAD]": "<pad>", "[SEP]": "</s>", "[UNK]": "<unk>"}
    names["[MASK]"] = "<mask>"
    by_name = {names.get(k, k): v for k, v in tokenizer.get_vocab().items()}
    ids = torch.tensor([by_name.get(x, -1) for x in dictionary.symbols])
    return SimpleNamespace(
        inputs=inputs, tokens=tokens, real=inputs["attention_mask"].bool(), ids=ids
    )


def close(one: torch.Tensor, two: torch.Tensor) -> None:
    """Equal to 1e-5 of the largest value."""
    assert one.shape == two.shape
    assert (one - two).abs().max() <= 1e-5 * two.abs().max()


def tensors(folder: Path) -> Dict[str, torch.Tensor]:
    """Copies, as tests write the file anew."""
    held = load_file(str(folder / "model.safetensors"))
    return {name: tensor.clone() for name, tensor in held.items()}


def same_tensors(one: Dict[str, torch.Tensor], two: Dict[str, torch.Tensor]) -> None:
    assert sorted(one) == sorted(two)
    for name, tensor in one.items():
        assert tensor.dtype == two[name].dtype, name
        assert torch.equal(tensor, two[name]), name


def edit_config(folder: Path, remove: Optional[str] = None, **values: Any) -> None:
    path = folder / "config.json"
    config = {**json.loads(path.read_text()), **values}
    config.pop(remove or "", None)
    path.write_text(json.dumps(config))


def weights(folder: Path):
    return torch.load(folder / "model.pt", weights_only=True)["model"]
