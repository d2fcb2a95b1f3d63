"""The page's sections about trainings: curves, costs and configuration."""

import json
import re
from typing import Any, Dict, List, Optional, Sequence

from fairseq_xling.report.costs import costs_of
from fairseq_xling.report.figures import draw_curves
from fairseq_xling.report.markup import (
    Markup,
    details,
    element,
    escape,
    image,
    join,
    paragraph,
    table,
)
from fairseq_xling.report.page import Part, Section
from fairseq_xling.report.trainings import OWN_FILES, Training


def by_group(trainings: Sequence[Training]) -> Dict[str, List[Training]]:
    """Trainings by what they are shown together with."""
    groups: Dict[str, List[Training]] = {}
    for one in trainings:
        groups.setdefault(one.group, []).append(one)
    return groups


def curves_section(trainings: Sequence[Training]) -> Section:
    """Curves of each group, and what its best checkpoints were chosen by."""
    parts = []
    for group, runs in by_group(trainings).items():
        logged = [run for run in runs if run.log]
        content: List[Any] = []
        if logged:
            names = ", ".join(run.name for run in logged)
            caption = (
                "Losses of methods that minimise different things are not comparable; "
                "X-Mixup's holds both streams' and the consistency between them."
            )
            curves = draw_curves(logged)
            alt = f"Curves of loss and score by update of {names}"
            content.append(image(curves, alt, caption))
            content.append(outcome_table(logged))
            content.append(paragraph(OUTCOME_LEGEND, "legend"))
        lacking: Dict[str, List[str]] = {}
        for run in runs:
            if run.no_log:
                lacking.setdefault(run.no_log, []).append(run.name)
        for reason, names_without in lacking.items():
            content.append(paragraph(f"{', '.join(names_without)}: {reason}."))
        parts.append(Part(group, join(content)))
    return Section("Training curves", parts)


OUTCOME_LEGEND = (
    "Best: of the score that the checkpoint was chosen by, on the first validation "
    "set; a score with a language's name counts that language alone. Of equal values "
    "the first."
)


def outcome_table(runs: Sequence[Training]) -> Markup:
    """Where each run was best, and where it ended."""
    rows: List[List[Any]] = []
    for run in runs:
        assert run.log is not None
        name = run.best_metric
        subset = (run.log.subsets or ["valid"])[0]
        records = [one for one in run.log.of(subset) if name in one.values]
        inner = run.log.of("train_inner") or run.log.of("train")
        last = f"{inner[-1].values['loss']:.3f}" if has_loss(inner) else None
        if not records:
            rows.append([run.name, None, None, None, last])
            continue
        sign = 1 if run.options.get("maximize_best_checkpoint_metric") else -1
        best = max(records, key=lambda one: sign * one.values[name])
        shown = f"{best.values[name]:.2f}"
        rows.append([run.name, name, shown, f"{best.update:,}", last])
    return table(
        ["run", "chosen by", "best", "at update", "last training loss"],
        rows,
    )


def has_loss(records: Sequence[Any]) -> bool:
    """Whether the last record has a loss."""
    return bool(records) and "loss" in records[-1].values


def costs_section(trainings: Sequence[Training]) -> Section:
    """Time, memory and speed of each run."""
    rows: List[List[Any]] = []
    for run in trainings:
        costs = costs_of(run.log) if run.log else None
        row: List[Any] = [run.name, device_of(run)]
        if costs is None:
            rows.append([*row, None, None, None, None])
            continue
        speed, memory = costs.samples_a_second, costs.peak_memory
        row.append(None if costs.seconds is None else duration(costs.seconds))
        row.append(None if costs.updates is None else f"{costs.updates:,}")
        row.append(speed)
        row.append(None if memory is None else f"{memory:.2f}")
        rows.append(row)
    header = [
        "run", "workers", "time (h:min:s)", "updates", "samples a second",
        "peak memory (GiB)",
    ]  # fmt: skip
    content = join([table(header, rows), paragraph(COSTS_LEGEND, "legend")])
    return Section("Costs", [Part("", content)])


COSTS_LEGEND = (
    "Time: of all processes of a run, validation and restarts included. Samples a "
    "second: rows, or pairs of rows, that were trained on, without the time of "
    "validation. Peak memory: of the worker that needed the most; on a GPU of the "
    "tensors there, else of the process. A dash: not in the log."
)


def device_of(run: Training) -> str:
    """How many workers, and whether on CPUs."""
    workers = str(run.options.get("distributed_world_size") or 1)
    return f"{workers} (CPU)" if run.options.get("cpu") is True else workers


def duration(seconds: float) -> str:
    """Such as ``1:02:03``."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"


def configuration_section(trainings: Sequence[Training]) -> Section:
    """What differs between the runs of a group, and what they share."""
    parts = []
    for group, runs in by_group(trainings).items():
        names = list(dict.fromkeys(name for run in runs for name in run.options))
        names = [name for name in names if name not in OWN_FILES]
        values = {
            name: [shown(run.options.get(name)) for run in runs] for name in names
        }
        differing = [name for name in names if len(set(values[name])) > 1]
        content: List[Any] = []
        if len(runs) > 1:
            content.append(
                table(
                    ["option", *(run.name for run in runs)],
                    [[option(x), *map(breakable, values[x])] for x in differing],
                    "text",
                )
                if differing
                else paragraph("All runs have the same options.")
            )
        shared = [name for name in names if name not in differing]
        alike = [[option(name), breakable(values[name][0])] for name in shared]
        what = (
            "Options that all share" if len(runs) > 1 else f"Options of {runs[0].name}"
        )
        whole = table(["option", "value"], alike, "text")
        content.append(details(f"{what} ({len(alike)})", whole))
        parts.append(Part(group, join(content)))
    return Section("Configuration", parts)


def option(name: str) -> Markup:
    """An option as it is given on the command line."""
    return element("code", name.replace("_", "-"))


def breakable(text: Optional[str]) -> Markup:
    """A value that may be broken into lines within paths and lists."""
    return Markup(re.sub("([/,])", r"\1<wbr>", escape(text)))


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
