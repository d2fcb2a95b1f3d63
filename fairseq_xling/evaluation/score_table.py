"""The table of an evaluation, and what it says of the models' differences."""

from typing import Any, Dict, List

from fairseq_xling.families import FAMILIES
from fairseq_xling.tables import markdown_table, text_table


def score_table(results: Dict[str, Any], markdown: bool = False) -> str:
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
