"""A training run: the options in its checkpoint, and its log."""

import os
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Sequence, Tuple

from fairseq_xling.checkpoints.opening import look_into
from fairseq_xling.checkpoints.stored_options import as_dict
from fairseq_xling.report.find_runs import short_names
from fairseq_xling.report.training_log import TrainingLog, read_log

# What training does not read, and where its own files go, which always differs.
OTHER_PARTS = ("bmuf", "common_eval", "eval_lm", "generation", "interactive", "scoring")
OWN_FILES = ("save_dir", "log_file", "tensorboard_logdir", "aim_run_hash")


class Training(NamedTuple):
    """A training run.

    Attributes:
        name: of the run, on the page.
        group: what it is shown together with: its task, or its run of MultiMix.
        options: what it was trained with, by name.
        log: what it logged; empty where there is no log with progress.
        no_log: why there is none; empty where there is one.
    """

    name: str
    group: str
    options: Dict[str, Any]
    log: TrainingLog
    no_log: str

    @property
    def criterion(self) -> str:
        """What it minimised."""
        return str(self.options.get("criterion"))

    @property
    def best_metric(self) -> str:
        """What the best checkpoint was chosen by."""
        return str(self.options.get("best_checkpoint_metric") or "loss")


def read_trainings(
    checkpoints: Sequence[Path], multimix: Sequence[Path]
) -> List[Training]:
    """Read the runs of checkpoints."""
    names = short_names([path.parent for path in checkpoints])
    labels = short_names([path.parent for path in multimix])
    trainings = []
    for path in checkpoints:
        options = options_of(look_into(path))
        whole = [one for one in labels if one in path.parents]
        group = str(options.get("task") or "unknown task")
        if whole:
            group = f"MultiMix in {labels[whole[0]]}"
        log, no_log = find_log(path.parent, options.get("log_file"))
        trainings.append(Training(names[path.parent], group, options, log, no_log))
    return trainings


def options_of(record: Dict[str, Any]) -> Dict[str, Any]:
    """The options that a checkpoint was trained with, by name.

    Of the parts of fairseq's configuration, ``model`` comes last, because it repeats
    those of all others.
    """
    config = as_dict(record.get("cfg"))
    if not config:
        return as_dict(record.get("args"))
    hidden = {name for part in OTHER_PARTS for name in as_dict(config.get(part))}
    options: Dict[str, Any] = {}
    parts = [part for part in config if part != "model" and part not in OTHER_PARTS]
    for part in [*parts, "model"]:
        for name, value in as_dict(config.get(part)).items():
            name = str(name)
            key = part if name == "_name" else name
            if value is None or (part == "model" and (key in hidden or key in options)):
                continue
            if key in options and options[key] != value:
                key = f"{part}.{name}"
            options[key] = value
    return options


def find_log(folder: Path, log_file: Any) -> Tuple[TrainingLog, str]:
    """The log of a run: the first that is there of the usual places."""
    places = [folder / "train.log"]
    if isinstance(log_file, str) and log_file:
        places.append(Path(log_file))
    # Beside its folders, xling-multimix writes the logs of what made them.
    places.append(folder.parent / f"{folder.resolve().name}.log.txt")
    # A pipe would be waited for.
    path = next(filter(os.path.isfile, places), None)
    if path is None:
        reason = "no log was found (train.log in its folder, or --log-file)"
        return TrainingLog(), reason
    try:
        log = read_log(path)
    except OSError as error:
        return TrainingLog(), f"its log {path.name} cannot be read ({error.strerror})"
    if log.records:
        return log, ""
    return TrainingLog(), f"its log {path.name} has no line of fairseq's progress"
