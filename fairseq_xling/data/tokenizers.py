"""The backbones' tokenizers: SentencePiece (XLM-R) and WordPiece (mBERT)."""

import itertools
from functools import partial
from pathlib import Path
from typing import List, NamedTuple, Sequence, Tuple, Union

import numpy as np
import sentencepiece
import tokenizers
from fairseq.data import Dictionary

from fairseq_xling.errors import UserError
from fairseq_xling.files.file_kinds import refuse_stand_in
from fairseq_xling.files.text_lines import read_text

SENTENCEPIECE_NAME = "sentencepiece.bpe.model"
WORDPIECE_NAME = "tokenizer.json"
# How many </s> stand between the two texts of a pair.
SEPARATORS = {"sentencepiece": 2, "wordpiece": 1}
# The symbol that mBERT's unknown pieces have in a fairseq dictionary; its others, such
# as [SEP], are never read from text.
WORDPIECE_SPECIALS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


class PiecesOfText(NamedTuple):
    """A text's pieces, and the characters ``begins[i]:ends[i]`` that each stands for.

    All three ``(pieces,)``; ids are the tokenizer's own, or a dictionary's.
    """

    ids: np.ndarray
    begins: np.ndarray
    ends: np.ndarray


class SentencePieceTokenizer:
    """XLM-R's.

    Raises:
        UserError: it cannot be read.
    """

    kind = "sentencepiece"
    file_name = SENTENCEPIECE_NAME

    def __init__(self, path: str, threads: int = 1) -> None:
        refuse_folder(path)
        refuse_stand_in(path)
        try:
            self.processor = sentencepiece.SentencePieceProcessor(path)
        except (OSError, RuntimeError):
            raise UserError(
                f"{path}: not a SentencePiece model; give the {SENTENCEPIECE_NAME} "
                "that comes with the checkpoint"
            ) from None
        self.threads = threads

    @classmethod
    def around(
        cls, processor: sentencepiece.SentencePieceProcessor
    ) -> "SentencePieceTokenizer":
        """That of a model which is loaded already, as fairseq's own interfaces are."""
        tokenizer = cls.__new__(cls)
        tokenizer.processor, tokenizer.threads = processor, 1
        return tokenizer

    def pieces(self) -> List[str]:
        """Every piece, by its id."""
        return self.processor.id_to_piece(list(range(len(self.processor))))

    def encode(self, texts: Sequence[str]) -> Tuple[np.ndarray, np.ndarray]:
        """Encode texts.

        Returns:
            all ids, concatenated, and the number of each text's, ``(len(texts),)``.
        """
        return flatten(
            self.processor.encode(list(texts), out_type=int, num_threads=self.threads)
        )

    def encode_with_characters(self, texts: Sequence[str]) -> List[PiecesOfText]:
        """Encode texts, with the characters of the original that pieces stand for."""
        encode = partial(self.processor.encode, list(texts), num_threads=self.threads)
        try:
            found = encode(out_type="offset_mapping")
        except (RuntimeError, ValueError):  # SentencePiece before 0.2.3
            found = [
                {
                    "ids": [piece.id for piece in proto.pieces],
                    "offsets": [(piece.begin, piece.end) for piece in proto.pieces],
                }
                for proto in encode(out_type="immutable_proto")
            ]
        return [
            PiecesOfText(
                np.array(one["ids"], np.int64),
                *np.array(one["offsets"], np.int64).reshape(-1, 2).T,
            )
            for one in found
        ]

    def tokenize(self, text: str) -> List[str]:
        """A text's pieces."""
        return self.processor.encode(text, out_type=str)

    def decode(self, pieces: Sequence[str]) -> str:
        """The text of pieces."""
        return self.processor.decode(list(pieces))


