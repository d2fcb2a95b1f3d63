"""Stages of a long run: each a command that is skipped where its output is complete."""

import fcntl
import json
import logging
import os
import re
import shutil
import subprocess
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from queue import Queue
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Sequence

import torch

from fairseq_xling.errors import UserError
from fairseq_xling.files.atomic import atomic_file
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


def visible_devices() -> List[str]:
    """Names of the GPUs that commands may use, as CUDA_VISIBLE_DEVICES has them.

    Where it is set, numbers of one's own would be those of other GPUs. CUDA reads it up
    to the first name that is none, such as -1, so that it may have more names than
    there are devices.
    """
    count = torch.cuda.device_count()
    names = os.environ.get("CUDA_VISIBLE_DEVICES")
    if names is None:
        return [str(number) for number in range(count)]
    return [name.strip() for name in names.split(",")][:count]


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
    name = re.compile(rf"\.{re.escape(stage.folder.name)}\.[a-z0-9_]{{8}}")
    for left in stage.folder.parent.iterdir():  # temporary names
        if name.fullmatch(left.name):
            shutil.rmtree(left) if left.is_dir() else left.unlink()
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


@contextmanager
def only_one_run(folder: Path) -> Iterator[None]:
    """Keep two runs from writing one folder.

    Commands inherit the lock: where a run was killed and its commands go on, the next
    run waits for them.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / ".lock", "w", encoding="utf-8") as lock:
        os.set_inheritable(lock.fileno(), True)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            logger.info(f"{folder}: waiting for another run there to end")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
