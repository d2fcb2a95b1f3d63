"""Commands in a forked process, without the seconds that their imports take."""

import logging
import os
import sys
from typing import Any, Callable, Optional, Sequence

import torch
from training import environment


def fork(
    main: Callable[[], Any],
    arguments: Sequence[str],
    out: Any,
    err: Any,
    before: Optional[Callable[[], None]] = None,
) -> int:
    """Start a console script's function in a process of its own.

    Args:
        main: the function.
        arguments: program and command line.
        out, err: files for what it writes.
        before: called in the new process.

    Returns:
        the process's number; the caller waits for it.
    """
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        os.dup2(out.fileno(), 1)
        os.dup2(err.fileno(), 2)
        sys.stdout = open(1, "w", buffering=1, closefd=False)
        sys.stderr = open(2, "w", buffering=1, closefd=False)
        torch.set_num_threads(1)
        logging.root.handlers.clear()
        logging.disable(logging.NOTSET)
        os.environ.update(environment())
        sys.argv = list(arguments)
        if before is not None:
            before()
        main()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