class WordPieceTokenizer:
    """mBERT's, as the ``tokenizers`` library keeps it.

    Raises:
        UserError: it cannot be read, or is no WordPiece tokenizer.
    """

    kind = "wordpiece"
    file_name = WORDPIECE_NAME

    def __init__(self, path: str) -> None:
        refuse_folder(path)
        refuse_stand_in(path)
        text = read_text(path)
        try:
            self.tokenizer = tokenizers.Tokenizer.from_str(text)
        except Exception as error:  # The library raises no narrower class.
            reason = str(error).splitlines()[0]
            raise UserError(
                f"{path}: not a tokenizer.json ({reason}); give the one that comes "
                "with the checkpoint"
            ) from None
        if not isinstance(self.tokenizer.model, tokenizers.models.WordPiece):
            raise UserError(
                f"{path}: not a WordPiece tokenizer; of SentencePiece give the "
                f"{SENTENCEPIECE_NAME}"
            )
        self.tokenizer.no_padding()
        self.tokenizer.no_truncation()

    def pieces(self) -> List[str]:
        """Every piece, by its id; the unknown one and specials as in fairseq."""
        count = self.tokenizer.get_vocab_size(with_added_tokens=True)
        names = [self.tokenizer.id_to_token(i) for i in range(count)]
        return ["<unk>" if n in WORDPIECE_SPECIALS else n for n in names]

    def encode(self, texts: Sequence[str]) -> Tuple[np.ndarray, np.ndarray]:
        found = self.tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        return flatten([one.ids for one in found])

    def encode_with_characters(self, texts: Sequence[str]) -> List[PiecesOfText]:
        found = self.tokenizer.encode_batch(list(texts), add_special_tokens=False)
        return [
            PiecesOfText(
                np.array(one.ids, np.int64),
                *np.array(one.offsets, np.int64).reshape(-1, 2).T,
            )
            for one in found
        ]

    def tokenize(self, text: str) -> List[str]:
        names = self.tokenizer.encode(text, add_special_tokens=False).tokens
        return ["<unk>" if n in WORDPIECE_SPECIALS else n for n in names]

    def decode(self, pieces: Sequence[str]) -> str:
        """The text of pieces; a space stands before every word and sign."""
        text = " ".join(pieces).replace(" ##", "")
        return text[2:] if text.startswith("##") else text


def refuse_folder(path: str) -> None:
    """Refuse a folder in place of the tokenizer in it."""
    if Path(path).is_dir():
        names = (SENTENCEPIECE_NAME, WORDPIECE_NAME)
        found = [name for name in names if (Path(path) / name).exists()]
        wanted = found[0] if found else " or ".join(names)
        raise UserError(f"{path}: a folder; give the {wanted} in it")


Tokenizer = Union[SentencePieceTokenizer, WordPieceTokenizer]


def open_tokenizer(path: str, threads: int = 1) -> Tokenizer:
    """Open a tokenizer's file: a ``tokenizer.json``, or a SentencePiece model."""
    if Path(path).suffix == ".json":
        return WordPieceTokenizer(path)
    return SentencePieceTokenizer(path, threads)


def find_tokenizer(folder: Union[str, Path]) -> Path:
    """The tokenizer's file in a folder of a model or of data."""
    for name in (SENTENCEPIECE_NAME, WORDPIECE_NAME):
        path = Path(folder) / name
        if path.exists():
            return path
    raise UserError(
        f"{folder}: neither {SENTENCEPIECE_NAME} nor {WORDPIECE_NAME}; one of them "
        "comes with the model"
    )


def common_files(folder: Union[str, Path]) -> List[str]:
    """What every folder of binarized data has of its model: names of files."""
    return ["dict.txt", "label.dict.txt", find_tokenizer(folder).name]


def piece_table(tokenizer: Tokenizer, dictionary: Dictionary) -> np.ndarray:
    """The dictionary's id of each of the tokenizer's, ``(pieces,)``."""
    return np.array([dictionary.index(piece) for piece in tokenizer.pieces()])


def flatten(ids: Sequence[Sequence[int]]) -> Tuple[np.ndarray, np.ndarray]:
    """All ids of several lists, and the number of each list's."""
    counts = np.fromiter(map(len, ids), np.int64, len(ids))
    joined = itertools.chain.from_iterable(ids)
    return np.fromiter(joined, np.int64, int(counts.sum())), counts
