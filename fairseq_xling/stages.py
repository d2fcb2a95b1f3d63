"""Commands of a long run, each skipped where its output is complete.

A :class:`Stage` tells by hashes: what it was made with stands in a manifest beside its
output, and other settings are refused. A :class:`Runner` shows a recipe's commands to
its user, who may give other options and let them go on: what is there is complete.
"""

import json
import logging
import os
import shlex
import shutil
import subprocess
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Queue
from typing import IO, Any, Callable, Dict, List, NamedTuple, Optional, Sequence

from fairseq_xling.devices import visible_devices
from fairseq_xling.errors import UserError
from fairseq_xling.files.atomic import atomic_file, remove_temporary
from fairseq_xling.files.destination import check_apart
from fairseq_xling.files.hashes import sha256_of
from fairseq_xling.files.json_text import parse_json

logger = logging.getLogger(__name__)

MANIFEST = "stage.json"
LOG = "log.txt"


class Stage(NamedTuple):
    """A command, what it reads and what it writes.

    Attributes:
        name: as it is shown.
        folder: what it writes, and where its manifest and log go.
        command: program and arguments.
        inputs: files that it depends on.
        outputs: files that exist when it is complete.
        is_resumable: whether the command goes on with what it finds in the folder;
            that of others is removed first.
        leftovers: patterns of files in the folder that go when it is complete.
    """

    name: str
    folder: Path
    command: List[str]
    inputs: List[Path]
    outputs: List[Path]
    is_resumable: bool = True
    leftovers: Sequence[str] = ()

    @property
    def manifest(self) -> Path:
        """The file that says that the stage is complete.

        It stands beside the folder, which commands want for themselves.
        """
        return self.folder.with_name(f"{self.folder.name}.{MANIFEST}")

    @property
    def log(self) -> Path:
        """What the command printed."""
        return self.folder.with_name(f"{self.folder.name}.{LOG}")

    def settings(self) -> Dict[str, Any]:
        """The command and the hashes of its inputs."""
        inputs = {str(path): recorded_sha256(path) for path in self.inputs}
        return {"command": self.command, "inputs": inputs}


_hashes: Dict[Any, str] = {}


def recorded_sha256(path: Path) -> str:
    """SHA-256 of a file, computed once as long as it does not change.

    Raises:
        UserError: there is no such file.
    """
    try:
        status = path.stat()
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from None
    key = (path, status.st_mtime_ns, status.st_size)
    if key not in _hashes:
        _hashes[key] = sha256_of(path)
    return _hashes[key]


