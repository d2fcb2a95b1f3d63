"""A small WordPiece tokenizer with its dictionary, and a mBERT with random weights."""

from pathlib import Path
from typing import Any, Sequence

import tokenizers
import torch
from small_model import checkpoint, small_args

from fairseq_xling.data.dictionaries import load_dictionary
from fairseq_xling.data.tokenizers import open_tokenizer
from fairseq_xling.interop.tokenizer_files import wordpiece
from fairseq_xling.interop.vocabulary import (
    BERT_NAMES,
    dictionary_text,
    order_tokens,
    tokens_by_id,
)
from fairseq_xling.models.xmixup_xlmr import XMixupXLMRModel

CASED = {"lowercase": False, "strip_accents": None, "handle_chinese_chars": True}


def write_wordpiece(folder: Path, lines: Sequence[str], size: int) -> Path:
    """Train a tokenizer; ``vocab.txt`` is as Hugging Face has it.

    In the order of multilingual BERT, unused entries lie among the special ones.
    """
    folder.mkdir(parents=True, exist_ok=True)
    trained = wordpiece(list(BERT_NAMES), CASED)
    # Numbered beforehand, as the trainer counts characters in random order.
    letters = sorted(set("".join(lines)) - {" "})
    known = [*BERT_NAMES, *letters, *(f"##{letter}" for letter in letters)]
    trainer = tokenizers.trainers.WordPieceTrainer(
        vocab_size=max(size, len(known)), special_tokens=known, show_progress=False
    )
    trained.train_from_iterator(lines, trainer)
    pieces = [trained.id_to_token(i) for i in range(trained.get_vocab_size())]
    words = sorted(piece for piece in pieces if piece not in BERT_NAMES)
    vocabulary = ["[PAD]", "[unused1]", "[unused2]", "[UNK]", "[CLS]", "[SEP]"]
    vocabulary += ["[MASK]", *words]
    path = str(folder / "tokenizer.json")
    wordpiece(vocabulary, CASED).save(path)
    (folder / "vocab.txt").write_text("".join(f"{x}\n" for x in vocabulary), "utf-8")
    tokens = tokens_by_id(open_tokenizer(path), path)
    symbols, _ = order_tokens(tokens, len(vocabulary), path)
    (folder / "dict.txt").write_text(dictionary_text(symbols), encoding="utf-8")
    return folder


def write_mbert(
    folder: Path, lines: Sequence[str], spread: float = 0.0, **options: Any
) -> Path:
    """A folder as ``preprocess/convert_hf.py`` makes it; returns its checkpoint.

    Args:
        spread: by how much weights are drawn farther apart.
    """
    write_wordpiece(folder, lines, 150)
    dictionary = load_dictionary(str(folder / "dict.txt"))
    args = small_args(num_segments=2, layer_norm_eps=1e-12, mixup_layer="0", **options)
    args.arch, args.task = "xmixup_mbert_mini", "masked_lm"
    torch.manual_seed(0)
    model = XMixupXLMRModel.build_model(args, _Task(dictionary))
    for parameter in model.parameters():
        parameter.data.add_(spread * torch.randn_like(parameter))
    torch.save(checkpoint(args, model.state_dict()), folder / "model.pt")
    return folder / "model.pt"


class _Task:
    def __init__(self, dictionary) -> None:
        self.source_dictionary = dictionary

    def max_positions(self) -> int:
        return 40
