"""A translation memory: what an engine has translated, on disk.

A run that is killed goes on with it, and no sentence is translated twice. It is a file
of SQLite for each engine, its settings and a direction, with one table of sentences and
their translations; what is added is there as a whole or not at all.
"""

import hashlib
import json
import sqlite3
from contextlib import contextmanager
from pathlib import Path
from typing import Dict, Iterable, Iterator, Mapping, Optional

from fairseq_xling.errors import UserError
from fairseq_xling.translation.engine import Engine

FOLDER = "translation-memory"
TABLES = """
CREATE TABLE IF NOT EXISTS translations (sentence TEXT PRIMARY KEY, translation TEXT)
WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS settings (json TEXT);
"""
FIND = "SELECT sentence, translation FROM translations WHERE sentence IN ({})"
# Held by one process; what is added waits for the disk at each 64 MB and at the end, so
# that a power cut loses the last sentences alone. Large pages hold many sentences.
PRAGMAS = (
    *("page_size = 16384", "cache_size = -64000"),
    *("locking_mode = EXCLUSIVE", "journal_mode = WAL", "synchronous = NORMAL"),
    "wal_autocheckpoint = 4000",
)
# As many as SQLite takes at once in any case.
MOST = 900


class TranslationMemory:
    """What one engine has translated in one direction.

    It is held until it is closed; another process that opens it is refused.

    Args:
        folder: where it is; made if needed.
        engine: whose translations they are.
        shard: the part of a run that this is, such as ``"1-of-4"``, which adds to a
            file of its own; empty for all of it, which reads those of the parts, too.
    """

    def __init__(self, folder: Path, engine: Engine, shard: str = "") -> None:
        settings = json.dumps(engine.settings(), sort_keys=True, ensure_ascii=False)
        digest = hashlib.sha256(settings.encode()).hexdigest()[:12]
        stem = f"{engine.source}-{engine.target}.{digest}"
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{stem}{shard and '.part-'}{shard}.sqlite"
        self.files = [open_file(path)]
        if not shard:
            self.files += map(open_file, sorted(folder.glob(f"{stem}.part-*.sqlite")))
        if not self.own.execute("SELECT * FROM settings").fetchone():
            with writing(self.own):
                self.own.execute("INSERT INTO settings VALUES (?)", (settings,))

    @property
    def own(self) -> sqlite3.Connection:
        """The file that is added to."""
        return self.files[0]

    def get(self, sentence: str) -> Optional[str]:
        """The translation of a sentence, or None where there is none yet."""
        return self.find([sentence]).get(sentence)

    def find(self, sentences: Iterable[str]) -> Dict[str, str]:
        """The translations of those sentences that have one."""
        found: Dict[str, str] = {}
        rest = list(sentences)
        for start in range(0, len(rest), MOST):
            asked = rest[start : start + MOST]
            marks = ",".join("?" * len(asked))
            # Where parts of a run have translated the same, the first counts.
            for file in reversed(self.files):
                found.update(file.execute(FIND.format(marks), asked))
        return found

    def add(self, translations: Mapping[str, str]) -> None:
        """Keep translations, by their sentences: all of them or none."""
        with writing(self.own):
            self.own.executemany(
                "INSERT OR IGNORE INTO translations VALUES (?, ?)",
                sorted(translations.items()),
            )

    def close(self) -> None:
        """Close the files."""
        for file in self.files:
            file.close()


def open_file(path: Path) -> sqlite3.Connection:
    """Open a memory's file, and hold it.

    Raises:
        UserError: another process holds it, or it is none.
    """
    file = sqlite3.connect(path, timeout=0, isolation_level=None)
    try:
        for pragma in PRAGMAS:
            file.execute(f"PRAGMA {pragma}")
        with writing(file):
            for table in filter(str.strip, TABLES.split(";")):
                file.execute(table)
    except sqlite3.OperationalError as error:
        file.close()
        if "locked" not in str(error):
            raise UserError(f"{path}: {error}") from None
        raise UserError(
            f"{path}: another process is translating there; wait until it ends"
        ) from None
    except sqlite3.DatabaseError as error:
        file.close()
        raise UserError(
            f"{path}: damaged ({error}); remove it, what it held is translated anew"
        ) from None
    return file


@contextmanager
def writing(file: sqlite3.Connection) -> Iterator[None]:
    """Write what the block writes as a whole."""
    file.execute("BEGIN EXCLUSIVE")
    try:
        yield
    except BaseException:
        file.execute("ROLLBACK")
        raise
    file.execute("COMMIT")
