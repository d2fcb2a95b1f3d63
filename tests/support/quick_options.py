"""fairseq's options without the half second that hydra takes to compose them."""

import hashlib
import os
import pickle
from pathlib import Path
from typing import Any, Callable, List, Optional

from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf


class Composer:
    """Stands for hydra's ``compose``: it is asked once for each kind of options.

    Options are of one kind if they choose the same task, criterion and so on, and set
    the same names, and the same to None; other values are set in what it composed.

    Args:
        compose: hydra's own.
        folder: where it keeps what hydra composed, for forked processes too.
    """

    def __init__(self, compose: Callable[..., DictConfig], folder: Path) -> None:
        self.compose = compose
        self.folder = folder

    def __call__(
        self, name: str, overrides: List[str], strict: Optional[bool] = None
    ) -> DictConfig:
        given = dict(override.split("=", 1) for override in overrides)
        kind = [
            f"{x}={y}" if "." not in x or y == "null" else x for x, y in given.items()
        ]
        digest = hashlib.sha256("\n".join([name, *kind]).encode()).hexdigest()
        path = self.folder / digest
        if not path.exists():
            made = self.compose(name, overrides=overrides, strict=strict)
            plain: Any = OmegaConf.to_container(made, enum_to_str=True)
            # Other processes find none of it or all, also where this one is killed.
            unfinished = path.with_name(f"{digest}.{os.getpid()}")
            unfinished.write_bytes(pickle.dumps((given, plain)))
            unfinished.replace(path)
            return made
        before, plain = pickle.loads(path.read_bytes())
        changed = [f"{x}={y}" for x, y in given.items() if before[x] != y]
        for override in OverridesParser.create().parse_overrides(changed):
            *parents, last = override.key_or_group.split(".")
            node = plain
            for parent in parents:
                node = node[parent]
            node[last] = override.value()
        return OmegaConf.create(plain)
