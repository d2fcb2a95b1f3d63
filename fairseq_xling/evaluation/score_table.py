"""The table of an evaluation, and X-Mixup's Tables 3 and 8 from several."""

from typing import Any, Dict, List, Sequence

from fairseq_xling.evaluation.result_files import BENCHMARKS
from fairseq_xling.evaluation.transfer_gap import average, table_average
from fairseq_xling.families import FAMILIES
from fairseq_xling.tables import Cell, markdown_table, text_table


def score_table(results: Dict[str, Any], markdown: bool = False) -> str:
    """Table of an evaluation, what its columns mean, and the models' differences."""
    languages = results["languages"]
    rows = []
    for name, model in results["models"].items():
        for way, scores in model["scores"].items():
            label = f"{name} ({way})" + (" *" if way == model["predict"] else "")
            columns = [*languages, "average", "gap"]
            titled = {label: scores}
            if "exact_match" in model:
                titled = {
                    f"{label} F1": model["f1"][way],
                    f"{label} EM": model["exact_match"][way],
                }
            for title, line in titled.items():
                rows.append([title, *(line.get(column) for column in columns)])
    if not rows:
        return f"No scores: {results['task']} {results['split']} has no labels.\n"
    header = ["model (stream)", *languages, "Avg.", "Gap"]
    table = (markdown_table if markdown else text_table)(header, rows)
    legend = (
        f"{FAMILIES[results['family']].title} in percent on {results['task']} "
        f"{results['split']}; * predicts; Avg.: mean over languages; Gap: source "
        "language minus the mean of the others."
    )
    bullet = "- " if markdown else ""
    lines = [f"{bullet}{line}\n" for line in difference_lines(results)]
    return f"{table}\n{legend}\n" + ("\n" + "".join(lines) if lines else "")


def difference_lines(results: Dict[str, Any]) -> List[str]:
    """One line a compared model: difference of averages with its interval."""
    lines = []
    for name, by_lang in results.get("differences", {}).items():
        d = by_lang["average"]
        lines.append(
            f"{name} minus {results['baseline']}: {d['value']:+.2f} points on average "
            f"(95 percent interval {d['low']:+.2f} to {d['high']:+.2f}, "
            f"{p_text(d['p_value'])}, paired bootstrap)"
        )
    return lines


def p_text(p_value: float) -> str:
    """Such as ``p = 0.012``."""
    return f"p = {p_value:.3f}" if p_value >= 0.001 else "p < 0.001"


def benchmark_tables(results: Sequence[Dict[str, Any]], markdown: bool = False) -> str:
    """Table 3 (scores by task) and Table 8 (transfer gaps) of some evaluations.

    Args:
        results: what ``results.json`` files hold; the last of a task and model counts.
        markdown: whether to write Markdown instead of aligned text.

    Source: X-Mixup Tables 3 and 8.
    """
    models: Dict[str, Dict[str, Dict[str, Any]]] = {}
    for one in results:
        for name, model in one["models"].items():
            if model["scores"]:
                models.setdefault(name, {})[one["task"]] = model
    rows: List[List[Cell]] = []
    gaps: List[List[Cell]] = []
    for name, by_task in models.items():
        values: Dict[str, Any] = {}
        found: Dict[str, float] = {}
        cells: List[Cell] = []
        for task in BENCHMARKS:
            model = by_task.get(task)
            if model is None:
                cells.append(None)
                continue
            way = model["predict"]
            values[task] = model["scores"][way]["average"]
            cell: Cell = values[task]
            if "exact_match" in model:
                both = [model[key][way]["average"] for key in ("f1", "exact_match")]
                values[task] = tuple(both)
                cell = "/".join(f"{value:.1f}" for value in both)
            cells.append(cell)
            if "gap" in model["scores"][way]:
                found[task] = model["scores"][way]["gap"]
        is_whole = len(values) == len(BENCHMARKS)
        rows.append([name, *cells, table_average(values) if is_whole else None])
        is_whole = len(found) == len(BENCHMARKS)
        columns = [found.get(task) for task in BENCHMARKS]
        gaps.append([name, *columns, average(found) if is_whole else None])
    table = markdown_table if markdown else text_table
    header = ["model", *BENCHMARKS.values(), "Avg."]
    legend = (
        "Accuracy, F1 (POS, NER) or F1/exact match (QA), averaged over languages; "
        "Avg. over the seven tasks counts (F1 + EM) / 2.",
        "Transfer gap: source language minus the mean of the others (QA: exact match).",
    )
    return f"{table(header, rows)}\n{legend[0]}\n\n{table(header, gaps)}\n{legend[1]}\n"
