"""Train SentencePiece on text and binarize it, to pre-train a masked language model.

    python preprocess/monolingual.py TEXT_DIR --vocabulary 1000 --destdir DIR

``TEXT_DIR`` holds ``train.{lang}.txt`` and ``valid.{lang}.txt``, one document or
sentence a line. ``DIR`` becomes a folder as fairseq's XLM-R has it, yet without
``model.pt`` (``sentencepiece.bpe.model``, ``dict.txt``), and ``DIR/bin`` the data of
``--task masked_lm``.
"""

import argparse
import itertools
import shutil
import sys
from pathlib import Path
from typing import List

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import sentencepiece  # noqa: E402
from tqdm import tqdm  # noqa: E402

from fairseq_xling import UserError  # noqa: E402
from fairseq_xling.data.atomic import atomic_folder  # noqa: E402
from fairseq_xling.data.binarize import LineEncoder, StreamWriter  # noqa: E402
from fairseq_xling.data.tokenizers import SENTENCEPIECE_NAME  # noqa: E402
from fairseq_xling.models.loading import load_dictionary  # noqa: E402

CHUNK_LINES = 8192


def find_texts(folder: Path, split: str) -> List[Path]:
    """The text files of a split, in the order of their languages.

    Raises:
        UserError: there is none.
    """
    paths = sorted(folder.glob(f"{split}.*.txt"))
    if not paths:
        raise UserError(f"{folder}: no {split}.*.txt; name the files {split}.LANG.txt")
    return paths


def train_sentencepiece(texts: List[Path], vocabulary: int, folder: Path) -> None:
    """Train a unigram model, and write its pieces as a fairseq dictionary."""
    sentencepiece.SentencePieceTrainer.train(
        input=[str(path) for path in texts],
        model_prefix=str(folder / "model"),
        vocab_size=vocabulary,
        character_coverage=0.9995,
        hard_vocab_limit=False,
        input_sentence_size=1_000_000,
        shuffle_input_sentence=True,
        minloglevel=2,
    )
    (folder / "model.vocab").unlink()
    (folder / "model.model").rename(folder / SENTENCEPIECE_NAME)
    processor = sentencepiece.SentencePieceProcessor(str(folder / SENTENCEPIECE_NAME))
    # The first three ids are <unk>, <s> and </s>, which fairseq has by itself.
    pieces = [processor.id_to_piece(i) for i in range(3, processor.get_piece_size())]
    lines = "".join(f"{piece} 1\n" for piece in pieces)
    (folder / "dict.txt").write_text(lines, encoding="utf-8")


def binarize(texts: List[Path], prefix: Path, encoder: LineEncoder) -> None:
    """Write the lines of all texts as one stream; empty lines are left out."""
    writer = StreamWriter(str(prefix), len(encoder.dictionary))
    for path in texts:
        with open(path, encoding="utf-8") as file:
            lines = filter(None, map(str.strip, file))
            with tqdm(desc=path.name, unit=" lines", disable=None) as progress:
                while chunk := list(itertools.islice(lines, CHUNK_LINES)):
                    writer.write(*encoder.encode(chunk))
                    progress.update(len(chunk))
    writer.close()


def main() -> None:
    """Read the options and write the folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("text", type=Path, metavar="TEXT_DIR")
    parser.add_argument("--destdir", type=Path, required=True)
    parser.add_argument("--vocabulary", type=int, default=16000, help="pieces")
    parser.add_argument("--workers", type=int, default=2, help="threads that encode")
    args = parser.parse_args()
    if args.destdir.exists():
        raise UserError(f"{args.destdir}: exists; remove it or choose another folder")
    splits = {split: find_texts(args.text, split) for split in ("train", "valid")}
    with atomic_folder(args.destdir) as folder:
        train_sentencepiece(splits["train"], args.vocabulary, folder)
        dictionary = load_dictionary(str(folder / "dict.txt"))
        encoder = LineEncoder(
            str(folder / SENTENCEPIECE_NAME), dictionary, args.workers
        )
        (folder / "bin").mkdir()
        shutil.copyfile(folder / "dict.txt", folder / "bin" / "dict.txt")
        for split, texts in splits.items():
            binarize(texts, folder / "bin" / split, encoder)


if __name__ == "__main__":
    main()
