"""How far target languages stay behind the source (X-Mixup Table 8)."""

from typing import Dict, List, Optional, Sequence

from matplotlib.figure import Figure

from fairseq_xling.analysis.findings import Findings
from fairseq_xling.errors import UserError
from fairseq_xling.evaluation.figures import (
    add_legend,
    draw_points,
    language_width,
    panels,
)
from fairseq_xling.evaluation.result_files import BENCHMARKS, read_models
from fairseq_xling.evaluation.transfer_gap import average
from fairseq_xling.tables import Cell, markdown_table


def analyze_gap(
    results: Sequence[str], models: Optional[Sequence[str]] = None
) -> Findings:
    """Compare the models' transfer gaps.

    Raises:
        UserError: no model was scored on the source and on another language.
    """
    found: Dict[str, Dict[str, float]] = {}
    for one in read_models(results, models):
        if one.gap is not None:
            found.setdefault(one.name, {})[one.task] = one.gap
    if not found:
        raise UserError(
            f"{', '.join(results)}: no transfer gap; evaluate the source language "
            "and another one"
        )
    tasks = [
        task for task in BENCHMARKS if any(task in gaps for gaps in found.values())
    ]
    rows: List[List[Cell]] = []
    for name, gaps in found.items():
        mean = average(gaps) if len(gaps) == len(tasks) else None
        rows.append([name, *map(gaps.get, tasks), mean])
    header = ["model", *(BENCHMARKS[task] for task in tasks), "Avg."]
    legend = (
        "\nTransfer gap in points, lower is better: the source language's score minus "
        "the mean of the others' (accuracy, F1, for questions exact match).\n"
    )
    return Findings(
        {"models": found},
        markdown_table(header, rows) + legend,
        {"gap": draw_gaps(found, tasks)},
    )


def draw_gaps(found: Dict[str, Dict[str, float]], tasks: List[str]) -> Figure:
    """Gaps by task, side by side."""
    names = [BENCHMARKS[task] for task in tasks]
    figure, (axes,) = panels([""], language_width(names, len(found)))
    series = {
        name: {BENCHMARKS[task]: gap for task, gap in gaps.items()}
        for name, gaps in found.items()
    }
    draw_points(axes, names, series)
    axes.axhline(0, color="grey", linewidth=0.8)
    axes.set_xlabel("task")
    axes.set_ylabel("transfer gap (points)")
    add_legend(figure)
    return figure
