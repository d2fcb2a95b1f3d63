"""Where languages lie in a model's space: sentences and centroids (Figures 1 and 4)."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Dict, List, NamedTuple, Sequence, Tuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

from fairseq_xling.analysis.findings import Findings, mean
from fairseq_xling.analysis.models import Inputs, held_languages, load_model
from fairseq_xling.analysis.sentence_states import (
    MIXED,
    choose_layer,
    read_states,
    ways_of,
)
from fairseq_xling.evaluation.evaluate import name_models
from fairseq_xling.evaluation.figures import (
    PANEL_HEIGHT,
    PANEL_WIDTH,
    add_legend,
    drawable,
    label_points,
    panels,
    style,
)
from fairseq_xling.tables import Cell, decimals, markdown_table

# A language that is drawn in PCA has as many points at most, so that they can be told
# apart and kept.
MOST_POINTS = 500


class Space(NamedTuple):
    """One model's sentence representations.

    Attributes:
        title: name of the model and how it encodes targets.
        layer: after which layer.
        source: the source language.
        centroids: of each language, with the variance around it.
        points: the sentences that are kept, by language, ``(rows, dim)``.
    """

    title: str
    layer: int
    source: str
    centroids: Dict[str, StandardScaler]
    points: Dict[str, np.ndarray]

    @property
    def spread(self) -> float:
        """Distance of a sentence from its language's centroid, a root mean square."""
        variances = [float(x.var_.sum()) for x in self.centroids.values()]
        return math.sqrt(sum(variances) / len(variances))

    def distances(self) -> Dict[str, float]:
        """From each centroid to the source's, in units of :attr:`spread`."""
        if self.source not in self.centroids:
            return {}
        start = self.centroids[self.source].mean_
        return {
            lang: float(np.linalg.norm(one.mean_ - start)) / (self.spread or math.nan)
            for lang, one in self.centroids.items()
            if lang != self.source
        }


def read_spaces(inputs: Inputs, asked: str, keep: bool) -> List[Space]:
    """Represent a split's sentences by each model, alone and mixed."""
    spaces = []
    for name, path in zip(name_models(inputs.paths, inputs.names), inputs.paths):
        task, model = load_model(path, inputs)
        layer = choose_layer(asked, len(model.encoder.sentence_encoder.layers))
        for way in ways_of(model):
            title = f"{name}, mixing" if way == MIXED else name
            space = Space(title, layer, task.source_lang, {}, {})
            for lang in held_languages(task, inputs):
                centroid, kept = StandardScaler(), []
                for states in read_states(
                    task, model, lang, way, [layer], inputs, with_source=False
                ):
                    rows = states.target[:, 0].cpu().numpy()
                    centroid.partial_fit(rows.astype(np.float64))
                    if keep:
                        kept.append(rows)
                space.centroids[lang] = centroid
                if keep:
                    space.points[lang] = np.concatenate(kept)
            spaces.append(space)
    return spaces


def analyze_pca(inputs: Inputs, layer: str = "last") -> Findings:
    """Draw sentences on the two axes along which they vary most (Figure 1)."""
    if inputs.max_rows is None:
        inputs = replace(inputs, max_rows=MOST_POINTS)
    spaces = read_spaces(inputs, layer, keep=True)
    figure, panel = panels([one.title for one in spaces])
    found, placed = [], []
    for axes, one in zip(panel, spaces):
        points, explained = project(np.concatenate(list(one.points.values())))
        number = np.repeat(
            np.arange(len(one.points)), list(map(len, one.points.values()))
        )
        # Drawn in turns, so that no language covers the others.
        turns = np.random.default_rng(inputs.seed).permutation(len(points))
        for part in np.array_split(turns, 10):
            for i in range(len(one.points)):
                scatter(axes, points[part[number[part] == i]], i, size=9)
        for i, lang in enumerate(one.points):
            axes.scatter([], [], s=30, label=drawable(lang), linewidths=0, **style(i))
        name_axes(axes, "component {}", " of variance", explained)
        found.append(explained)
        placed.append(
            {x: points[number == i].round(4) for i, x in enumerate(one.points)}
        )
    add_legend(figure)
    return map_findings(inputs, spaces, found, {"points": placed}, {"pca": figure})


