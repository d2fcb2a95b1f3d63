"""Commands in a forked process, without the seconds that their imports take."""

import functools
import gc
import importlib
import logging
import os
import runpy
import shutil
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any, Callable, Dict, Optional, Sequence

import torch
from training import environment, free_port

# Two threads that fork at once disturb one another's locks of files.
ONE_FORK = threading.Lock()


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
    with ONE_FORK:
        child = os.fork()
    if child:
        return child
    # It need not look for garbage among all that was loaded before.
    gc.freeze()
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
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def main_of(program: str) -> Callable[[], Any]:
    """What a command calls, or a script does."""
    if program.endswith(".py"):
        return functools.partial(runpy.run_path, program, run_name="__main__")
    kind, _, name = Path(program).name.partition("-")
    package = {"fairseq": "fairseq_cli", "xling": "fairseq_xling.cli"}[kind]
    module = importlib.import_module(f"{package}.{name.replace('-', '_')}")
    if program.endswith("-train"):
        # Each optimizer imports it, in two seconds: once for all forks.
        importlib.import_module("torch._dynamo")
    # What preprocess/*.py calls has no console script.
    return getattr(module, "cli_main", None) or module.main


def call(
    arguments: Sequence[str],
    before: Optional[Callable[[], None]] = None,
    kill_at: Optional[str] = None,
    is_apart: bool = False,
) -> SimpleNamespace:
    """Call a command in a fork.

    Args:
        kill_at: it is killed when it has written this.
        is_apart: whether what it writes to its two outputs comes back as ``stdout`` and
            ``stderr``; otherwise both are in the former.
    """
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8") as out,
        tempfile.TemporaryFile("w+", encoding="utf-8") as err,
    ):
        main = main_of(arguments[0])
        child = fork(main, arguments, out, err if is_apart else out, before)
        if kill_at is not None:
            _kill_at(kill_at, child, out)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        for file in (out, err):
            file.seek(0)
        return SimpleNamespace(returncode=code, stdout=out.read(), stderr=err.read())


def _kill_at(text: str, child: int, out: IO[str]) -> None:
    end = time.monotonic() + 600
    # The child writes where its parent's file stands, too: nothing may move that.
    while text.encode() not in os.pread(out.fileno(), 1 << 24, 0):
        assert os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
        assert time.monotonic() < end
        time.sleep(0.005)
    os.kill(child, signal.SIGKILL)


def log_to_stdout() -> None:
    form = "%(asctime)s | %(levelname)s | %(name)s | %(message)s"
    logging.basicConfig(stream=sys.stdout, level=logging.INFO, format=form)


def run_in_fork(arguments: Sequence[str], check: bool = False, **more: Any):
    """The same with fairseq's log, as its commands show it.

    Args:
        check: fail unless it succeeds.
    """
    done = call(arguments, log_to_stdout, **more)
    assert not (check and done.returncode), done.stdout[-4000:]
    return done


def kill_and_resume(arguments: Sequence[str], update: int) -> str:
    """Kill a training after an update, and start it again; returns the second log."""
    run_in_fork(arguments, kill_at=f'"num_updates": "{update}"')
    resumed = run_in_fork(arguments, check=True).stdout
    assert "Loaded checkpoint" in resumed
    return resumed


def run_side_by_side(
    main: Callable[[], Any],
    commands: Sequence[Sequence[str]],
    folder: Path,
    before: Optional[Callable[[], None]] = None,
) -> str:
    """Run commands that share their work; all of them succeed.

    Args:
        main: what they call.
        folder: for their logs.
        before: called in each new process.

    Returns:
        the first one's log.
    """
    paths = [folder / f"log{number}" for number in range(len(commands))]
    children = []
    for path, arguments in zip(paths, commands):
        with open(path, "w") as log:
            children.append(fork(main, arguments, log, log, before))
    statuses = [os.waitpid(child, 0)[1] for child in children]
    log = paths[0].read_text()
    assert not any(statuses), log[-3000:]
    return log


def train_in_two(arguments: Sequence[str], folder: Path) -> str:
    """Train in two processes that share each update; returns the first one's log."""
    shared = [
        *arguments,
        "--distributed-world-size=2",
        f"--distributed-init-method=tcp://127.0.0.1:{free_port()}",
        "--distributed-no-spawn",
        "--distributed-backend=gloo",
        "--ddp-backend=legacy_ddp",
    ]
    ranked = [[*shared, f"--distributed-rank={rank}"] for rank in (0, 1)]
    return run_side_by_side(main_of("fairseq-train"), ranked, folder, log_to_stdout)


def torchrun(port: int, rank: int) -> Dict[str, str]:
    """What torchrun tells one of two processes."""
    place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    return {**place, "WORLD_SIZE": "2", "RANK": str(rank)}


def srun(port: int, rank: int) -> Dict[str, str]:
    """What SLURM's srun tells one of two, on a machine each; port by number of job."""
    step = {"NODELIST": "n[1-2]", "NUM_TASKS": "2", "NUM_NODES": "2"}
    told = {f"SLURM_STEP_{name}": value for name, value in step.items()}
    return {**told, "SLURM_PROCID": str(rank), "SLURM_JOB_ID": str(port - 10000)}


def run_in_forks(
    arguments: Sequence[str],
    launcher: Callable[[int, int], Dict[str, str]] = torchrun,
    **env: str,
) -> str:
    """Run a command in two processes, started as by a launcher.

    Args:
        env: further variables of the environment.

    Returns:
        what they write, together; both have succeeded.
    """
    main = main_of(arguments[0])
    port = min(free_port(), 59999)
    with tempfile.TemporaryFile("w+", encoding="utf-8") as out:
        children = []
        for rank in range(2):
            told = {**launcher(port, rank), **env}
            before = functools.partial(os.environ.update, told)
            children.append(fork(main, arguments, out, out, before))
        failed = False
        while children and not failed:
            child, status = os.waitpid(-1, 0)
            children.remove(child)
            failed = status != 0
        for child in children:  # It waits for the one that failed.
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
        out.seek(0)
        text = out.read()
    assert not failed, text[-4000:]
    return text


def run_stage(command: Sequence[str], stdout, before=None, **_: Any) -> SimpleNamespace:
    """Stands for subprocess.run where stages run their commands."""
    main = main_of(command[0])
    status = os.waitpid(fork(main, command, stdout, stdout, before), 0)[1]
    return SimpleNamespace(returncode=os.waitstatus_to_exitcode(status))


class ForkedCommand:
    """Stands for subprocess.Popen, without the seconds that imports take.

    It has ended, and well, when it is there.
    """

    def __init__(self, command: Sequence[str], **_: Any) -> None:
        name = Path(command[0]).name
        if name in ("cp", "mv"):
            {"cp": shutil.copy, "mv": shutil.move}[name](*command[1:])
            return
        done = call(command[1:] if name == "python" else command)
        assert done.returncode == 0, done.stdout[-3000:]

    def poll(self) -> int:
        """Its exit status."""
        return 0

    wait = poll
