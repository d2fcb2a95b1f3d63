"""The page's parts about trainings: curves, costs and configuration."""

import json
from typing import Any, Dict, List, Optional, Sequence

from fairseq_xling.report.figures import draw_curves
from fairseq_xling.report.page import Part, Section
from fairseq_xling.report.trainings import OWN_FILES, Training
from fairseq_xling.tables import Cell


def training_sections(trainings: Sequence[Training]) -> List[Section]:
    """Curves, costs and configuration, by what runs are shown together with."""
    groups: Dict[str, List[Training]] = {}
    for one in trainings:
        groups.setdefault(one.group, []).append(one)
    rows = [cost_row(run) for run in trainings]
    curves = [Part(group, curves_of(runs)) for group, runs in groups.items()]
    options = [Part(group, configuration_of(runs)) for group, runs in groups.items()]
    return [
        Section("curves", "Training curves", curves),
        Section("costs", "Costs", [Part("", rows)] if rows else []),
        Section("configuration", "Configuration", options),
    ]


def curves_of(runs: Sequence[Training]) -> Dict[str, Any]:
    """A group's curves, where each run was best, and which have no log, and why."""
    logged = [run for run in runs if not run.no_log]
    lacking: Dict[str, List[str]] = {}
    for run in runs:
        if run.no_log:
            lacking.setdefault(run.no_log, []).append(run.name)
    return {
        "logged": [run.name for run in logged],
        "figure": draw_curves(logged) if logged else b"",
        "rows": list(map(outcome_row, logged)),
        "lacking": lacking,
    }


def outcome_row(run: Training) -> List[Cell]:
    """Where a run was best, and where it ended."""
    name = run.best_metric
    subset = (run.log.subsets or ["valid"])[0]
    records = [one for one in run.log.of(subset) if name in one.values]
    inner = run.log.of("train_inner") or run.log.of("train")
    loss = inner[-1].values.get("loss") if inner else None
    last = None if loss is None else f"{loss:.3f}"
    if not records:
        return [run.name, None, None, None, last]
    sign = 1 if run.options.get("maximize_best_checkpoint_metric") else -1
    best = max(records, key=lambda one: sign * one.values[name])
    return [run.name, name, f"{best.values[name]:.2f}", f"{best.update:,}", last]


def cost_row(run: Training) -> List[Cell]:
    """Time, memory and speed of a run."""
    workers = str(run.options.get("distributed_world_size") or 1)
    if run.options.get("cpu") is True:
        workers += " (CPU)"
    log = run.log
    minutes, seconds = divmod(round(log.seconds), 60)
    return [
        run.name,
        workers,
        f"{minutes // 60}:{minutes % 60:02d}:{seconds:02d}" if log.seconds else None,
        f"{log.update:,}" if log.kept else None,
        log.samples_a_second,
        f"{log.peak_memory:.2f}" if log.peak_memory else None,
    ]


def configuration_of(runs: Sequence[Training]) -> Dict[str, Any]:
    """Options whose values differ between the runs of a group, and that all share."""
    options = dict.fromkeys(x for run in runs for x in run.options)
    differing, shared = {}, {}
    for name in [x for x in options if x not in OWN_FILES]:
        values = [shown(run.options.get(name)) for run in runs]
        if len(set(values)) > 1:
            differing[name] = values
        else:
            shared[name] = values[:1]
    names = [run.name for run in runs]
    return {"names": names, "differing": differing, "shared": shared}


def shown(value: Any) -> Optional[str]:
    """The value of an option."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value))
    if isinstance(value, dict):
        return json.dumps(value, default=str)
    return str(value)
