"""Virtual samples on disk: written piece by piece, so that a killed run goes on.

While a run is under way its files grow in the folder ``unfinished``. After each chunk
of samples, ``progress.json`` tells how long every file is; what a killed run wrote
beyond that is cut off.
"""

import dataclasses
import json
import os
import shutil
from pathlib import Path
from typing import IO, Any, Dict, Iterator, List, Sequence

import numpy as np
from fairseq.data.indexed_dataset import MMapIndexedDataset, best_fitting_int_dtype

from fairseq_xling.data.manifest import MANIFEST_NAME, Manifest, SplitEntry
from fairseq_xling.data.tokenizers import common_files
from fairseq_xling.errors import UserError
from fairseq_xling.files.atomic import atomic_file
from fairseq_xling.files.destination import BINARIZED, names_below
from fairseq_xling.files.json_text import parse_json
from fairseq_xling.files.locks import claim
from fairseq_xling.multimix.parts import Sample
from fairseq_xling.multimix.variants import Variant

UNFINISHED = "unfinished"
PROGRESS = "progress.json"
# Word starts are positions in what a language model can read.
MOST_POSITIONS = 1 << 15
ANOTHER = "give another --results-path, or remove the folder"


def read_variants(path: Path, *names: str) -> Iterator[Dict[str, Any]]:
    """What a file of variants tells of each; all ``names`` must be among it.

    Raises:
        UserError: a line is damaged or lacks one of them.
    """
    with open(path, encoding="utf-8", errors="replace") as file:
        for number, line in enumerate(file, 1):
            try:
                about = parse_json(line)
                for name in names:
                    about[name]
            except (ValueError, TypeError, KeyError):
                raise UserError(
                    f"{path}, line {number}: damaged; generate the samples again"
                ) from None
            yield about


def variants_name(stream: str) -> str:
    """The file that tells of each row what it was made from, one JSON object a line."""
    return f"{stream}.variants.jsonl"


