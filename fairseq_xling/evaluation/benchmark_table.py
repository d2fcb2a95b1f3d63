"""X-Mixup's Table 3 and Table 8 from finished evaluations."""

from typing import Any, Dict, List, Sequence

from fairseq_xling.evaluation.result_files import BENCHMARKS
from fairseq_xling.evaluation.transfer_gap import average, table_average
from fairseq_xling.tables import Cell, markdown_table, text_table


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
