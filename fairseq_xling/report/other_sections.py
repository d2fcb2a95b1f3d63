"""The page's sections about MultiMix and about analyses."""

from pathlib import Path
from typing import Any, Dict, List, Sequence

from fairseq_xling.errors import UserError
from fairseq_xling.report.evaluations import Evaluation
from fairseq_xling.report.figures import draw_epochs
from fairseq_xling.report.find_runs import read_json, short_names
from fairseq_xling.report.markup import (
    Markup,
    from_markdown,
    image,
    join,
    paragraph,
)
from fairseq_xling.report.page import Part, Section

PNG = b"\x89PNG\r\n\x1a\n"
# What a reader may want to know before the numbers, by kind of analysis.
TITLES = {
    "cka": "CKA with the source language, by language and layer",
    "pca": "Sentences on their principal components",
    "centroids": "Centroids of the languages",
    "ratio": "Mixup ratio and attention entropy",
    "layers": "Scores by the layer that mixes",
    "gap": "Transfer gaps",
    "unseen": "Languages seen in training, and others",
}


def multimix_section(
    reports: Sequence[Path], inside: Dict[Path, List[Evaluation]]
) -> Section:
    """Scores by epoch, and what became of the pools.

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
            curves = draw_epochs(checked_epochs(read_json(path)), metric)
        except (ValueError, KeyError, TypeError, AttributeError):
            raise UserError(
                f"{path}: not the report of xling-multimix; run it again"
            ) from None
        name = names[path.parent]
        content: List[Any] = [
            image(
                curves,
                f"Scores by epoch of {name}: mean of the three models",
                "Lines: mean of the three models; bars: their standard deviation; "
                "dots: each model.",
            ),
            from_markdown(read_text(path.with_suffix(".md"))),
            paragraph(MULTIMIX_LEGEND, "legend"),
        ]
        if inside[path]:
            content.append(
                paragraph(
                    f"The evaluations in its folder ({len(inside[path])}) are "
                    "summed up here, and left out above."
                )
            )
        parts.append(Part(name, join(content)))
    return Section("MultiMix, epoch by epoch", parts)


MULTIMIX_LEGEND = (
    "First: score in percent, mean ± standard deviation over the three models. Then: "
    "every training, and whether the new or the old model was kept after it. Then: "
    "what each model was trained on. Samples: of the pool; selected: those that each "
    "of its two peers trusts; by both: that both trust; agreed: to which they also "
    "give the same label. Last, how many labels are right, in percent, where that is "
    "known."
)


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


def analyses_section(paths: Sequence[Path]) -> Section:
    """The tables and figures of ``xling-analyze``."""
    names = short_names([path.parent for path in paths])
    folders = {path.parent for path in paths}
    order = [*TITLES, *sorted({path.stem for path in paths} - TITLES.keys())]
    parts = []
    for path in sorted(paths, key=lambda one: order.index(one.stem)):
        title = TITLES.get(path.stem, path.stem)
        if len(folders) > 1:
            title = f"{title} ({names[path.parent]})"
        parts.append(Part(title, show_analysis(path)))
    return Section("Inside the models", parts)


def show_analysis(path: Path) -> Markup:
    """The Markdown tables and PNG files beside an analysis' numbers."""
    content: List[Any] = [from_markdown(read_text(path.with_suffix(".md")))]
    figures = sorted(path.parent.glob(f"{glob_escape(path.stem)}*.png"))
    for file in figures:
        # The figures of "cka" are cka.png and cka-layers.png.
        if file.stem != path.stem and not file.stem.startswith(f"{path.stem}-"):
            continue
        data = b"" if file.is_symlink() or not file.is_file() else file.read_bytes()
        if data.startswith(PNG) and len(data) > 24:
            title = TITLES.get(path.stem, path.stem)
            content.append(image(data, f"{title}: figure {file.stem}"))
    return join(content)


def glob_escape(text: str) -> str:
    """A name as itself in a pattern."""
    return "".join(f"[{c}]" if c in "*?[" else c for c in text)


def read_text(path: Path) -> str:
    """A text, as far as it is one."""
    return path.read_text(encoding="utf-8", errors="replace")
