"""The page's parts about trainings: curves, costs and configuration."""

import json
from typing import Any, Dict, List, NamedTuple, Optional, Sequence

from fairseq_xling.report.costs import costs_of
from fairseq_xling.report.figures import draw_curves
from fairseq_xling.report.page import Part, Section
from fairseq_xling.report.trainings import OWN_FILES, Training
from fairseq_xling.tables import Cell


class Curves(NamedTuple):
    """A group's curves, and what its best checkpoints were chosen by.

    Attributes:
        logged: names of the runs with a log.
        figure: theirs, a PNG.
        rows: of the table of where each was best.
        lacking: names of the other runs, by why they have no log.
    """

    logged: List[str]
    figure: bytes
    rows: List[List[Cell]]
    lacking: Dict[str, List[str]]


class Configuration(NamedTuple):
    """Options of the runs of a group.

    Attributes:
        names: of the runs.
        differing: values by option, one a run.
        shared: those that all have, one value.
    """

    names: List[str]
    differing: Dict[str, List[Optional[str]]]
    shared: Dict[str, List[Optional[str]]]


def training_sections(trainings: Sequence[Training]) -> List[Section]:
    """Curves, costs and configuration, by what runs are shown together with."""
    groups: Dict[str, List[Training]] = {}
    for one in trainings:
        groups.setdefault(one.group, []).append(one)
    rows = [cost_row(run) for run in trainings]
    return [
        Section("curves", "Training curves", parts_of(groups, curves_of)),
        Section("costs", "Costs", [Part("", rows)] if rows else []),
        Section(
            "configuration", "Configuration", parts_of(groups, configuration_of)
        ),
    ]  # fmt: skip


def parts_of(groups: Dict[str, List[Training]], make: Any) -> List[Part]:
    """A part a group."""
    return [Part(group, make(runs)) for group, runs in groups.items()]


def curves_of(runs: Sequence[Training]) -> Curves:
    """The curves of a group."""
    logged = [run for run in runs if not run.no_log]
    lacking: Dict[str, List[str]] = {}
    for run in runs:
        if run.no_log:
            lacking.setdefault(run.no_log, []).append(run.name)
    figure = draw_curves(logged) if logged else b""
    return Curves(
        [run.name for run in logged], figure, list(map(outcome_row, logged)), lacking
    )


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
    costs = costs_of(run.log)
    return [
        run.name,
        workers,
        None if costs.seconds is None else duration(costs.seconds),
        None if costs.updates is None else f"{costs.updates:,}",
        costs.samples_a_second,
        None if costs.peak_memory is None else f"{costs.peak_memory:.2f}",
    ]


def duration(seconds: float) -> str:
    """Such as ``1:02:03``."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"


def configuration_of(runs: Sequence[Training]) -> Configuration:
    """What differs between the runs of a group, and what they share."""
    options = dict.fromkeys(x for run in runs for x in run.options)
    one = Configuration([run.name for run in runs], {}, {})
    for name in [x for x in options if x not in OWN_FILES]:
        values = [shown(run.options.get(name)) for run in runs]
        if len(set(values)) > 1:
            one.differing[name] = values
        else:
            one.shared[name] = values[:1]
    return one


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
