"""A pre-trained model of either backbone that mixes, with its tokenizer."""

import shutil
from argparse import Namespace
from types import SimpleNamespace

import tokenizers
import torch
from raw_data import WORDS
from small_model import checkpoint, small_args

from fairseq_xling.data.dictionaries import load_dictionary
from fairseq_xling.models.xmixup_xlmr import XMixupXLMRModel

LENGTH = 40


def write_mbert_files(folder):
    words = sorted({word for rows in WORDS.values() for word in rows} - {"Hundehaus"})
    letters = sorted({letter for word in words for letter in word})
    parts = [f"##{letter}" for letter in letters] + ["##haus", "##e"]
    names = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    names += list(dict.fromkeys([*letters, *words, *parts]))
    vocabulary = {name: i for i, name in enumerate(names)}
    tokenizers.BertWordPieceTokenizer(vocabulary, lowercase=False).save(
        str(folder / "tokenizer.json")
    )
    lines = "".join(f"{name} 1\n" for name in names[5:])
    (folder / "dict.txt").write_text(lines, encoding="utf-8")


def write_model(folder, backbone, spm):
    """A pre-trained model with random weights, none near zero."""
    folder.mkdir()
    options = {"encoder_layers": 3, "mixup_layer": None, "max_positions": LENGTH}
    if backbone == "mbert":
        options.update(num_segments=2, layer_norm_eps=1e-12)
        write_mbert_files(folder)
    else:
        shutil.copy(spm.model, folder / "sentencepiece.bpe.model")
        shutil.copy(spm.dictionary, folder / "dict.txt")
    args = Namespace(
        **vars(small_args(**options)), arch="roberta_base", task="masked_lm"
    )
    task = SimpleNamespace(
        source_dictionary=load_dictionary(str(folder / "dict.txt")),
        max_positions=lambda: None,
    )
    torch.manual_seed(3)
    model = XMixupXLMRModel.build_model(args, task)
    for parameter in model.parameters():
        parameter.data.add_(0.2 * torch.randn_like(parameter))
    torch.save(checkpoint(args, model.state_dict()), folder / "model.pt")
    return folder
