"""Preprocessing as tests call it, and what it wrote."""

import functools
import hashlib
import re
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Tuple

from fairseq.data import Dictionary
from fairseq.data.indexed_dataset import MMapIndexedDataset
from refusals import refused

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


@functools.lru_cache(maxsize=None)
def dictionary_at(path: str) -> Dictionary:
    return Dictionary.load(path)


def naive_ids(spm, text: str) -> List[int]:
    """The ids of SentencePiece's pieces, piece by piece."""
    dictionary = dictionary_at(spm.dictionary)
    return [dictionary.index(x) for x in spm.processor.encode(text, out_type=str)]


def naive_words(spm, words: Optional[Sequence[str]]) -> Tuple[List[int], List[int]]:
    """Tokens and starts of a sentence, word by word; nothing where there is none."""
    if not words:
        return [], []
    tokens, starts = [0], []
    for word in words:
        starts.append(len(tokens))
        tokens += naive_ids(spm, word) or [dictionary_at(spm.dictionary).unk()]
    return [*tokens, 2], starts


def digest(folder: Path) -> Dict[str, str]:
    """The hash of each file of a folder."""
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.iterdir())
    }


def spoilt(table: Dict[str, List[Tuple[Any, str]]]) -> List[Tuple[str, Any, str]]:
    """Files, how each is spoilt, and what is said then.

    Args:
        table: the latter two by file. What begins with a comma or a colon is said of
            the file itself, after its name.
    """
    cases = []
    for file, entries in table.items():
        name = re.escape(Path(file).name)
        for spoil, message in entries:
            said = name + message if message[0] in ",:" else message
            cases.append((file, spoil, said))
    return cases


def check_refused(
    task: str, raw: Path, spm, tmp_path: Path, message: str, *options: str
) -> None:
    """Preprocessing ends with one line, and leaves nothing."""
    before = sorted(tmp_path.iterdir())
    with refused(message):
        preprocess(task, raw, spm, tmp_path / "bin", *options)
    assert sorted(tmp_path.iterdir()) == before
