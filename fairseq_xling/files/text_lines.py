"""Text files: UTF-8, with or without a byte order mark, with any line ends.

A line ends with ``\\n`` or ``\\r\\n``; with ``\\r`` alone only in a file that has no
``\\n`` at all. No other character ends one, such as U+2028 or U+0085 inside a text.
"""

import io
import re
from pathlib import Path
from typing import IO, Iterator, Optional, Union

from fairseq_xling.errors import UserError
from fairseq_xling.files.file_kinds import HEAD, stand_in_head

BOM = "\ufeff"
UTF16 = (b"\xff\xfe", b"\xfe\xff")
CONVERT = "convert the file to UTF-8"
SURROGATE = re.compile("[\ud800-\udfff]")
# What ends a line, or is no text; and spaces beside each other.
GAPS = re.compile("[\0-\x20\x7f-\x9f\u2028\u2029\ufeff]+")


def no_character(text: str) -> Optional[str]:
    """What a text holds that tokenizers do not read; None where there is nothing."""
    if "\0" in text:
        return "a character NUL"
    return "half a character (a lone surrogate)" if SURROGATE.search(text) else None


def one_line(text: str) -> str:
    """A text with a space for what ends a line, and none around it."""
    if text.isprintable() and "  " not in text:  # nearly all are so
        return text.strip(" ")
    return GAPS.sub(" ", text).strip()


def is_blank(text: str) -> bool:
    """Whether a text has no visible character."""
    if text and text[0] != " " and text[0].isprintable():  # nearly all are so
        return False
    return not any(one != " " and one.isprintable() for one in text)


def decode_line(path: Union[str, Path], number: int, raw: bytes) -> str:
    """The text of a line, without its end and a byte order mark.

    The mark stands inside, too, where files that begin with it were joined.

    Raises:
        UserError: it is not UTF-8, or holds a character NUL, at which tokenizers stop.
    """
    if number == 1:
        refuse_other_kinds(path, raw)
    if b"\0" in raw:
        raise UserError(
            f"{path}, line {number}: a character NUL; remove it, or convert the file "
            "to UTF-8"
        )
    try:
        line = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UserError(
            f"{path}, line {number}: not UTF-8 (byte {error.start + 1} of the line); "
            f"{CONVERT}"
        ) from None
    without = line.lstrip(BOM)
    # A column may hold nothing else, as words of crawled text do.
    is_column = number > 1 and without.startswith("\t")
    return (line if is_column else without).rstrip("\r\n")


def refuse_other_kinds(path: Union[str, Path], raw: bytes) -> None:
    """Refuse what is no UTF-8 text of its own, by the beginning of a file.

    That is UTF-16, as Windows PowerShell writes, what git-lfs leaves for a file, and
    the page that a server sends in its place.
    """
    found = stand_in_head(raw) if raw else None
    if found is not None:
        raise UserError(f"{path}: {found}")
    if raw.startswith(UTF16) or raw[1:2] == b"\0" or raw[:1] == b"\0":
        raise UserError(f"{path}, line 1: UTF-16, not UTF-8; {CONVERT}")


def open_lines(path: Union[str, Path]) -> IO[bytes]:
    """Open a file to be read line by line, in bytes, with :func:`decode_line`.

    Raises:
        UserError: it cannot be read, or is of another kind.
    """
    try:
        file = open(path, "rb")
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; give a file of text") from None
    head = file.read(HEAD)
    file.seek(0)
    try:
        refuse_other_kinds(path, head)
    except UserError:
        file.close()
        raise
    first = file.readline()
    file.seek(0)
    if first.endswith(b"\n") or b"\r" not in first:
        return file
    with file:  # Places in the file stay the same.
        return io.BytesIO(file.read().replace(b"\r", b"\n"))


def lines_of(file: IO[bytes]) -> Iterator[bytes]:
    """The lines of a stream that may be a pipe, in bytes."""
    first = file.readline()
    yield from [first] if first.endswith(b"\n") else first.splitlines(keepends=True)
    yield from file


def lines_with_text(path: Union[str, Path]) -> Iterator[str]:
    """The lines of a file that hold text, without space around them.

    Raises:
        UserError: it cannot be read, or is not UTF-8.
    """
    with open_lines(path) as file:
        for number, raw in enumerate(file, 1):
            line = decode_line(path, number, raw).strip()
            if line:
                yield line


def read_text(path: Union[str, Path]) -> str:
    """A whole file, lines ended by ``\\n``, without a byte order mark.

    Raises:
        UserError: it cannot be read, or is not UTF-8.
    """
    with open_lines(path) as file:
        raw = file.read()
    refuse_other_kinds(path, raw)
    try:
        return raw.decode("utf-8").lstrip(BOM).replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise UserError(
            f"{path}, line {line}: not UTF-8 (byte {error.start + 1} of the file); "
            f"{CONVERT}"
        ) from None
