"""What an analysis finds: numbers, a table and figures, written together."""

import json
import math
from pathlib import Path
from typing import Any, Dict, Iterable, NamedTuple, Sequence

from matplotlib.figure import Figure

from fairseq_xling.evaluation.figures import save_figure
from fairseq_xling.files.atomic import PathLike, atomic_file
from fairseq_xling.files.destination import check_output


class Findings(NamedTuple):
    """The outcome of an analysis.

    Attributes:
        numbers: what JSON can hold beside the kind; numbers that are none become null.
        markdown: its tables.
        figures: by the name of their file, without ending.
        details: further tables, which are written and not printed.
    """

    numbers: Dict[str, Any]
    markdown: str
    figures: Dict[str, Figure]
    details: str = ""


def write_findings(
    findings: Findings, kind: str, folder: PathLike, reads: Iterable[PathLike] = ()
) -> None:
    """Write ``{kind}.json``, ``{kind}.md`` and a PNG for each figure.

    Raises:
        UserError: one of ``reads``, the files that were analysed, has such a name.
    """
    folder = Path(folder)
    for name in ("json", "md"):
        check_output(folder / f"{kind}.{name}", reads)
    numbers = json.dumps(
        without_nan({"analysis": kind, **findings.numbers}),
        indent=2,
        ensure_ascii=False,
        allow_nan=False,
    )
    tables = findings.markdown + findings.details
    for name, text in (("json", numbers + "\n"), ("md", tables)):
        with atomic_file(folder / f"{kind}.{name}") as file:
            file.write(text)
    for name, figure in findings.figures.items():
        save_figure(figure, folder / f"{name}.png")


def mean(values: Sequence[float]) -> float:
    """NaN of none."""
    return sum(values) / len(values) if values else math.nan


def without_nan(value: Any) -> Any:
    """The same with None for what is not a finite number."""
    if isinstance(value, dict):
        return {str(key): without_nan(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [without_nan(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
