"""Files known by their contents."""

import codecs
import hashlib
from pathlib import Path
from typing import Union


def sha256_of(path: Union[str, Path]) -> str:
    """Return the hexadecimal SHA-256 of a file, without a byte order mark."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        digest.update(file.read(len(codecs.BOM_UTF8)).replace(codecs.BOM_UTF8, b""))
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()
