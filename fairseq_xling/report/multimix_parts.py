"""The page's parts about runs of MultiMix: scores by epoch, and the pools."""

from pathlib import Path
from typing import Any, Dict, List, Sequence

from fairseq_xling.errors import UserError
from fairseq_xling.report.evaluations import Evaluation
from fairseq_xling.report.figures import draw_epochs
from fairseq_xling.report.find_runs import read_json, short_names
from fairseq_xling.report.markdown_text import read_markdown
from fairseq_xling.report.page import Part, Section


def multimix_section(
    reports: Sequence[Path], inside: Dict[Path, List[Evaluation]]
) -> Section:
    """A part a run."""
    names = short_names([path.parent for path in reports])
    parts = []
    for path in reports:
        metrics = {one.results["metric"] for one in inside[path]}
        metric = metrics.pop() if len(metrics) == 1 else "score"
        try:
            figure = draw_epochs(checked_epochs(read_json(path)), metric)
        except (ValueError, KeyError, TypeError, AttributeError):
            raise UserError(
                f"{path}: not the report of xling-multimix; run it again"
            ) from None
        text = read_markdown(path.with_suffix(".md"))
        run = {"figure": figure, "text": text, "evaluations": len(inside[path])}
        parts.append(Part(names[path.parent], run))
    return Section("multimix", "MultiMix, epoch by epoch", parts)


def checked_epochs(epochs: Any) -> List[Dict[str, Any]]:
    """Epochs whose scores are numbers."""
    kept = [one for one in epochs if any(one["scores"].values())]
    for one in kept:
        for by_lang in one["scores"].values():
            for lang, values in by_lang.items():
                by_lang[lang] = [float(value) for value in values]
    if not kept:
        raise ValueError("no scores")
    return kept
