"""The page's parts about runs of MultiMix: scores by epoch, and the pools."""

from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Sequence

from fairseq_xling.errors import UserError
from fairseq_xling.report.evaluations import Evaluation
from fairseq_xling.report.figures import draw_epochs
from fairseq_xling.report.find_runs import read_json, short_names
from fairseq_xling.report.markdown_text import Block, read_markdown
from fairseq_xling.report.page import Part, Section


class MultiMixRun(NamedTuple):
    """A run of MultiMix.

    Attributes:
        figure: scores by epoch, a PNG.
        text: its tables.
        evaluations: how many are in its folder.
    """

    figure: bytes
    text: List[Block]
    evaluations: int


def multimix_section(
    reports: Sequence[Path], inside: Dict[Path, List[Evaluation]]
) -> Section:
    """A part a run.

    Args:
        reports: ``report.json`` files.
        inside: the evaluations in the folder of each.

    Raises:
        UserError: a file is damaged.
    """
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
        run = MultiMixRun(figure, text, len(inside[path]))
        parts.append(Part(names[path.parent], run))
    return Section("multimix", "MultiMix, epoch by epoch", parts)


def checked_epochs(epochs: Any) -> List[Dict[str, Any]]:
    """Epochs whose scores are numbers.

    Raises:
        ValueError, KeyError, TypeError or AttributeError: they are not.
    """
    kept = [one for one in epochs if any(one["scores"].values())]
    for one in kept:
        for by_lang in one["scores"].values():
            for lang, values in by_lang.items():
                by_lang[lang] = [float(value) for value in values]
    if not kept:
        raise ValueError("no scores")
    return kept
