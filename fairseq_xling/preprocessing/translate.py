"""A raw folder's translations: made by an engine, written beside the raw files."""

import hashlib
import logging
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import (
    Any,
    Callable,
    Dict,
    Iterable,
    Iterator,
    NamedTuple,
    Optional,
    Sequence,
)

from fairseq_xling.errors import UserError
from fairseq_xling.families.raw import RawFile
from fairseq_xling.families.translating import (
    DROPPED,
    EMPTY,
    ROWS,
    UNCHANGED,
    RowTranslator,
)
from fairseq_xling.files.atomic import atomic_file, remove_temporary
from fairseq_xling.files.hashes import sha256_of
from fairseq_xling.preprocessing.raw_layout import RawLayout
from fairseq_xling.preprocessing.translations import add_entry, is_kept, read_manifest
from fairseq_xling.tables import text_table
from fairseq_xling.translation.engine import Engine
from fairseq_xling.translation.memory import FOLDER, TranslationMemory
from fairseq_xling.translation.progress import Progress
from fairseq_xling.translation.rows import CHUNK_ROWS, translate_rows
from fairseq_xling.version import __version__

logger = logging.getLogger(__name__)

# What can be made, in this order, and what each is made from.
TRAIN, BACK = "translate-train", "back-translation"
MADE_FROM = {
    TRAIN: "train",
    BACK: TRAIN,
    "translate-dev": "dev",
    "translate-test": "test",
}
# From this share of unchanged rows on, something may be wrong.
MANY = 0.5


class Shard(NamedTuple):
    """The part of a run that one of several processes has, from 0."""

    number: int
    parts: int

    @property
    def name(self) -> str:
        """In names of files; empty for the whole of it."""
        return f"{self.number + 1}-of-{self.parts}" if self.parts > 1 else ""

    def of(self, rows: Iterable[Any]) -> Iterator[Any]:
        """Its part of rows: some in a row, as rows that share sentences often are."""
        for number, row in enumerate(rows):
            if number // CHUNK_ROWS % self.parts == self.number:
                yield row


WHOLE = Shard(0, 1)


class Job(NamedTuple):
    """A file to be made.

    Attributes:
        name: its path, seen from the folder.
        rows: what it is made from; of a shard, its part.
        table: of the rows, or of those that they were translated from.
    """

    name: str
    rows: Callable[[], Iterable[Any]]
    table: RawFile
    translator: RowTranslator
    engine: Engine


