"""Preprocessing as tests call it, and what it wrote."""

import hashlib
from pathlib import Path
from typing import Dict, List

from fairseq.data.indexed_dataset import MMapIndexedDataset

from fairseq_xling.cli import preprocess as commands
from fairseq_xling.data.manifest import Manifest, stream_prefix


def preprocess(task: str, raw: Path, spm, destdir: Path, *options: str) -> Manifest:
    """Run a benchmark's script, and read what it says it wrote."""
    arguments = [str(raw), "--spm", spm.model, "--dict", spm.dictionary]
    commands.preprocess(task, [*arguments, "--destdir", str(destdir), *options])
    return Manifest.load(destdir)


def stream(folder: Path, split: str, lang: str, name: str) -> List[List[int]]:
    """The rows of a stream."""
    data = MMapIndexedDataset(stream_prefix(folder, split, lang, name))
    return [data[i].tolist() for i in range(len(data))]


def digest(folder: Path) -> Dict[str, str]:
    """The hash of each file of a folder."""
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.iterdir())
    }
