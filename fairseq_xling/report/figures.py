"""The figures of the page, as PNG files."""

import io
from typing import Any, Dict, List, Sequence

import numpy as np
from matplotlib.figure import Figure

from fairseq_xling.evaluation.figures import (
    PANEL_HEIGHT,
    Bounds,
    add_legend,
    draw_points,
    drawable,
    language_width,
    panels,
    spread,
    stripe_languages,
    style,
    text_width,
)
from fairseq_xling.report.evaluations import AVERAGE, Evaluation
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


def draw_by_language(
    columns: Sequence[str],
    series: Dict[str, Dict[str, float]],
    bounds: Dict[str, Dict[str, Bounds]],
    title: str,
    label: str,
    first: int,
) -> List[bytes]:
    """Series by language, in as many figures as are needed to be legible."""
    most = max(2, int((WIDEST - 1.2) / (language_width([""] * 50, len(series)) / 50)))
    count = -(-len(columns) // most)
    size = -(-len(columns) // count)
    height = PANEL_HEIGHT + min(1.5, max(text_width(drawable(x)) for x in columns) / 2)
    looks = {x: dict(style(first + i), markersize=5) for i, x in enumerate(series)}
    drawn = []
    for start in range(0, len(columns), size):
        part = columns[start : start + size]
        width = max(7.0, language_width(part, len(series)))
        number = f" ({start // size + 1} of {count})" if count > 1 else ""
        figure, (axes,) = panels([title + number], width=width, height=height)
        if first:
            axes.axhline(0, color="grey", linewidth=1)
        stripe_languages(axes, len(part))
        draw_points(axes, part, series, bounds, looks)
        if part[-1] == AVERAGE:
            axes.axvline(len(part) - 1.5, color="grey", linewidth=0.8)
        axes.set_ylabel(label)
        drawn.append((figure, axes))
    limits = [axes.get_ylim() for _, axes in drawn]
    for figure, axes in drawn:
        # The same, so that the figures can be compared.
        axes.set_ylim(min(low for low, _ in limits), max(high for _, high in limits))
        add_legend(figure)
    return [as_png(figure) for figure, _ in drawn]


def draw_score_intervals(one: Evaluation) -> List[bytes]:
    """Scores by language, with their intervals."""
    series = {x.name: {**x.scores, AVERAGE: x.average} for x in one.models}
    bounds = {x.name: x.intervals for x in one.models}
    label = drawable(f"{one.results['metric']} (%)")
    return draw_by_language(one.columns, series, bounds, one.title, label, 0)


def draw_differences(one: Evaluation) -> List[bytes]:
    """Differences to the baseline by language, with their intervals."""
    series: Dict[str, Dict[str, float]] = {}
    bounds: Dict[str, Dict[str, Bounds]] = {}
    for name, by_lang in one.differences.items():
        series[name] = {lang: d.value for lang, d in by_lang.items()}
        bounds[name] = {lang: (d.low, d.high) for lang, d in by_lang.items()}
    title = f"Differences to {one.baseline}"
    # A model looks as it does in the figure of its scores.
    return draw_by_language(
        one.columns, series, bounds, title, "difference (points)", 1
    )


def draw_curves(runs: Sequence[Training]) -> bytes:
    """Losses and scores by update, a line a run."""
    unit = {UNITS.get(run.criterion, "") for run in runs}
    loss = f"loss ({unit.pop()})" if len(unit) == 1 and "" not in unit else "loss"
    wanted = [("loss in training", "train_inner", "loss", loss)]
    for subset in dict.fromkeys(x for run in runs for x in run.log.subsets):
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


def validated_metric(run: Training) -> str:
    """The score that a run's validation tells the most by, over all languages."""
    records = [x for kind in run.log.subsets for x in run.log.of(kind)]
    for name in ("score", "f1", "accuracy"):
        if any(name in record.values for record in records):
            return name
    return run.best_metric


def curve(run: Training, kind: str, name: str):
    """Updates, and a value at each, of one kind of records; of few ``train``."""
    records = run.log.of(kind)
    if kind == "train_inner" and not records:
        # Logged less often than the run was long.
        records = run.log.of("train")
    held = [one for one in records if name in one.values]
    return [one.update for one in held], [one.values[name] for one in held]


def draw_epochs(epochs: Sequence[Dict[str, Any]], metric: str) -> bytes:
    """MultiMix's scores by epoch: each model, and their mean and spread."""
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
