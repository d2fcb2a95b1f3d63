"""Files that are not what their names say, as downloads and copies leave them."""

from contextlib import suppress
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


def refuse_stand_in(path: PathLike, may_be_empty: bool = False) -> None:
    """Refuse a file that is seen not to be what its name says."""
    path, found = Path(path), None
    if path.is_dir():
        found = "a folder; give the file"
    elif path.name in ADAPTERS:
        found = f"an adapter (PEFT, LoRA) without its model; {MERGE}"
    else:
        with suppress(OSError), open(path, "rb") as file:
            found = stand_in_head(file.read(HEAD))
    if found is not None and not (may_be_empty and found == EMPTY):
        raise UserError(f"{path}: {found}")


def stand_in_head(head: bytes) -> Optional[str]:
    """What a file is instead of its contents, by its first bytes, and the mend."""
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
