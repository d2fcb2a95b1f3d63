"""Rows translated chunk by chunk, each sentence once."""

import itertools
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import (
    Any,
    Callable,
    Deque,
    Dict,
    Iterable,
    Iterator,
    List,
    NamedTuple,
    Optional,
    Set,
    Tuple,
)

from fairseq_xling.files.text_lines import is_blank, one_line
from fairseq_xling.translation.engine import Engine
from fairseq_xling.translation.memory import TranslationMemory

# Rows that are read, and whose new sentences an engine gets, at once.
CHUNK_ROWS = 1000


class Chunk(NamedTuple):
    """Some rows, what is translated of them, and the translations that are made."""

    rows: List[Any]
    texts: List[List[str]]
    known: Dict[str, str]
    new: List[str]
    made: "Optional[Future[List[str]]]"


def translate_rows(
    rows: Iterable[Any],
    texts_of: Callable[[Any], List[str]],
    engine: Engine,
    memory: TranslationMemory,
    workers: int = 1,
    progress: Optional[Callable[[int, int], None]] = None,
) -> Iterator[Tuple[Any, List[str]]]:
    """Translate rows' texts, in the rows' order.

    What is translated is in the memory before its rows are given back. Where the engine
    fails, so is what others of its calls have made.

    Args:
        texts_of: what is translated of a row.
        workers: calls of the engine at once, of one that may be called so.
        progress: told, of each chunk, how many rows and new sentences it had.

    Yields:
        a row, and the translations of its texts; blank ones stay empty.

    Raises:
        UserError: the engine fails.
    """
    workers = workers if engine.has_threads else 1
    waiting: Deque[Chunk] = deque()
    under_way: Set[str] = set()
    with ThreadPoolExecutor(workers) as pool:
        try:
            for read in chunks(rows):
                # What is not in the memory yet is lost with the process.
                while len(waiting) >= workers:
                    yield from finish(waiting.popleft(), memory, under_way, progress)
                texts = [[one_line(text) for text in texts_of(row)] for row in read]
                each = dict.fromkeys(itertools.chain.from_iterable(texts))
                asked = [text for text in each if not is_blank(text)]
                known = memory.find(asked)
                new = [x for x in asked if x not in known and x not in under_way]
                under_way.update(new)
                made = pool.submit(engine.translate, new) if new else None
                waiting.append(Chunk(read, texts, known, new, made))
            while waiting:
                yield from finish(waiting.popleft(), memory, under_way, progress)
        except Exception:
            for chunk in waiting:
                keep(chunk, memory)
            raise
        except BaseException:
            engine.stop()
            raise


def chunks(rows: Iterable[Any]) -> Iterator[List[Any]]:
    """Rows in chunks."""
    rest = iter(rows)
    while read := list(itertools.islice(rest, CHUNK_ROWS)):
        yield read


def finish(
    chunk: Chunk,
    memory: TranslationMemory,
    under_way: Set[str],
    progress: Optional[Callable[[int, int], None]],
) -> Iterator[Tuple[Any, List[str]]]:
    """Wait for a chunk's translations, keep them, and give its rows back."""
    known = chunk.known
    if chunk.made is not None:
        made = dict(zip(chunk.new, chunk.made.result()))
        memory.add(made)
        under_way.difference_update(made)
        known.update(made)
    if progress is not None:
        progress(len(chunk.rows), len(chunk.new))
    for row, texts in zip(chunk.rows, chunk.texts):
        found = []
        for text in texts:
            if text not in known:  # made by a chunk before this one
                known[text] = "" if is_blank(text) else memory.get(text) or ""
            found.append(known[text])
        yield row, found


def keep(chunk: Chunk, memory: TranslationMemory) -> None:
    """Keep a chunk's translations, if they are made."""
    if chunk.made is not None and chunk.made.exception() is None:
        memory.add(dict(zip(chunk.new, chunk.made.result())))
