"""A SentencePiece model's file: what it says beside its pieces and scores; writing it.

The file is a protocol buffer (``sentencepiece_model.proto``); the few fields that
matter are read and written in its wire format, so that no further package is needed.
"""

import struct
from pathlib import Path
from typing import Any, Iterable, Iterator, NamedTuple, Tuple

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
# Fields of the message, and of those in it.
PIECE, TRAINER, NORMALIZER = 1, 2, 3
TEXT, SCORE, PIECE_TYPE, MODEL_TYPE, CHARACTER_MAP = 1, 2, 3, 3, 2
SPACE_IS_SUFFIX, ADDS_SPACE, TRIMS_SPACES = 24, 3, 4
UNIGRAM = NORMAL = 1
UNKNOWN, CONTROL = 2, 3
# The pieces that every file begins with.
SPECIAL_PIECES = (("<unk>", UNKNOWN), ("<s>", CONTROL), ("</s>", CONTROL))


class SentencePieceFile(NamedTuple):
    """What the file says.

    Attributes:
        is_plain: a unigram model, as XLM-R's, of normal pieces behind three specials.
        character_map: how characters are normalised, as the library has compiled it.
        space_is_suffix: whether a space belongs to the word before it.
        adds_space: whether text begins with a space that it has not.
        trims_spaces: whether spaces at both ends go, and several become one.
    """

    is_plain: bool
    character_map: bytes
    space_is_suffix: bool
    adds_space: bool
    trims_spaces: bool


def read_sentencepiece(path: Path) -> SentencePieceFile:
    """Read a SentencePiece model."""
    messages = [
        (number, dict(fields(value)))
        for number, value in fields(path.read_bytes())
        if number in (PIECE, TRAINER, NORMALIZER)
    ]
    types = [held.get(PIECE_TYPE, NORMAL) for x, held in messages if x == PIECE]
    trainer, normalizer = (dict(messages).get(x, {}) for x in (TRAINER, NORMALIZER))
    is_unigram = trainer.get(MODEL_TYPE, UNIGRAM) == UNIGRAM
    return SentencePieceFile(
        is_unigram and set(types[3:]) == {NORMAL},
        normalizer.get(CHARACTER_MAP, b""),
        bool(trainer.get(SPACE_IS_SUFFIX, False)),
        bool(normalizer.get(ADDS_SPACE, True)),
        bool(normalizer.get(TRIMS_SPACES, True)),
    )


def fields(message: bytes) -> Iterator[Tuple[int, Any]]:
    """The fields of a message: number and value; numbers of fixed size as bytes."""
    at = 0
    while at < len(message):
        key, at = read_varint(message, at)
        number, kind = key >> 3, key & 7
        if kind == VARINT:
            value, at = read_varint(message, at)
            yield number, value
            continue
        size = {FIXED64: 8, FIXED32: 4}.get(kind)
        if size is None:
            size, at = read_varint(message, at)
        yield number, message[at : at + size]
        at += size


def read_varint(message: bytes, at: int) -> Tuple[int, int]:
    """A number of seven bits a byte, and where the next thing begins."""
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at


def sentencepiece_model(
    pieces: Iterable[Tuple[str, float]],
    character_map: bytes,
    adds_space: bool,
    trims_spaces: bool,
) -> bytes:
    """The contents of the file of a unigram model.

    Args:
        pieces: those behind the specials, with their scores.
        character_map, adds_space, trims_spaces: as of :class:`SentencePieceFile`.
    """
    typed = [(piece, 0.0, kind) for piece, kind in SPECIAL_PIECES]
    typed += [(piece, score, NORMAL) for piece, score in pieces]
    listed = [
        field(
            PIECE,
            field(TEXT, piece.encode("utf-8"))
            + field(SCORE, struct.pack("<f", score), FIXED32)
            + field(PIECE_TYPE, kind),
        )
        for piece, score, kind in typed
    ]
    normalizer = (
        field(CHARACTER_MAP, character_map)
        + field(ADDS_SPACE, int(adds_space))
        + field(TRIMS_SPACES, int(trims_spaces))
    )
    trainer = field(MODEL_TYPE, UNIGRAM)
    return b"".join([*listed, field(TRAINER, trainer), field(NORMALIZER, normalizer)])


def field(number: int, value: Any, kind: int = BYTES) -> bytes:
    """A field of a message: an integer, or bytes of a size that is told or fixed."""
    if isinstance(value, int):
        return varint(number << 3 | VARINT) + varint(value)
    size = varint(len(value)) if kind == BYTES else b""
    return varint(number << 3 | kind) + size + value


def varint(value: int) -> bytes:
    """A number of seven bits a byte."""
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    found.append(value)
    return bytes(found)
