"""What the confidence penalty changes: the figures of MultiMix's appendix B."""

from typing import Callable, List, NamedTuple, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from sklearn.manifold import TSNE

from fairseq_xling.evaluation.figures import COLOURS, MARKERS, style
from fairseq_xling.files.atomic import PathLike, atomic_file

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

    def panel(axes: Axes, one: Judged) -> None:
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

    save(draw_panels(models, panel), path)


def loss_by_length(
    models: Sequence[Judged], most_wrong: int, unit: str, path: PathLike
) -> None:
    """Loss against length, accurate samples set apart (Figure 5)."""

    def panel(axes: Axes, one: Judged) -> None:
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

    save(draw_panels(models, panel), path)


def length_histogram(models: Sequence[Judged], unit: str, path: PathLike) -> None:
    """Lengths of all samples and of the selected ones (Figure 6)."""
    longest = max(int(one.length.max(initial=1)) for one in models)
    # As many lengths in one bar as in another.
    step = -(-longest // BINS)
    bins = np.arange(0.5, longest + step + 0.5, step)

    def panel(axes: Axes, one: Judged) -> None:
        chosen = one.length[one.selected]
        axes.hist(
            one.length, bins, histtype="step", color=COLOURS[-1],
            label=f"all ({len(one.length)})",
        )  # fmt: skip
        axes.hist(chosen, bins, color=COLOURS[0], label=f"selected ({len(chosen)})")
        axes.set_xlabel(f"length ({unit})")
        axes.set_ylabel("samples")
        axes.legend(frameon=False)

    save(draw_panels(models, panel), path)


def class_map(
    models: Sequence[Judged], labels: Sequence[str], seed: int, path: PathLike
) -> None:
    """The classes' logits in two dimensions, by t-SNE (Figure 3)."""

    def panel(axes: Axes, one: Judged) -> None:
        points = place(one.logits, seed)
        for number, label in enumerate(labels):
            here = one.gold == number
            axes.scatter(
                points[here, 0], points[here, 1], s=12, linewidths=0, alpha=0.7,
                label=label, **style(number),
            )  # fmt: skip
        axes.set_xticks([])
        axes.set_yticks([])

    figure = draw_panels(models, panel)
    handles, names = figure.axes[0].get_legend_handles_labels()
    figure.legend(
        handles, names, loc="outside lower center", ncols=min(len(labels), 8),
        frameon=False,
    )  # fmt: skip
    save(figure, path)


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
    models: Sequence[Judged], panel: Callable[[Axes, Judged], None]
) -> Figure:
    """A panel a model, side by side, with the same axes."""
    figure = Figure(figsize=(5 * len(models), 3.8), dpi=150, layout="constrained")
    figure.subplots(1, len(models), sharex=True, sharey=True)
    for axes, one in zip(figure.axes, models):
        panel(axes, one)
        # A dollar would begin a formula.
        axes.set_title(one.name.replace("$", r"\$"))
        axes.tick_params(labelleft=True)
    if figure.axes[0].get_legend() is not None:  # Above what is drawn.
        low, high = figure.axes[0].get_ylim()
        figure.axes[0].set_ylim(low, high + 0.25 * (high - low))
    return figure


def save(figure: Figure, path: PathLike) -> None:
    """Write the PNG."""
    with atomic_file(path, "wb") as file:
        FigureCanvasAgg(figure).print_png(file)
