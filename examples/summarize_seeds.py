"""Tabulate the results of several seeds: mean and standard deviation.

    python examples/summarize_seeds.py RESULTS.json [RESULTS.json ...]

Prints Markdown. A row is a model and the stream that is read: the target, the source
(of a zero-shot model: translate-test) or, where the model predicts from it, the mean.
"""

import json
import statistics
import sys
from pathlib import Path

from fairseq_xling.cli.tables import markdown_table


def main() -> None:
    """Read the results and print the table."""
    runs = [json.loads(Path(path).read_text()) for path in sys.argv[1:]]
    languages = runs[0]["languages"]
    columns = [*languages, "average", "gap"]
    rows = []
    for name, model in runs[0]["models"].items():
        for way in model["scores"]:
            if way == "mean" and model["predict"] != way:
                continue
            cells = []
            for column in columns:
                values = [run["models"][name]["scores"][way][column] for run in runs]
                spread = statistics.stdev(values) if len(values) > 1 else 0.0
                cells.append(f"{statistics.mean(values):.1f} ± {spread:.1f}")
            rows.append([f"{name} ({way})", *cells])
    header = ["model (stream)", *languages, "Avg.", "Gap"]
    print(markdown_table(header, rows), end="")


if __name__ == "__main__":
    main()
