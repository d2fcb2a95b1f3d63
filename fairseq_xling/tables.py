"""Tables as aligned text and as Markdown."""

import math
import statistics
from typing import List, Optional, Sequence

Cell = Optional[object]


def format_cell(cell: Cell) -> str:
    """Text of a cell: numbers with one decimal, a dash for none."""
    if cell is None:
        return "-"
    # Adding zero turns the -0.0 that small negative numbers round to into 0.0.
    return f"{round(cell, 1) + 0.0:.1f}" if isinstance(cell, float) else str(cell)


def decimals(value: Optional[float], places: int = 2, sign: str = "") -> Optional[str]:
    """A cell with so many decimals; None, a dash in tables, for no number."""
    if value is None or not math.isfinite(value):
        return None
    # Adding zero turns the -0.0 that small negative numbers round to into 0.0.
    return f"{round(value, places) + 0.0:{sign}.{places}f}"


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
