"""Files that are not what their names say, as downloads and copies leave them."""

from pathlib import Path
from typing import Optional, Union

from fairseq_xling.errors import UserError

PathLike = Union[str, Path]

HEAD = 512
GIT_LFS = b"version https://git-lfs.github.com/spec/"
WEB_PAGES = (b"<!doctype html", b"<html", b"<head", b"<?xml")
ADAPTERS = ("adapter_config.json", "adapter_model.safetensors", "adapter_model.bin")
EMPTY = "empty; copy or download it anew"
MERGE = (
    "merge it into the model that it was made from (merge_and_unload of PEFT) and "
    "convert that"
)


def stand_in(path: PathLike) -> Optional[str]:
    """What a file is instead of its contents, and the mend; None if nothing is seen."""
    path = Path(path)
    if path.is_dir():
        return "a folder; give the file"
    if path.name in ADAPTERS:
        return f"an adapter (PEFT, LoRA) without its model; {MERGE}"
    try:
        with open(path, "rb") as file:
            head = file.read(HEAD)
    except OSError:
        return None
    return stand_in_head(head)


def refuse_stand_in(path: PathLike, may_be_empty: bool = False) -> None:
    """Refuse a file that is seen not to be what its name says."""
    found = stand_in(path)
    if found is not None and not (may_be_empty and found == EMPTY):
        raise UserError(f"{path}: {found}")


def stand_in_head(head: bytes) -> Optional[str]:
    """As :func:`stand_in`, by a file's first bytes."""
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if not head:
        return EMPTY
    if head.startswith(GIT_LFS):
        return "a git-lfs pointer, not the file itself; fetch that: git lfs pull"
    if text.startswith(WEB_PAGES):
        return "a web page, not the file that was to be downloaded; download it anew"
    return None


def adapter_in(folder: PathLike) -> Optional[str]:
    """What to say of a folder that holds an adapter; None where it holds none."""
    for name in ADAPTERS:
        if (Path(folder) / name).exists():
            return f"holds an adapter (PEFT, LoRA) without its model; {MERGE}"
    return None
