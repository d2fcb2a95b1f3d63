"""Pictures of what is found in files of translations."""

from typing import Any, Dict, List, Optional, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fairseq_xling.evaluation.figures import (
    COLOURS,
    add_legend,
    draw_points,
    drawable,
    language_width,
    name_languages,
    panels,
    style,
)
from fairseq_xling.families.translating import EMPTY, ROWS, UNCHANGED

Entry = Dict[str, Any]
# What is drawn in percent: by its name, the count and the whole.
SHARES = {
    "empty": lambda entry: (entry["counts"][EMPTY], entry["counts"][ROWS]),
    "unchanged": lambda entry: (entry["counts"][UNCHANGED], entry["counts"][ROWS]),
    "outlying lengths": lambda entry: (entry["outlying"], entry["texts"]),
    "repeated": lambda entry: (entry["sharing_a_translation"], entry["texts"]),
    "words kept": lambda entry: (entry["source_words_kept"], entry["source_words"]),
}


def draw_quality(entries: Sequence[Entry]) -> Figure:
    """Lengths, chrF and shares by language, of one kind of files."""
    langs = [entry["lang"] for entry in entries]
    chrf = [entry["chrf"] for entry in entries]
    titles = ["length ratios", "what may be wrong"]
    if any(chrf):
        titles.insert(1, "round-trip chrF")
    figure, axes = panels(titles, language_width(langs, len(SHARES)))
    characters = [entry["length_ratio"]["characters"] for entry in entries]
    draw_boxes(axes[0], langs, characters, "translation / source (characters)")
    axes[0].axhline(1, color="grey", linewidth=0.8, linestyle=":")
    if any(chrf):
        draw_boxes(axes[1], langs, chrf, "chrF of the back-translation")
    shares = {
        name: {entry["lang"]: percent(*count(entry)) for entry in entries}
        for name, count in SHARES.items()
    }
    draw_points(axes[-1], langs, shares)
    axes[-1].set_ylabel("percent")
    axes[-1].set_ylim(bottom=-1)
    add_legend(figure)
    return figure


def percent(count: int, whole: int) -> float:
    """0 of nothing."""
    return 100 * count / max(whole, 1)


def draw_boxes(
    axes: Axes,
    langs: Sequence[str],
    summaries: Sequence[Optional[Dict[str, float]]],
    label: str,
) -> None:
    """Boxes from quartile to quartile, with lines to the percentiles 5 and 95."""
    boxes, places = [], []
    for place, one in enumerate(summaries):
        if one is not None:
            low, first, median, third, high = one.values()
            box = {"q1": first, "med": median, "q3": third}
            boxes.append({**box, "whislo": low, "whishi": high})
            places.append(place)
    axes.bxp(
        boxes, positions=places, widths=0.5, showfliers=False,
        medianprops={"color": COLOURS[1], "linewidth": 1.6},
    )  # fmt: skip
    name_languages(axes, langs)
    axes.set_xlabel("language (quartiles, percentiles 5 and 95)")
    axes.set_ylabel(label)
    axes.grid(axis="y", alpha=0.3)


def draw_mixing(entries: Sequence[Entry]) -> Figure:
    """The mixup ratio against chrF in bins, a panel for each layer that mixes."""
    mixed = [entry for entry in entries if "mixing" in entry]
    layers: List[int] = [one["layer"] for one in mixed[0]["mixing"]]
    titles = [f"layer {layer}" for layer in layers]
    figure, axes = panels(titles)
    for each, layer in zip(axes, range(len(layers))):
        for number, entry in enumerate(mixed):
            bins = entry["mixing"][layer]["bins"]
            each.errorbar(
                [one["chrf"] for one in bins],
                [one["ratio"] for one in bins],
                [1.96 * one["standard_error"] for one in bins],
                label=drawable(entry["lang"]), markersize=5, capsize=3, **style(number),
            )  # fmt: skip
        each.set_xlabel("round-trip chrF (bins of equal numbers of rows)")
        each.set_ylabel("mixup ratio λ (mean, 95 % interval)")
        each.ticklabel_format(axis="y", useOffset=False)
        each.grid(axis="y", alpha=0.3)
    add_legend(figure)
    return figure
