"""Small SentencePiece models, trained by the tests."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, Iterable

import sentencepiece


def train_spm(
    folder: Path, lines: Iterable[str], size: int, name: str = "spm.model", **more: Any
) -> SimpleNamespace:
    """Train a model, and write the dictionary that fairseq has beside it.

    Args:
        size: of the vocabulary at most.
        name: of the model's file.
        more: further settings of the trainer.

    Returns:
        the paths ``model`` and ``dictionary``, and the ``processor``.
    """
    options = {"character_coverage": 1.0, "hard_vocab_limit": False, **more}
    with open(folder / name, "wb") as file:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(lines),
            model_writer=file,
            vocab_size=size,
            minloglevel=2,
            **options,
        )
    processor = sentencepiece.SentencePieceProcessor(str(folder / name))
    pieces = [processor.id_to_piece(i) for i in range(3, processor.get_piece_size())]
    dictionary = folder / "dict.txt"
    dictionary.write_text("".join(f"{x} 1\n" for x in pieces), encoding="utf-8")
    return SimpleNamespace(
        model=str(folder / name), dictionary=str(dictionary), processor=processor
    )
