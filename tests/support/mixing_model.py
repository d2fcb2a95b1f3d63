"""A pre-trained model of either backbone that mixes, with its tokenizer."""

from pathlib import Path

from augment_data import POSITIONS as LENGTH
from augment_data import write_lm
from mbert_data import write_mbert
from raw_data import WORDS

__all__ = ["LENGTH", "write_model"]


def write_model(folder: Path, backbone: str, spm) -> Path:
    """A folder of a model of three layers with random weights, none near zero."""
    if backbone == "xlmr":
        return write_lm(folder, spm, is_published=True, encoder_layers=3).parent
    lines = [" ".join(words) for words in WORDS.values()]
    return write_mbert(folder, lines, spread=0.2, encoder_layers=3).parent