class FolderTranslator:
    """Makes the translations of a raw folder.

    Args:
        layout: the folder, opened to be translated.
        options: of the family's translator.
        open_engine: gives the engine from one language to another.
        workers: calls of an engine at once.
        shard: which part to translate. Files are written by a run of all parts, which
            finds what those have translated.
    """

    def __init__(
        self,
        layout: RawLayout,
        options: Dict[str, Any],
        open_engine: Callable[[str, str], Engine],
        workers: int = 1,
        shard: Shard = WHOLE,
    ) -> None:
        self.layout = layout
        self.folder = layout.folder
        self.options = options
        self.open_engine = open_engine
        self.workers = workers
        self.shard = shard

    def run(self, langs: Sequence[str], kinds: Optional[Sequence[str]] = None) -> str:
        """Make what is not there.

        Args:
            langs: the target languages.
            kinds: of :data:`MADE_FROM`; by default all that the folder has a file for.

        Returns:
            a table of the files that were made, now or before, with what was counted.

        Raises:
            UserError: a file lacks what it is made from, was made in another way, or
                an engine fails.
        """
        names = []
        for lang in langs:
            for kind in kinds or MADE_FROM:
                name = self._make(kind, lang, is_asked=kinds is not None)
                names += [name] if name else []
        entries = read_manifest(self.folder)
        rows = {name: entries[name]["counts"] for name in names if name in entries}
        columns = list(dict.fromkeys(x for counts in rows.values() for x in counts))
        cells = [[name, *map(counts.get, columns)] for name, counts in rows.items()]
        return text_table(["file", *columns], cells) if rows else ""

    def _make(self, kind: str, lang: str, is_asked: bool) -> Optional[str]:
        """Make one file, where it is not there.

        Returns:
            its name; None where nothing is made.
        """
        job = self._job(kind, lang, is_asked)
        if job is None:
            return None
        made_by = {
            "engine": job.engine.settings(),
            "options": self.options if job.translator.is_trained else {},
            "from": {self._relative(path): sha256_of(path) for path in job.table.paths},
        }
        if is_kept(self.folder, job.name, made_by):
            logger.info(f"{job.name}: is there, kept")
            return job.name
        counts = Counter(dict.fromkeys(job.translator.counted, 0))
        progress = Progress(job.name, job.table.count() // self.shard.parts)
        with closing(self._memory(job)) as memory:
            rows = self._translated(job, memory, counts, progress)
            if self.shard.name:
                for _ in rows:
                    pass
                return None
            self._write(job, rows, counts, made_by)
        return job.name

    def _write(
        self, job: Job, rows: Iterator[Any], counts: Counter, made_by: Dict[str, Any]
    ) -> None:
        """Write a file, and tell of it in the manifest right before it is there."""
        remove_temporary(self.folder / job.name)
        with atomic_file(self.folder / job.name) as file:
            digest = hashlib.sha256()
            for line in job.translator.lines(rows):
                file.write(line)
                digest.update(line.encode())
            self._check(job, counts)
            versions = {"fairseq_xling": __version__, **job.engine.versions()}
            made = {"sha256": digest.hexdigest(), "counts": dict(counts)}
            entry = {**made_by, "versions": versions, **made}
            add_entry(self.folder, job.name, entry)

    def _job(self, kind: str, lang: str, is_asked: bool) -> Optional[Job]:
        source_lang = self.layout.source_lang
        made_from = MADE_FROM[kind]
        table = self.layout.table(
            made_from, source_lang if made_from == "train" else lang
        )
        rows: Callable[[], Iterable[Any]]
        if table is not None:
            found = table
            rows = lambda: self.shard.of(found.rows())  # noqa: E731
        elif kind == TRAIN:
            raise self.layout.no_training_file()
        elif kind == BACK and self.shard.name:
            before = self._job(TRAIN, lang, is_asked)
            assert before is not None
            # The file is not there yet, but this part of it is translated.
            rows = lambda: self._before(before)  # noqa: E731
            found = before.table
        elif is_asked:
            raise UserError(
                f"{self.folder}: has no {made_from} file of {lang} to make {kind} "
                f"from; give it one, or leave {kind} out"
            )
        else:
            logger.info(f"{lang}: no {made_from}, so no {kind}")
            return None
        direction = (source_lang, lang) if kind == TRAIN else (lang, source_lang)
        translator = self.layout.files.translator(kind == TRAIN, **self.options)
        there = self.layout.table(kind, lang)
        return Job(
            name=self._relative(there.path)
            if there is not None
            else self._place(kind, lang, translator.ending, found.path),
            rows=rows,
            table=found,
            translator=translator,
            engine=self.open_engine(*direction),
        )

    def _place(self, kind: str, lang: str, ending: str, beside: Path) -> str:
        """Where a file is written: where it is looked for, beside another."""
        langs = {"src": self.layout.source_lang, "lang": lang}
        names = [place.format(**langs) for place in self.layout.places[kind]]
        names = [name for name in names if name.endswith(f".{ending}")]
        top = self._relative(beside).split("/")[0]
        for beginning in (f"{top}/translate-", "translate-"):
            for name in names:
                if name.startswith(beginning):
                    return name
        raise AssertionError(f"no place for {kind}")

    def _relative(self, path: Path) -> str:
        return path.relative_to(self.folder).as_posix()

    def _memory(self, job: Job) -> TranslationMemory:
        return TranslationMemory(self.folder / FOLDER, job.engine, self.shard.name)

    def _before(self, job: Job) -> Iterator[Any]:
        """The translated rows of a job that is done, and has no file yet."""
        with closing(self._memory(job)) as memory:
            yield from self._translated(job, memory, Counter())

    def _translated(
        self,
        job: Job,
        memory: TranslationMemory,
        counts: Counter,
        progress: Optional[Progress] = None,
    ) -> Iterator[Any]:
        """A job's rows, translated."""
        texts_of, workers = job.translator.texts, self.workers
        for row, found in translate_rows(
            job.rows(), texts_of, job.engine, memory, workers, progress
        ):
            translated = job.translator.rebuild(row, found, counts)
            if translated is not None:
                yield translated
        if progress is not None:
            progress.close()

    def _check(self, job: Job, counts: Counter) -> None:
        """Tell what is special of a file; refuse one of which nothing is left."""
        rows, engine = counts[ROWS], job.engine
        if not rows - counts[DROPPED]:
            raise UserError(
                f"{job.name}: none of {rows} rows is left, since {engine.name} keeps "
                "neither marks nor answers; try another engine"
            )
        if counts[EMPTY]:
            logger.warning(
                f"{job.name}: {counts[EMPTY]} rows have come back empty in part"
                f"{job.translator.of_empty}"
            )
        if counts[UNCHANGED] > MANY * rows:
            logger.warning(
                f"{job.name}: {counts[UNCHANGED]} of {rows} rows have come back "
                f"unchanged; does --engine {engine.name} translate from "
                f"{engine.source} to {engine.target}?"
            )
