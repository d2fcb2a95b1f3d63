"""What the confidence penalty changes: the figures of MultiMix's appendix B."""

from typing import Callable, List, NamedTuple, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.manifold import TSNE

from fairseq_xling.evaluation.figures import (
    COLOURS,
    MARKERS,
    add_legend,
    drawable,
    panels,
    save_figure,
    style,
)
from fairseq_xling.files.atomic import PathLike

# A sentence with at most this many wrong tags is called accurate.
MOST_WRONG = 2
BINS = 30
# Points that t-SNE places in reasonable time.
MOST_POINTS = 2000


class Judged(NamedTuple):
    """One model's predictions for labelled samples.

    Attributes:
        name: of the model.
        loss: mean loss of each sample against its predicted labels in nats,
            ``(samples,)``.
        wrong: number of wrong labels of each, ``(samples,)``.
        length: number of words of each (of pairs, tokens), ``(samples,)``.
        selected: which the distillation selects, bool ``(samples,)``.
        logits: up to a constant a row, ``(points, classes)``.
        gold: the points' classes, ``(points,)``.
    """

    name: str
    loss: np.ndarray
    wrong: np.ndarray
    length: np.ndarray
    selected: np.ndarray
    logits: np.ndarray
    gold: np.ndarray


def loss_histogram(models: Sequence[Judged], most_wrong: int, path: PathLike) -> None:
    """How losses are distributed, accurate samples set apart (Figure 4)."""
    losses = np.concatenate([one.loss for one in models])
    bins = np.histogram_bin_edges(losses, BINS)

    def draw(axes: Axes, one: Judged) -> None:
        good = one.wrong <= most_wrong
        axes.hist(
            [one.loss[good], one.loss[~good]],
            bins=bins,
            stacked=True,
            color=COLOURS[:2],
            label=[f"{names_of(most_wrong)[0]} ({good.sum()})",
                   f"{names_of(most_wrong)[1]} ({(~good).sum()})"],
        )  # fmt: skip
        axes.set_xlabel("mean loss against the predicted labels (nats)")
        axes.set_ylabel("samples")
        axes.legend(frameon=False)

    save_figure(draw_panels(models, draw), path)


def loss_by_length(
    models: Sequence[Judged], most_wrong: int, unit: str, path: PathLike
) -> None:
    """Loss against length, accurate samples set apart (Figure 5)."""

    def draw(axes: Axes, one: Judged) -> None:
        good = one.wrong <= most_wrong
        for chosen, colour, marker, name in zip(
            (good, ~good), COLOURS, MARKERS, names_of(most_wrong)
        ):
            axes.scatter(
                one.length[chosen], one.loss[chosen], s=9, color=colour, marker=marker,
                alpha=0.6, linewidths=0, label=name,
            )  # fmt: skip
        axes.set_xlabel(f"length ({unit})")
        axes.set_ylabel("mean loss (nats)")
        axes.legend(frameon=False)

    save_figure(draw_panels(models, draw), path)


def length_histogram(models: Sequence[Judged], unit: str, path: PathLike) -> None:
    """Lengths of all samples and of the selected ones (Figure 6)."""
    longest = max(int(one.length.max(initial=1)) for one in models)
    # As many lengths in one bar as in another.
    step = -(-longest // BINS)
    bins = np.arange(0.5, longest + step + 0.5, step)

    def draw(axes: Axes, one: Judged) -> None:
        chosen = one.length[one.selected]
        axes.hist(
            one.length, bins, histtype="step", color=COLOURS[-1],
            label=f"all ({len(one.length)})",
        )  # fmt: skip
        axes.hist(chosen, bins, color=COLOURS[0], label=f"selected ({len(chosen)})")
        axes.set_xlabel(f"length ({unit})")
        axes.set_ylabel("samples")
        axes.legend(frameon=False)

    save_figure(draw_panels(models, draw), path)


def class_map(
    models: Sequence[Judged], labels: Sequence[str], seed: int, path: PathLike
) -> None:
    """The classes' logits in two dimensions, by t-SNE (Figure 3)."""

    def draw(axes: Axes, one: Judged) -> None:
        points = place(one.logits, seed)
        for number, label in enumerate(labels):
            here = one.gold == number
            axes.scatter(
                points[here, 0], points[here, 1], s=12, linewidths=0, alpha=0.7,
                label=drawable(label), **style(number),
            )  # fmt: skip
        axes.set_xticks([])
        axes.set_yticks([])

    figure = draw_panels(models, draw)
    add_legend(figure)
    save_figure(figure, path)


def place(logits: np.ndarray, seed: int) -> np.ndarray:
    """Points ``(points, 2)`` by t-SNE; at the origin where there are too few."""
    if len(logits) < 3:
        return np.zeros((len(logits), 2))
    perplexity = min(30.0, (len(logits) - 1) / 3)
    return TSNE(perplexity=perplexity, random_state=seed, init="pca").fit_transform(
        logits
    )


def names_of(most_wrong: int) -> List[str]:
    """What samples with few and with more wrong labels are called."""
    if most_wrong == 0:
        return ["right", "wrong"]
    return [f"accurate: at most {most_wrong} wrong", "noisy: more"]


def draw_panels(
    models: Sequence[Judged], draw: Callable[[Axes, Judged], None]
) -> Figure:
    """A panel a model, with the same axes."""
    names = [one.name for one in models]
    figure, panel = panels(names, 5, sharex=True, sharey=True)
    for axes, one in zip(panel, models):
        draw(axes, one)
    if panel[0].get_legend() is not None:  # Above what is drawn.
        low, high = panel[0].get_ylim()
        panel[0].set_ylim(low, high + 0.25 * (high - low))
    return figure
