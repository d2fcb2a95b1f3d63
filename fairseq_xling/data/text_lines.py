"""Lines of UTF-8 files."""

from pathlib import Path

from fairseq_xling.errors import UserError


def decode_line(path: Path, number: int, raw: bytes) -> str:
    """The text of a line, without its end and a byte order mark.

    Args:
        path: of the file, for messages.
        number: of the line, from 1.
        raw: the line.

    Raises:
        UserError: it is not UTF-8.
    """
    try:
        line = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UserError(
            f"{path}, line {number}: not UTF-8 (byte {error.start + 1} of the line); "
            "convert the file"
        ) from None
    return (line.lstrip("\ufeff") if number == 1 else line).rstrip("\r\n")
