"""xling-table: X-Mixup's Table 3 and Table 8 from finished evaluations.

Reads the results.json files that xling-evaluate wrote, of any tasks and models; models
of the same name in different files are one row.
"""

import argparse
from pathlib import Path
from typing import Any, Dict, List, Sequence

from fairseq_xling.errors import UserError
from fairseq_xling.evaluation.transfer_gap import average, table_average
from fairseq_xling.files.json_text import parse_json
from fairseq_xling.tables import Cell, markdown_table, text_table

TASKS = {
    "xnli": "XNLI",
    "pawsx": "PAWS-X",
    "udpos": "POS",
    "panx": "NER",
    "xquad": "XQuAD",
    "mlqa": "MLQA",
    "tydiqa": "TyDiQA",
}


def load_results(paths: Sequence[str]) -> List[Dict[str, Any]]:
    """Read results, given as files or as the folders that hold them.

    Raises:
        UserError: a file is missing or is none that ``xling-evaluate`` wrote.
    """
    loaded = []
    for name in paths:
        path = Path(name) / "results.json" if Path(name).is_dir() else Path(name)
        try:
            results = parse_json(path.read_text(encoding="utf-8"))
            check_results(results)
        except OSError as error:
            raise UserError(
                f"{path}: {error.strerror}; give results.json files, or their folders"
            ) from None
        except (ValueError, KeyError, TypeError, AttributeError):
            raise UserError(
                f"{path}: not the results of xling-evaluate; run it again"
            ) from None
        loaded.append(results)
    return loaded


def check_results(results: Any) -> None:
    """Look up all that the tables need.

    Raises:
        ValueError, KeyError, TypeError or AttributeError: it is not there.
    """
    if results["task"] not in TASKS:
        raise ValueError(f"task {results['task']}")
    for model in results["models"].values():
        pair = ("f1", "exact_match") if "exact_match" in model else ()
        for key in ("scores", *pair) if model["scores"] else ():
            float(model[key][model["predict"]]["average"])


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
        for task in TASKS:
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
        is_whole = len(values) == len(TASKS)
        rows.append([name, *cells, table_average(values) if is_whole else None])
        is_whole = len(found) == len(TASKS)
        columns = [found.get(task) for task in TASKS]
        gaps.append([name, *columns, average(found) if is_whole else None])
    table = markdown_table if markdown else text_table
    header = ["model", *TASKS.values(), "Avg."]
    legend = (
        "Accuracy, F1 (POS, NER) or F1/exact match (QA), averaged over languages; "
        "Avg. over the seven tasks counts (F1 + EM) / 2.",
        "Transfer gap: source language minus the mean of the others (QA: exact match).",
    )
    return f"{table(header, rows)}\n{legend[0]}\n\n{table(header, gaps)}\n{legend[1]}\n"


def cli_main() -> None:
    """Entry point of ``xling-table``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", nargs="+", help="results.json files, or folders")
    parser.add_argument("--markdown", action="store_true")
    args = parser.parse_args()
    print(benchmark_tables(load_results(args.results), args.markdown), end="")


if __name__ == "__main__":
    cli_main()
