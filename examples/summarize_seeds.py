"""Tabulate the results of several seeds: mean and standard deviation.

    python examples/summarize_seeds.py RESULTS.json [RESULTS.json ...]

Prints Markdown. Of xling-evaluate's results.json, a row is a model and the stream that
is read: the target, the source (of a zero-shot model: translate-test) or, where the
model predicts from it, the mean. Of xling-multimix's report.json, a row is an epoch:
the test scores, each a mean over three models, and what they gained since warm-up.
"""

import json
import statistics
import sys
from pathlib import Path
from typing import Iterable, Sequence, Union

from fairseq_xling.tables import markdown_table, spread


def summarize(paths: Iterable[Union[str, Path]]) -> str:
    """The table of the results in some files."""
    runs = [json.loads(Path(path).read_text(encoding="utf-8")) for path in paths]
    table = multimix_table if isinstance(runs[0], list) else model_table
    return table(runs)


def model_table(runs: Sequence[dict]) -> str:
    """Scores of models by language."""
    languages = runs[0]["languages"]
    columns = [*languages, "average", "gap"]
    rows = []
    for name, model in runs[0]["models"].items():
        for way in model["scores"]:
            if way == "mean" and model["predict"] != way:
                continue
            found = [run["models"][name]["scores"][way] for run in runs]
            cells = [spread([scores[column] for scores in found]) for column in columns]
            rows.append([f"{name} ({way})", *cells])
    return markdown_table(["model (stream)", *languages, "Avg.", "Gap"], rows)


def multimix_table(runs: Sequence[list]) -> str:
    """Scores of MultiMix's epochs by language, and the gains in the last of them."""
    languages = list(runs[0][0]["scores"]["test"])
    header = ["", *languages, f"{languages[-1]}, since warm-up"]
    rows, warm = [], []
    for epoch in range(len(runs[0])):
        means = [
            {lang: statistics.mean(found) for lang, found in scores.items()}
            for scores in (run[epoch]["scores"]["test"] for run in runs)
        ]
        warm = warm or means
        cells = [spread([mean[lang] for mean in means]) for lang in languages]
        gains = [m[languages[-1]] - w[languages[-1]] for m, w in zip(means, warm)]
        cells.append(spread(gains, "+.1f") if epoch else "")
        rows.append([f"epoch {epoch}" if epoch else "warm-up", *cells])
    return markdown_table(header, rows)


if __name__ == "__main__":
    print(summarize(sys.argv[1:]), end="")