def analyze_centroids(inputs: Inputs, layer: str = "last") -> Findings:
    """Draw the languages' centroids (Figure 4).

    In units of the sentences' spread around their language's centroid, so that models
    with larger and with smaller states can be compared.
    """
    spaces = read_spaces(inputs, layer, keep=False)
    # Many labels need room.
    size = max(1.0, 0.04 * len(spaces[0].centroids))
    figure, panel = panels(
        [one.title for one in spaces], PANEL_WIDTH * size, PANEL_HEIGHT * size,
        sharex=True, sharey=True,
    )  # fmt: skip
    found, placed = [], []
    for axes, one in zip(panel, spaces):
        means = np.stack([each.mean_ for each in one.centroids.values()])
        points, explained = project(means / (one.spread or 1.0))
        for i, lang in enumerate(one.centroids):
            scatter(axes, points[i : i + 1], int(lang != one.source), size=36)
        name_axes(axes, "component {}, in sentence spreads", "", explained)
        axes.margins(0.2)
        found.append(explained)
        placed.append(dict(zip(one.centroids, points)))
    for i, label in enumerate(("source language", "target language")):
        panel[0].scatter([], [], s=36, label=label, linewidths=0, **style(i))
    add_legend(figure)
    for axes, by_lang in zip(panel, placed):
        label_points(axes, np.stack(list(by_lang.values())), list(by_lang))
    placed = [{x: point.round(6) for x, point in each.items()} for each in placed]
    figures = {"centroids": figure}
    return map_findings(inputs, spaces, found, {"centroids": placed}, figures)


def project(points: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
    """Points ``(rows, dim)`` on their principal components; what cannot vary is 0.

    Returns:
        them, centred, ``(rows, 2)``, and the share of all variance along each axis.
    """
    placed, explained = np.zeros((len(points), 2)), np.zeros(2)
    if np.ptp(points, axis=0).any():
        found = min(2, *points.shape)
        pca = PCA(found, svd_solver="full")
        placed[:, :found] = pca.fit_transform(points.astype(np.float64))
        explained[:found] = pca.explained_variance_ratio_
    return placed, explained


def scatter(axes: Axes, points: np.ndarray, number: int, size: float) -> None:
    """Draw points ``(rows, 2)`` in a series' style."""
    axes.scatter(
        points[:, 0], points[:, 1], s=size, linewidths=0, alpha=0.8, **style(number)
    )


def name_axes(axes: Axes, name: str, what: str, explained: np.ndarray) -> None:
    """What the axes are, and the share of all variance that each explains."""
    titles = [
        f"{name.format(i)} ({100 * share:.0f} %{what})"
        for i, share in enumerate(explained, 1)
    ]
    axes.set_xlabel(titles[0])
    axes.set_ylabel(titles[1])
    axes.grid(alpha=0.3)
    axes.set_axisbelow(True)


def map_findings(
    inputs: Inputs,
    spaces: Sequence[Space],
    explained: Sequence[np.ndarray],
    placed: Dict[str, List[Dict[str, np.ndarray]]],
    figures: Dict[str, Figure],
) -> Findings:
    """What both analyses say of each model, and of what they looked at."""
    ((key, points),) = placed.items()
    entries = [
        {
            "name": one.title,
            "layer": one.layer,
            "rows": {x: int(c.n_samples_seen_) for x, c in one.centroids.items()},
            "spread": one.spread,
            "distance_to_source": one.distances(),
            "explained": shares.tolist(),
            key: {lang: each.tolist() for lang, each in by_lang.items()},
        }
        for one, shares, by_lang in zip(spaces, explained, points)
    ]
    numbers = {
        "data": str(Path(inputs.data)),
        "split": inputs.split,
        "source_lang": spaces[0].source,
        "models": entries,
    }
    return Findings(numbers, distance_table(spaces, explained), figures)


def distance_table(spaces: Sequence[Space], explained: Sequence[np.ndarray]) -> str:
    """Distances of the languages from the source, in Markdown."""
    langs = [lang for lang in spaces[0].centroids if lang != spaces[0].source]
    rows: List[List[Cell]] = []
    for one, shares in zip(spaces, explained):
        distances = one.distances()
        values = [distances.get(lang, math.nan) for lang in langs]
        shown = [f"{100 * share:.0f}" for share in shares]
        rows.append(
            [one.title, *(decimals(value, 2) for value in [*values, mean(values)]),
             "/".join(shown)]
        )  # fmt: skip
    header = ["model", *langs, "Avg.", "shown (%)"]
    return (
        markdown_table(header, rows)
        + f"\nDistance of a language's centroid from that of {spaces[0].source}, in "
        "units of a sentence's distance from its own language's centroid (both over "
        "all dimensions); mixing: targets are encoded with mixup; shown: the share of "
        "the variance along the figure's two axes.\n"
    )