class VariantStore:
    """The virtual samples of one run.

    Args:
        folder: where they end up, in the layout of binarized data.
        settings: what they depend on; a folder with others is refused.
        streams: splits and languages, such as ``"train.en"``.
        has_words: whether samples have word starts.
        symbols: number of the dictionary's.

    Attributes:
        chunks: how many chunks of samples are written.
        counts: what was counted in them.

    Raises:
        UserError: the folder holds the output of another run.
    """

    def __init__(
        self,
        folder: Path,
        settings: Dict[str, Any],
        streams: Sequence[str],
        has_words: bool,
        symbols: int,
    ) -> None:
        self.folder = folder
        self.work = folder / UNFINISHED
        self.settings = settings
        self.dtypes = {"input": best_fitting_int_dtype(symbols)}
        if has_words:
            self.dtypes["word_starts"] = best_fitting_int_dtype(MOST_POSITIONS)
        self.streams = list(streams)
        self.chunks = 0
        self.counts: Dict[str, int] = {}
        self.is_finished = (folder / MANIFEST_NAME).exists()
        self.files: Dict[str, IO[bytes]] = {}
        self._open()

    def _names(self) -> List[str]:
        return [
            name
            for stream in self.streams
            for name in (
                variants_name(stream),
                *(f"{stream}.{kind}.bin" for kind in self.dtypes),
            )
        ]

    def _find(self, name: str) -> Path:
        """A file of the run, which may have been moved to its place already."""
        path = self.folder / name
        return path if path.exists() else self.work / name

    def _open(self) -> None:
        # Left by a run that was killed while it wrote the manifest.
        for path in self.folder.glob(f".{MANIFEST_NAME}.*"):
            path.unlink()
        if self.is_finished:
            augmentation = self._read_manifest()
            self._check(augmentation["settings"])
            self.counts = augmentation["counts"]
            left = os.listdir(self.work) if self.work.is_dir() else None
            if left is not None and all(
                name == PROGRESS or name.startswith(f".{PROGRESS}.") for name in left
            ):
                shutil.rmtree(self.work)
            return
        state, sizes = self._read_progress(), {}
        if state:
            self._check(state["settings"])
            self.chunks, self.counts = state["chunks"], state["counts"]
            sizes = state["sizes"]
        else:
            self._refuse_others()
        self.work.mkdir(parents=True, exist_ok=True)
        for name in self._names():
            path, size = self._find(name), sizes.get(name, 0)
            if size and (not path.exists() or path.stat().st_size < size):
                raise UserError(f"{path}: cut short; {ANOTHER}")
            file = open(path, "ab")
            if not self.files:
                claim(file, self.folder, ANOTHER)
            file.truncate(size)
            self.files[name] = file
        self._save_progress()

    def _read_manifest(self) -> Dict[str, Any]:
        path = self.folder / MANIFEST_NAME
        try:
            augmentation = Manifest.load(self.folder).augmentation
        except UserError:
            raise UserError(f"{path}: cannot be read; {ANOTHER}") from None
        if augmentation is None:
            raise UserError(
                f"{self.folder}: holds binarized data; give another --results-path"
            )
        return _with_parts(path, augmentation, {"settings": dict, "counts": dict})

    def _read_progress(self) -> Dict[str, Any]:
        path = self.work / PROGRESS
        if not path.exists():
            return {}
        try:
            state = parse_json(path.read_text(encoding="utf-8"))
        except ValueError:
            state = None
        parts = {"settings": dict, "counts": dict, "chunks": int, "sizes": dict}
        return _with_parts(path, state, parts)

    def _refuse_others(self) -> None:
        """Refuse a folder that holds what this run would overwrite or remove."""
        for name in names_below(self.folder):
            folder, _, own = name.rpartition("/")
            is_left = own in self._names() or own.startswith(f".{PROGRESS}.")
            if folder == UNFINISHED and is_left:
                continue
            if name.startswith(f"{UNFINISHED}/") or BINARIZED.files.fullmatch(name):
                raise UserError(
                    f"{self.folder}: holds {name}, which is no part of a run that can "
                    "be gone on with; give another --results-path"
                )

    def _check(self, found: Dict[str, Any]) -> None:
        for name, value in self.settings.items():
            if found.get(name) != value:
                raise UserError(
                    f"{self.folder}: holds another run's output ({name} "
                    f"{found.get(name)}, now {value}); {ANOTHER}"
                )

    def _save_progress(self) -> None:
        for file in self.files.values():
            file.flush()
            os.fsync(file.fileno())
        state = {
            "settings": self.settings,
            "chunks": self.chunks,
            "counts": self.counts,
            "sizes": {
                name: os.fstat(file.fileno()).st_size
                for name, file in self.files.items()
            },
        }
        with atomic_file(self.work / PROGRESS) as progress:
            json.dump(state, progress)

    def write(
        self,
        samples: Sequence[Sample],
        variants: Sequence[Sequence[Variant]],
        counts: Dict[str, int],
    ) -> None:
        """Append a chunk of one stream's samples, and what was counted so far."""
        stream = samples[0].stream
        lines = self.files[variants_name(stream)]
        for sample, made in zip(samples, variants):
            for variant in made:
                line = json.dumps(describe(sample, variant)) + "\n"
                lines.write(line.encode())
                arrays = {"input": variant.filled.tokens}
                if sample.word_starts is not None:
                    starts = variant.filled.word_starts(sample.word_starts)
                    arrays["word_starts"] = starts
                for kind, array in arrays.items():
                    file = self.files[f"{stream}.{kind}.bin"]
                    file.write(array.astype(self.dtypes[kind]).tobytes())
        self.chunks += 1
        self.counts = dict(counts)
        self._save_progress()

    def read(self, stream: str) -> Iterator[Dict[str, Any]]:
        """What :func:`describe` tells of each variant of a stream, and ``tokens``."""
        lines = self._find(variants_name(stream))
        if not lines.exists():  # There is no variant in this stream.
            return
        dtype = self.dtypes["input"]
        with open(self._find(f"{stream}.input.bin"), "rb") as tokens:
            for about in read_variants(lines, "length"):
                about["tokens"] = np.fromfile(tokens, dtype, about["length"])
                yield about

    def finish(self, data: Path, manifest: Manifest, split: str) -> None:
        """Write indexes and the manifest, and move everything to its place.

        All else is of the original data, of which ``split`` was augmented.
        """
        for file in self.files.values():
            file.close()
        entries: Dict[str, SplitEntry] = {}
        for stream in self.streams:
            rows = self._write_indexes(stream)
            if rows:
                lang = stream[len(split) + 1 :]
                entries[lang] = SplitEntry(rows, list(self.dtypes))
        for name in common_files(data):
            shutil.copyfile(data / name, self.work / name)
        for path in sorted(self.work.iterdir()):
            # Names with a dot are left-overs of a killed run.
            if path.name != PROGRESS and not path.name.startswith("."):
                os.replace(path, self.folder / path.name)
        languages = [lang for lang in manifest.languages if lang in entries]
        dataclasses.replace(
            manifest,
            languages=languages,
            splits={split: entries},
            augmentation={"settings": self.settings, "counts": self.counts},
            selection=None,
        ).save(self.folder)
        shutil.rmtree(self.work)
        self.is_finished = True

    def _write_indexes(self, stream: str) -> int:
        sizes: Dict[str, List[int]] = {kind: [] for kind in self.dtypes}
        lengths = {"input": "length", "word_starts": "words"}
        path = self._find(variants_name(stream))
        if path.exists():
            for about in read_variants(path, *(lengths[kind] for kind in sizes)):
                for kind, values in sizes.items():
                    values.append(about[lengths[kind]])
        rows = len(sizes["input"])
        if rows == 0:  # fairseq cannot open an empty file.
            for name in self._names():
                if name.startswith(f"{stream}."):
                    self._find(name).unlink(missing_ok=True)
            return 0
        for kind, values in sizes.items():
            path = self.work / f"{stream}.{kind}.idx"
            with MMapIndexedDataset.Index.writer(path, self.dtypes[kind]) as index:
                index.write(values)
        return rows


def _with_parts(path: Path, found: Any, parts: Dict[str, type]) -> Dict[str, Any]:
    """Refuse what was read of a file if it lacks a part."""
    if not isinstance(found, dict) or any(
        not isinstance(found.get(name), kind) for name, kind in parts.items()
    ):
        raise UserError(f"{path}: cannot be read; {ANOTHER}")
    return found


def describe(sample: Sample, variant: Variant) -> Dict[str, Any]:
    """What a line of ``*.variants.jsonl`` holds.

    Returns:
        ``row`` of the original; ``variant``, its number; ``length`` in tokens;
        ``words``, where they are known; ``positions`` of the predicted tokens;
        ``changed``, those of them that differ from the original; ``log_probs`` of each
        predicted token and ``log_prob``, their sum (natural logarithm).
    """
    filled, words = variant.filled, sample.word_starts
    log_probs = [round(float(value), 4) for value in filled.log_probs]
    return {
        "row": sample.row,
        "variant": list(variant.number),
        "length": len(filled.tokens),
        **({} if words is None else {"words": len(words)}),
        "positions": filled.positions.tolist(),
        "changed": filled.changed(sample.tokens).tolist(),
        "log_probs": log_probs,
        "log_prob": round(sum(log_probs), 4),
    }
