"""What folders of runs hold: trainings, evaluations, analyses, runs of MultiMix."""

import os
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Sequence

from fairseq_xling.errors import UserError
from fairseq_xling.files.json_text import parse_json

# The better of two comes first.
CHECKPOINTS = ("checkpoint_best.pt", "checkpoint_last.pt")


class Found(NamedTuple):
    """Files and folders, in the order of the search.

    Attributes:
        trainings: checkpoints, one a run.
        evaluations: ``results.json`` files of ``xling-evaluate``.
        analyses: ``{kind}.json`` files of ``xling-analyze``.
        multimix: ``report.json`` files of ``xling-multimix``.
    """

    trainings: List[Path]
    evaluations: List[Path]
    analyses: List[Path]
    multimix: List[Path]


def find_runs(folders: Sequence[str]) -> Found:
    """Search folders, and all below them, for what the commands write.

    Hidden folders are left out and links are not followed.

    Raises:
        UserError: a folder is not there, or nothing is found.
    """
    found = Found([], [], [], [])
    seen = set()
    for name in folders:
        if not os.path.isdir(name):
            raise UserError(f"{name}: not a folder; give folders of runs")
        for place, inner, files in os.walk(name):
            inner[:] = sorted(one for one in inner if not one.startswith("."))
            folder = Path(place)
            if folder.resolve() in seen:
                inner[:] = []
                continue
            seen.add(folder.resolve())
            look_at(folder, files, found)
    if not any(found):
        raise UserError(
            f"{', '.join(folders)}: nothing to report; looked for checkpoint_best.pt "
            "and checkpoint_last.pt (fairseq-train), results.json (xling-evaluate), "
            "KIND.json with KIND.md (xling-analyze) and report.json (xling-multimix)"
        )
    return found


def look_at(folder: Path, names: Sequence[str], found: Found) -> None:
    """Add what one folder holds."""
    files = {name for name in names if not (folder / name).is_symlink()}
    checkpoints = [name for name in CHECKPOINTS if name in files]
    if "kept.json" in files:  # the model of a training that lies elsewhere
        checkpoints = []
    found.trainings.extend(folder / name for name in checkpoints[:1])
    for name in sorted(files):
        path = folder / name
        if name == "results.json":
            found.evaluations.append(path)
        elif path.suffix == ".json" and f"{path.stem}.md" in files:
            content = read_json(path)
            if isinstance(content, dict) and content.get("analysis") == path.stem:
                found.analyses.append(path)
            elif name == "report.json" and is_multimix(content):
                found.multimix.append(path)


def read_json(path: Path) -> Any:
    """What a file holds; None where it is no JSON."""
    try:
        return parse_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def is_multimix(content: Any) -> bool:
    """Whether this is what ``xling-multimix`` writes: scores of each epoch."""
    return (
        isinstance(content, list)
        and bool(content)
        and all(
            isinstance(one, dict)
            and isinstance(one.get("epoch"), int)
            and isinstance(one.get("scores"), dict)
            for one in content
        )
    )


def short_names(paths: Sequence[Path]) -> Dict[Path, str]:
    """The last folders of each path, as many as tell it from all others."""
    parts = {path: path.resolve().parts for path in paths}
    names = {}
    for path, own in parts.items():
        count = 1
        while count < len(own) and any(
            other != own and other[-count:] == own[-count:] for other in parts.values()
        ):
            count += 1
        names[path] = "/".join(own[-count:])
    return names
