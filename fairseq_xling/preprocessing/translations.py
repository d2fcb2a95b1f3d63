"""The manifest of translated files: how each was made, of what, and how it went."""

import json
from pathlib import Path
from typing import Any, Dict

from fairseq_xling.errors import UserError
from fairseq_xling.files.atomic import atomic_file, remove_temporary
from fairseq_xling.files.hashes import sha256_of
from fairseq_xling.files.json_text import read_object
from fairseq_xling.files.locks import locked

MANIFEST = "translations.json"


def read_manifest(folder: Path) -> Dict[str, Any]:
    """What is told of each file of a raw folder, by its path."""
    path = folder / MANIFEST
    return read_object(path) if path.exists() else {}


def add_entry(folder: Path, name: str, entry: Dict[str, Any]) -> None:
    """Tell of a file. Processes for other languages may do so at the same time."""
    with locked(folder):
        remove_temporary(folder / MANIFEST)
        entries = {**read_manifest(folder), name: entry}
        with atomic_file(folder / MANIFEST) as file:
            json.dump(dict(sorted(entries.items())), file, indent=2, ensure_ascii=False)
            file.write("\n")


def is_kept(folder: Path, name: str, made_by: Dict[str, Any]) -> bool:
    """Whether a file is there, by somebody else or made in the same way.

    Args:
        made_by: what tells of the way.

    Raises:
        UserError: it was made in another way.
    """
    path = folder / name
    if not path.exists():
        return False
    entry = read_manifest(folder).get(name)
    if entry is None or entry.get("sha256") != sha256_of(path):
        return True
    for part, now in made_by.items():
        if entry.get(part) != now:
            told = {
                "engine": f"translated by {entry.get('engine', {}).get('engine')}",
                "from": f"translated from other contents of {', '.join(now)}",
                "options": f"translated with other options, {entry.get('options')}",
            }[part]
            if part == "engine" and entry[part].get("engine") == now["engine"]:
                told = f"translated by another version of {now['engine']}"
            raise UserError(
                f"{path}: {told}; remove it to have it made anew, or leave it out "
                "with --only"
            )
    return True
