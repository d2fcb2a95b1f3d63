"""The figures of the page, as PNG files."""

import io
from typing import TYPE_CHECKING, Any, Dict, List, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fairseq_xling.analysis.figures import (
    PANEL_HEIGHT,
    add_legend,
    drawable,
    language_width,
    name_languages,
    panels,
    spread,
    style,
    text_width,
)

if TYPE_CHECKING:
    from fairseq_xling.report.evaluations import Evaluation
    from fairseq_xling.report.trainings import Training

# More points of a curve than this are drawn without markers.
MOST_MARKERS = 25
# Inches that a figure may be wide.
WIDEST = 11.0
# What a loss is measured in, by criterion.
UNITS = {
    "xmixup": "nats an instance",
    "confidence_penalty": "nats an instance",
    "masked_lm": "bits a masked token",
    "xmixup_tlm": "bits a masked token",
}


def as_png(figure: Figure) -> bytes:
    """The file; the same of the same figure."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def stripes(axes: Axes, count: int) -> None:
    """Shade every second language."""
    for i in range(1, count, 2):
        axes.axvspan(i - 0.5, i + 0.5, color="#f2f2f2", linewidth=0, zorder=0)


def draw_bars(
    axes: Axes, columns: Sequence[str], series: Dict[str, Any], first: int
) -> None:
    """Points with intervals, side by side in each language.

    Args:
        axes: where.
        columns: languages, and ``"average"``.
        series: by name, the value, low and high of each language that has them; low
            and high are None without an interval.
        first: the number of the first series' style.
    """
    stripes(axes, len(columns))
    for i, (shift, (name, found)) in enumerate(
        zip(spread(len(series)), series.items())
    ):
        held = [(x, *found[lang]) for x, lang in enumerate(columns) if lang in found]
        if not held:
            continue
        places = [x + shift for x, *_ in held]
        values = [value for _, value, _, _ in held]
        look = style(first + i)
        bounded = [(x, *one[1:]) for x, one in zip(places, held) if one[2] is not None]
        axes.plot(
            places, values, linestyle="none", markersize=5, label=drawable(name), **look
        )
        if bounded:
            x, _, low, high = zip(*bounded)
            axes.vlines(x, low, high, color=look["color"], linewidth=1.4)
    name_languages(axes, ["Avg." if x == "average" else x for x in columns])
    if columns[-1] == "average":
        axes.axvline(len(columns) - 1.5, color="grey", linewidth=0.8)
    axes.set_xlabel("language")
    axes.grid(axis="y", alpha=0.3)


def draw_by_language(
    columns: Sequence[str], series: Dict[str, Any], title: str, label: str, first: int
) -> List[bytes]:
    """Series by language, in as many figures as are needed to be legible.

    Args:
        columns, series, first: as :func:`draw_bars` takes them.
        title: of each figure.
        label: of the y axis.

    Returns:
        the figures, with the same range of values.
    """
    most = max(2, int((WIDEST - 1.2) / (language_width([""] * 50, len(series)) / 50)))
    count = -(-len(columns) // most)
    size = -(-len(columns) // count)
    height = PANEL_HEIGHT + min(1.5, max(text_width(drawable(x)) for x in columns) / 2)
    drawn = []
    for start in range(0, len(columns), size):
        part = columns[start : start + size]
        width = max(7.0, language_width(part, len(series)))
        number = f" ({start // size + 1} of {count})" if count > 1 else ""
        figure, (axes,) = panels([title + number], width=width, height=height)
        if first:
            axes.axhline(0, color="grey", linewidth=1)
        draw_bars(axes, part, series, first)
        axes.set_ylabel(label)
        drawn.append((figure, axes))
    bounds = [axes.get_ylim() for _, axes in drawn]
    for figure, axes in drawn:
        # The same, so that the figures can be compared.
        axes.set_ylim(min(low for low, _ in bounds), max(high for _, high in bounds))
        add_legend(figure)
    return [as_png(figure) for figure, _ in drawn]


def draw_scores(one: "Evaluation", columns: Sequence[str]) -> List[bytes]:
    """Scores by language, with their intervals."""
    series = {}
    for model in one.models:
        bounds = one.intervals[model.name]
        values = {**model.scores, "average": model.average}
        none = (None, None)
        series[model.name] = {x: (v, *bounds.get(x, none)) for x, v in values.items()}
    label = f"{one.results['metric']} (%)"
    return draw_by_language(columns, series, one.title, drawable(label), 0)


def draw_differences(one: "Evaluation", columns: Sequence[str]) -> List[bytes]:
    """Differences to the baseline by language, with their intervals."""
    series = {
        name: {lang: (d.value, d.low, d.high) for lang, d in by_lang.items()}
        for name, by_lang in one.differences.items()
    }
    title = f"Differences to {one.results.get('baseline')}"
    # A model looks as it does in the figure of its scores.
    return draw_by_language(columns, series, title, "difference (points)", 1)


def draw_curves(runs: Sequence["Training"]) -> bytes:
    """Losses and scores by update, a line a run.

    Args:
        runs: those with a log.
    """
    unit = {UNITS.get(run.criterion, "") for run in runs}
    loss = f"loss ({unit.pop()})" if len(unit) == 1 and "" not in unit else "loss"
    wanted = [("loss in training", "train_inner", "loss", loss)]
    for subset in dict.fromkeys(x for run in runs for x in run.log.subsets):  # type: ignore[union-attr]
        wanted.append((f"loss on {subset}", subset, "loss", loss))
        for metric in dict.fromkeys(validated_metric(run) for run in runs):
            title = f"{metric} on {subset}"
            wanted.append((title, subset, metric, f"{metric} (%)"))
    wanted = [one for one in wanted if any(curve(run, *one[1:3])[0] for run in runs)]
    figure, each = panels([one[0] for one in wanted])
    for axes, (_, kind, value, label) in zip(each, wanted):
        for number, run in enumerate(runs):
            updates, values = curve(run, kind, value)
            look = style(number)
            if len(updates) > MOST_MARKERS:
                look["marker"] = ""
            axes.plot(
                updates, values, label=drawable(run.name), markersize=4,
                linewidth=1.3, **look,
            )  # fmt: skip
        axes.set_xlabel("updates")
        axes.set_ylabel(drawable(label))
        axes.set_xlim(left=0)
        axes.grid(alpha=0.3)
    add_legend(figure)
    return as_png(figure)


def validated_metric(run: "Training") -> str:
    """The score that a run's validation tells the most by, over all languages."""
    records = [x for kind in run.log.subsets for x in run.log.of(kind)]  # type: ignore[union-attr]
    for name in ("score", "f1", "accuracy"):
        if any(name in record.values for record in records):
            return name
    return run.best_metric


