"""Tables as aligned text and as Markdown, and the report of an evaluation."""

import statistics
from typing import Any, Dict, List, Optional, Sequence

Cell = Optional[object]
WHAT = {"classification": "Accuracy", "tagging": "F1", "qa": "F1 and exact match"}


def format_cell(cell: Cell) -> str:
    """Text of a cell: numbers with one decimal, a dash for none."""
    if cell is None:
        return "-"
    # Adding zero turns the -0.0 that small negative numbers round to into 0.0.
    return f"{round(cell, 1) + 0.0:.1f}" if isinstance(cell, float) else str(cell)


def spread(values: Sequence[float], form: str = ".1f") -> str:
    """Mean and standard deviation of a sample, as text; the deviation of one is 0."""
    deviation = statistics.stdev(values) if len(values) > 1 else 0.0
    return f"{statistics.mean(values):{form}} ± {deviation:.1f}"


def text_table(header: Sequence[str], rows: Sequence[Sequence[Cell]]) -> str:
    """Columns padded to equal width, the first to the left, others to the right."""
    lines: List[List[str]] = [list(header)]
    lines += [[format_cell(cell) for cell in row] for row in rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
    out = []
    for line in lines:
        first, rest = line[0].ljust(widths[0]), zip(line[1:], widths[1:])
        out.append("  ".join([first, *(cell.rjust(width) for cell, width in rest)]))
    return "\n".join(line.rstrip() for line in out) + "\n"


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[Cell]]) -> str:
    """A Markdown table; bars in cells are escaped."""
    lines = [list(header), ["---"] + ["---:"] * (len(header) - 1)]
    lines += [[format_cell(cell).replace("|", "\\|") for cell in row] for row in rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def report(results: Dict[str, Any], markdown: bool = False) -> str:
    """Table of an evaluation, what its columns mean, and the models' differences.

    Args:
        results: what ``xling-evaluate`` writes to ``results.json``.
    """
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
        f"{WHAT[results['family']]} in percent on {results['task']} "
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
        p_value = d["p_value"]
        p_text = f"p = {p_value:.3f}" if p_value >= 0.001 else "p < 0.001"
        lines.append(
            f"{name} minus {results['baseline']}: {d['value']:+.2f} points on average "
            f"(95 percent interval {d['low']:+.2f} to {d['high']:+.2f}, {p_text}, "
            "paired bootstrap)"
        )
    return lines
