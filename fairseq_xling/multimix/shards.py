"""The shards of an augmentation as one folder."""

import shutil
from collections import Counter
from pathlib import Path
from typing import Dict, List, Sequence, Union

import numpy as np
from fairseq.data.indexed_dataset import MMapIndexedDataset

from fairseq_xling.data.manifest import Manifest, SplitEntry
from fairseq_xling.data.stream_files import open_stream
from fairseq_xling.data.tokenizers import common_files
from fairseq_xling.errors import UserError
from fairseq_xling.files.atomic import atomic_folder
from fairseq_xling.files.destination import check_new
from fairseq_xling.multimix.store import variants_name


def join_shards(shards: Sequence[str], destination: Union[str, Path]) -> None:
    """Write what a run in one process would have written, of all its shards' folders.

    Raises:
        UserError: a shard is missing, unfinished or of another run, or the destination
            is there already.
    """
    check_new(destination, "--destdir")
    manifests = {Path(shard): Manifest.load(shard) for shard in shards}
    folders = order_shards(manifests)
    first = manifests[folders[0]]
    assert first.augmentation is not None
    (split,) = first.splits
    counts: Counter = Counter(dict.fromkeys(first.augmentation["counts"], 0))
    entries: Dict[str, SplitEntry] = {}
    with atomic_folder(destination) as folder:
        for name in common_files(folders[0]):
            shutil.copyfile(folders[0] / name, folder / name)
        for shard in folders:
            counts.update(manifests[shard].augmentation["counts"])  # type: ignore
            for lang, entry in manifests[shard].splits[split].items():
                rows = entries[lang].rows if lang in entries else 0
                entries[lang] = SplitEntry(rows + entry.rows, entry.streams)
        for lang, entry in entries.items():
            holding = [x for x in folders if lang in manifests[x].splits[split]]
            join_stream(holding, folder, f"{split}.{lang}", entry.streams)
        settings = {**first.augmentation["settings"], "shard": 0, "shards": 1}
        first.augmentation = {"settings": settings, "counts": dict(counts)}
        # Every shard lists its own languages; their order is that of the shards.
        first.languages = list(entries)
        first.splits = {split: entries}
        first.save(folder)


def order_shards(manifests: Dict[Path, Manifest]) -> List[Path]:
    """Bring the folders of a run's shards into order, or refuse them if some lack."""
    by_number: Dict[int, Path] = {}
    run = None
    for folder, manifest in manifests.items():
        if manifest.augmentation is None:
            raise UserError(f"{folder}: not written by multimix_augment")
        settings = dict(manifest.augmentation["settings"])
        number, shards = settings.pop("shard"), settings.pop("shards")
        if run is None:
            run = (settings, shards)
        if run != (settings, shards):
            raise UserError(f"{folder}: not of the same run as {next(iter(manifests))}")
        if number in by_number:
            raise UserError(f"{folder}: the same shard as {by_number[number]}")
        by_number[number] = folder
    assert run is not None
    missing = sorted(set(range(run[1])) - set(by_number))
    if missing:
        raise UserError(
            f"shard {', '.join(map(str, missing))} of {run[1]} is missing; give the "
            "folders of all --distributed-rank"
        )
    return [by_number[number] for number in sorted(by_number)]


def join_stream(folders: List[Path], out: Path, stream: str, kinds: List[str]) -> None:
    """Append the files of a stream, such as ``train.en``, to each other in ``out``."""
    for name in [variants_name(stream), *(f"{stream}.{kind}.bin" for kind in kinds)]:
        with open(out / name, "wb") as joined:
            for folder in folders:
                with open(folder / name, "rb") as file:
                    shutil.copyfileobj(file, joined)
    for kind in kinds:
        parts = [open_stream(str(f / f"{stream}.{kind}")) for f in folders]
        sizes = np.concatenate([part.sizes for part in parts])
        path = out / f"{stream}.{kind}.idx"
        with MMapIndexedDataset.Index.writer(path, parts[0]._index.dtype) as index:
            index.write(sizes.tolist())