def curve(run: "Training", kind: str, name: str):
    """Updates, and a value at each, of one kind of records; of few ``train``."""
    assert run.log is not None
    records = run.log.of(kind)
    if kind == "train_inner" and not records:
        # Logged less often than the run was long.
        records = run.log.of("train")
    held = [one for one in records if name in one.values]
    return [one.update for one in held], [one.values[name] for one in held]


def draw_epochs(epochs: Sequence[Dict[str, Any]], metric: str) -> bytes:
    """MultiMix's scores by epoch: each model, and their mean and spread.

    Args:
        epochs: what ``report.json`` holds.
        metric: what a score is.
    """
    splits = list(dict.fromkeys(split for one in epochs for split in one["scores"]))
    splits.sort(
        key=["valid", "test"].index if set(splits) <= {"valid", "test"} else str
    )
    figure, each = panels(splits, sharey=True)
    places = [one["epoch"] for one in epochs]
    labels = [f"epoch {x}" if x else "warm-up" for x in places]
    for axes, split in zip(each, splits):
        langs: List[str] = []
        for one in epochs:
            langs += [x for x in one["scores"].get(split, {}) if x not in langs]
        for number, (lang, shift) in enumerate(zip(langs, spread(len(langs)))):
            held = [
                (x + shift, one["scores"][split][lang])
                for x, one in zip(places, epochs)
                if one["scores"].get(split, {}).get(lang)
            ]
            look = style(number)
            means = [np.mean(values) for _, values in held]
            spreads = [np.std(values) for _, values in held]
            axes.errorbar(
                [x for x, _ in held], means, yerr=spreads, capsize=3, markersize=6,
                linewidth=1.3, label=drawable(lang), **look,
            )  # fmt: skip
            for x, values in held:
                axes.scatter(
                    [x + 0.06] * len(values),
                    values,
                    s=9,
                    color=look["color"],
                    alpha=0.6,
                )
        axes.set_xticks(places, labels)
        axes.set_ylabel(f"{metric} (%)")
        axes.grid(axis="y", alpha=0.3)
    add_legend(figure)
    return as_png(figure)
