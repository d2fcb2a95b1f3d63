"""How far target languages stay behind the source (X-Mixup Table 8)."""

import argparse
from typing import Dict, List

from matplotlib.figure import Figure

from fairseq_xling.analysis.figures import (
    add_legend,
    drawable,
    language_width,
    name_languages,
    panels,
    spread,
    style,
)
from fairseq_xling.analysis.report import Report
from fairseq_xling.analysis.score_files import read_models
from fairseq_xling.cli.benchmark_tables import TASKS
from fairseq_xling.errors import UserError
from fairseq_xling.evaluation.transfer_gap import average
from fairseq_xling.tables import Cell, markdown_table


def analyze_gap(args: argparse.Namespace) -> Report:
    """Compare the models' transfer gaps.

    Raises:
        UserError: no model was scored on the source and on another language.
    """
    found: Dict[str, Dict[str, float]] = {}
    for one in read_models(args.results, args.models):
        if one.gap is not None:
            found.setdefault(one.name, {})[one.task] = one.gap
    if not found:
        raise UserError(
            f"{', '.join(args.results)}: no transfer gap; evaluate the source language "
            "and another one"
        )
    tasks = [task for task in TASKS if any(task in gaps for gaps in found.values())]
    rows: List[List[Cell]] = []
    for name, gaps in found.items():
        mean = average(gaps) if len(gaps) == len(tasks) else None
        rows.append([name, *map(gaps.get, tasks), mean])
    header = ["model", *(TASKS[task] for task in tasks), "Avg."]
    legend = (
        "\nTransfer gap in points, lower is better: the source language's score minus "
        "the mean of the others' (accuracy, F1, for questions exact match).\n"
    )
    return Report(
        {"analysis": "gap", "models": found},
        markdown_table(header, rows) + legend,
        {"gap": draw(found, tasks)},
    )


def draw(found: Dict[str, Dict[str, float]], tasks: List[str]) -> Figure:
    """Gaps by task, side by side."""
    names = [TASKS[task] for task in tasks]
    figure, (axes,) = panels([""], language_width(names, len(found)))
    for (name, gaps), shift in zip(found.items(), spread(len(found))):
        number = list(found).index(name)
        here = [i for i, task in enumerate(tasks) if task in gaps]
        axes.plot(
            [i + shift for i in here], [gaps[tasks[i]] for i in here],
            linestyle="none", label=drawable(name), **style(number),
        )  # fmt: skip
    axes.axhline(0, color="grey", linewidth=0.8)
    name_languages(axes, names)
    axes.set_xlabel("task")
    axes.set_ylabel("transfer gap (points)")
    axes.grid(axis="y", alpha=0.3)
    add_legend(figure)
    return figure
