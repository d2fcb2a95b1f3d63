"""Work on parts of a corpus in several processes, with its results in order."""

import itertools
import multiprocessing
import os
from collections import deque
from concurrent.futures import Future, ProcessPoolExecutor
from typing import Any, Callable, Deque, Iterable, Iterator

# Parts that wait for each process; they bound memory.
AHEAD = 2
_work: Callable[[Any], Any]


def map_in_order(
    work: Callable[[Any], Any],
    parts: Iterable[Any],
    processes: int,
    begin: Callable[[], None],
) -> Iterator[Any]:
    """What a function makes of each part, as ``map`` gives it.

    Parts and results are sent; what the function holds is there after a fork. A single
    part is worked on in this process.

    Args:
        begin: called in each of the processes, if there are several.
    """
    rest = iter(parts)
    first = list(itertools.islice(rest, 2))
    parts = itertools.chain(first, rest)
    if processes == 1 or len(first) < 2:
        yield from map(work, parts)
        return
    pool = ProcessPoolExecutor(
        processes, multiprocessing.get_context("fork"), _begin, (work, begin)
    )
    waiting: Deque[Future] = deque()
    try:
        for part in parts:
            waiting.append(pool.submit(_call, part))
            if len(waiting) > AHEAD * processes:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _begin(work: Callable[[Any], Any], begin: Callable[[], None]) -> None:
    global _work
    _work = work
    begin()
    # Each process has one thread, of tokenizers' own, too.
    os.environ["TOKENIZERS_PARALLELISM"] = "false"


def _call(part: Any) -> Any:
    return _work(part)