def is_complete(stage: Stage) -> bool:
    """Whether a stage was run with these settings to its end.

    Raises:
        UserError: it was run with other settings, or its output is gone.
    """
    try:
        found = parse_json(stage.manifest.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return False
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise UserError(f"{stage.manifest}: cannot be read; remove it")
    settings = stage.settings()
    for part in settings:
        if found.get(part) != settings[part]:
            raise UserError(
                f"{stage.folder}: made with other settings "
                f"({difference(found, settings)}); give another --results-path, or "
                f"remove {stage.manifest}"
            )
    missing = [path for path in stage.outputs if not path.exists()]
    if missing:
        raise UserError(
            f"{missing[0]}: gone, though {stage.manifest} says that it was written; "
            f"remove {stage.manifest.name}"
        )
    return True


def difference(found: Dict[str, Any], settings: Dict[str, Any]) -> str:
    """What sets two settings apart, in a few words."""
    old, new = found.get("command", []), settings["command"]
    if old != new:
        gone = [word for word in old if word not in new]
        come = [word for word in new if word not in old]
        if not gone and not come:
            return "the same options in another order or number"
        return f"{' '.join(gone) or 'nothing'} instead of {' '.join(come) or 'nothing'}"
    changed = [
        path
        for path, digest in settings["inputs"].items()
        if found.get("inputs", {}).get(path) != digest
    ]
    return f"{', '.join(changed)} changed"


def run_stages(stages: Sequence[Stage], jobs: int) -> None:
    """Run the stages that are not complete, some side by side.

    Several jobs have a GPU each where there are several; one job has them all.

    Args:
        stages: none of which reads what another one writes.
        jobs: how many run at once.

    Raises:
        UserError: a command failed; the others were waited for.
    """
    todo = []
    for stage in stages:
        if is_complete(stage):
            remove_leftovers(stage)
            logger.info(f"{stage.name}: done before")
        else:
            todo.append(stage)
    devices = visible_devices()
    slots: Queue = Queue()
    for job in range(jobs):
        alone = jobs > 1 and len(devices) > 1
        slots.put(devices[job % len(devices)] if alone else None)

    def run(stage: Stage) -> None:
        device = slots.get()
        try:
            run_stage(stage, device)
        finally:
            slots.put(device)

    with ThreadPoolExecutor(jobs) as pool:
        futures = [pool.submit(run, stage) for stage in todo]
    for future in futures:
        future.result()


def run_stage(stage: Stage, device: Optional[str]) -> None:
    """Run a stage's command and write its manifest.

    Args:
        stage: what to run.
        device: number of the only GPU that it sees; None for all.

    Raises:
        UserError: the command failed, or did not write what it should; or its folder
            holds what no stage wrote.
    """
    settings = stage.settings()
    stage.folder.parent.mkdir(parents=True, exist_ok=True)
    clear(stage)
    logger.info(f"{stage.name} ...")
    start = time.monotonic()
    environment = dict(os.environ)
    if device is not None:
        environment["CUDA_VISIBLE_DEVICES"] = device
    with open(stage.log, "w", encoding="utf-8") as log:
        # The lock of the results folder is theirs, too: see only_one_run.
        done = subprocess.run(
            stage.command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=environment,
            close_fds=False,
        )
    if done.returncode:
        raise UserError(f"{stage.name}: {reason(stage.log)} (see {stage.log})")
    missing = [path for path in stage.outputs if not path.exists()]
    if missing:
        raise UserError(f"{stage.name}: wrote no {missing[0]} (see {stage.log})")
    # What it took, since it was last started.
    settings["seconds"] = round(time.monotonic() - start, 1)
    with atomic_file(stage.manifest) as file:
        json.dump(settings, file, indent=2, ensure_ascii=False)
    remove_leftovers(stage)
    logger.info(f"{stage.name}: done")


def clear(stage: Stage) -> None:
    """Remove what a killed run of a stage left that its command cannot go on from.

    Raises:
        UserError: a folder that is to be removed is none that the stage wrote, or the
            stage reads something in it.
    """
    if not stage.log.exists():  # The stage never ran: nothing here is its own.
        if not stage.is_resumable and stage.folder.exists():
            raise UserError(
                f"{stage.folder}: exists and was not written by this run; move it "
                "away, or give another folder of results"
            )
        return
    if not stage.is_resumable and stage.folder.exists():
        check_apart(stage.folder, stage.inputs)
        shutil.rmtree(stage.folder)
    remove_temporary(stage.folder)
    for path in stage.folder.glob("checkpoint*.pt"):
        # fairseq copies checkpoints, and cannot go on from half of one.
        if not zipfile.is_zipfile(path):
            path.unlink()


def remove_leftovers(stage: Stage) -> None:
    """Remove what a complete stage needs no more."""
    for pattern in stage.leftovers:
        for path in stage.folder.glob(pattern):
            path.unlink()


def reason(log: Path) -> str:
    """The line of a log that tells why a command failed."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    errors = [line for line in lines if line.startswith("error: ")]
    return (errors or [line for line in lines if line.strip()] or ["failed"])[-1]


class CommandFailed(UserError):
    """A command of a recipe failed, and has told why.

    Args:
        status: its exit status, of one that was killed as shells tell it.
    """

    def __init__(self, status: int) -> None:
        super().__init__(f"exit status {status}")
        self.status = status if status > 0 else 128 - status


class Runner:
    """Runs a recipe's commands, which print what they print.

    Args:
        dry_run: whether to show the commands instead of running them.
        variables: of the environment, beside those of this process.
    """

    def __init__(
        self, dry_run: bool = False, variables: Optional[Dict[str, str]] = None
    ) -> None:
        self.dry_run = dry_run
        self.variables = variables or {}

    def __call__(
        self,
        *commands: Sequence[str],
        done: Optional[Path] = None,
        log: Optional[IO] = None,
        meanwhile: Optional[Callable[[], object]] = None,
    ) -> None:
        """Run commands side by side.

        Args:
            commands: programs and arguments.
            done: what they write as a whole; where it is there, nothing is run.
            log: takes what they print; without it, they are shown, too.
            meanwhile: called each second while they run.

        Raises:
            CommandFailed: one failed; all have ended.
        """
        if done is not None and done.exists():
            return
        if log is None:
            for command in commands:
                print(shlex.join(command), flush=True)
        if self.dry_run:
            return
        environment = {**os.environ, **self.variables}
        errors = None if log is None else subprocess.STDOUT
        running: List[subprocess.Popen] = []
        try:
            for command in commands:
                started = subprocess.Popen(
                    command, stdout=log, stderr=errors, env=environment
                )
                running.append(started)
            while meanwhile and any(process.poll() is None for process in running):
                time.sleep(1)
                meanwhile()
            statuses = [process.wait() for process in running]
        except BaseException:  # stopped: what was begun ends, too
            for process in running:
                process.terminate()
            for process in running:
                process.wait()
            raise
        for status in filter(None, statuses):
            raise CommandFailed(status)
