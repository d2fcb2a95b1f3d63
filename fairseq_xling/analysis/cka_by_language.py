"""CKA of each language with the source, by layer, beside the scores (Figure 3)."""

import logging
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional, Sequence

from matplotlib.figure import Figure

from fairseq_xling.analysis.cka import LinearCKA
from fairseq_xling.analysis.correlation import rank_correlation
from fairseq_xling.analysis.findings import Findings, mean
from fairseq_xling.analysis.models import Inputs, load_model, with_counterparts
from fairseq_xling.analysis.sentence_states import (
    MIXED,
    choose_layers,
    read_states,
    ways_of,
)
from fairseq_xling.data.manifest import Manifest
from fairseq_xling.evaluation.evaluate import name_models
from fairseq_xling.evaluation.figures import (
    add_legend,
    draw_points,
    drawable,
    language_width,
    panels,
    style,
)
from fairseq_xling.evaluation.result_files import ScoredModel, find_scores, read_models
from fairseq_xling.tables import Cell, decimals, markdown_table

logger = logging.getLogger(__name__)


class Aligned(NamedTuple):
    """How near one model's states of targets are to those of their sources.

    Attributes:
        name: of the model, and ``way``, how it encodes targets.
        layers: the layers, 0 for the embeddings.
        cka: by language, one value a layer.
        rows: by language.
        scored: the model's scores, if they are given.
    """

    name: str
    way: str
    layers: List[int]
    cka: Dict[str, List[float]]
    rows: Dict[str, int]
    scored: Optional[ScoredModel]

    @property
    def title(self) -> str:
        """Name and way."""
        return f"{self.name}, mixing" if self.way == MIXED else self.name

    def correlation(self) -> Dict[str, Any]:
        """Spearman's rank correlation of the last layer's CKA with the score.

        Over the target languages; the source, whose CKA is 1 by definition, would add
        to any correlation.
        """
        scores = self.scored.scores if self.scored else {}
        langs = [lang for lang in self.cka if lang in scores]
        values = [self.cka[lang][-1] for lang in langs]
        by_lang = [scores[lang] for lang in langs]
        rho, p = rank_correlation(values, by_lang)
        return {"rho": rho, "p": p, "languages": len(langs)}


def analyze_cka(
    inputs: Inputs, layers: str = "all", results: Optional[Sequence[str]] = None
) -> Findings:
    """Compare every model's states of targets with those of their counterparts.

    Raises:
        UserError: the data have no counterparts, or an option is wrong.
    """
    scored = read_models(results) if results else None
    names = name_models(inputs.paths, inputs.names)
    benchmark = Manifest.load(inputs.data).task
    beside = [
        find_scores(scored, name, path, benchmark, inputs.split) if scored else None
        for name, path in zip(names, inputs.paths)
    ]
    found: List[Aligned] = []
    for name, path, scores in zip(names, inputs.paths, beside):
        task, model = load_model(path, inputs)
        languages = with_counterparts(task, inputs)
        chosen = choose_layers(layers, len(model.encoder.sentence_encoder.layers))
        for way in ways_of(model):
            one = Aligned(name, way, chosen, {}, {}, scores)
            for lang in languages:
                sums = compare(task, model, lang, way, chosen, inputs)
                one.cka[lang] = [each.value() for each in sums]
                one.rows[lang] = sums[0].rows
            found.append(one)
        say_if_few(one.rows, model.args.encoder_embed_dim)
    figures = {"cka": draw_cka(found)}
    if len(found[0].layers) > 1:
        figures["cka-layers"] = draw_cka_by_layer(found)
    numbers = {
        "data": str(Path(inputs.data)),
        "task": task.benchmark,
        "split": inputs.split,
        "source_lang": task.source_lang,
        "models": list(map(cka_entry, found)),
    }
    return Findings(numbers, cka_tables(found), figures)


def say_if_few(rows: Dict[str, int], features: int) -> None:
    """Warn where CKA says little, as there are few rows."""
    few = [lang for lang, count in rows.items() if count < features]
    if few:
        logger.warning(
            f"{','.join(few)}: fewer rows than the {features} features, which brings "
            "CKA nearer to 1; compare it only with that of as many rows"
        )


def compare(
    task: Any, model: Any, lang: str, way: str, layers: Sequence[int], inputs: Inputs
) -> List[LinearCKA]:
    """CKA of a language's rows with their counterparts, after each layer."""
    sums = [LinearCKA() for _ in layers]
    for states in read_states(task, model, lang, way, layers, inputs):
        paired = states.target[: len(states.source)]
        for i, one in enumerate(sums):
            one.update(states.source[:, i], paired[:, i])
    return sums


def cka_entry(one: Aligned) -> Dict[str, Any]:
    """What the JSON says of a model."""
    entry = {
        "name": one.name, "inference": one.way, "rows": one.rows,
        "layers": one.layers, "cka": one.cka,
    }  # fmt: skip
    if one.scored:
        entry.update(scores=one.scored.scores, spearman=one.correlation())
    return entry


def cka_tables(found: Sequence[Aligned]) -> str:
    """CKA by language, and its mean by layer, in Markdown."""
    langs = list(found[0].cka)
    has_scores = found[0].scored is not None
    rows: List[List[Cell]] = []
    for one in found:
        last = [one.cka[lang][-1] for lang in langs]
        row: List[Cell] = [one.title]
        row += [decimals(value, 3) for value in [*last, mean(last)]]
        if has_scores:
            spearman = one.correlation()
            row += [decimals(spearman[key], 3) for key in ("rho", "p")]
        rows.append(row)
    header = ["model", *langs, "Avg."] + (["rho", "p"] if has_scores else [])
    text = [
        markdown_table(header, rows),
        f"\nLinear CKA (Kornblith et al. 2019) of layer {found[0].layers[-1]} with the "
        "counterparts in the source language; mixing: targets are encoded with mixup, "
        "which brings them nearer by itself.",
    ]
    if has_scores:
        count = found[0].correlation()["languages"]
        text.append(
            f" rho, p: Spearman's rank correlation with the score over {count} target "
            "languages."
        )
    text.append("\n")
    if len(found[0].layers) > 1:
        widest = max((one.layers for one in found), key=len)
        rows = []
        for one in found:
            by_layer = dict(zip(one.layers, zip(*one.cka.values())))
            values = [mean(by_layer.get(layer, ())) for layer in widest]
            rows.append([one.title, *(decimals(value, 3) for value in values)])
        header = ["mean CKA after layer", *map(str, widest)]
        text.append("\n" + markdown_table(header, rows))
    return "".join(text)


def draw_cka(found: Sequence[Aligned]) -> Figure:
    """CKA, and below it the scores, with languages by decreasing CKA of the first."""
    first = found[0].cka
    langs = sorted(first, key=lambda lang: -first[lang][-1])
    scored = {one.name: one.scored for one in found if one.scored}
    figure, axes = panels([""], language_width(langs, len(found)))
    if scored:
        axes[0].remove()
        figure.set_size_inches(figure.get_size_inches() * [1, 1.6])
        axes = list(figure.subplots(2, 1, sharex=True))
        axes[0].tick_params(labelbottom=True)
    # A model looks the same in both, and is hollow where it mixes.
    looks = {name: style(i) for i, name in enumerate({one.name: 0 for one in found})}
    fills = {one.title: "none" if one.way == MIXED else "full" for one in found}
    hollow = {
        one.title: {**looks[one.name], "fillstyle": fills[one.title]} for one in found
    }
    cka = {one.title: {x: one.cka[x][-1] for x in langs} for one in found}
    draw_points(axes[0], langs, cka, looks=hollow)
    axes[0].set_xlabel("")
    axes[0].set_ylabel("linear CKA with the source (0 to 1)")
    for model in scored.values():
        axes[1].set_ylabel(f"{model.results['metric']} (%)")
    if scored:
        scores = {name: one.scores for name, one in scored.items()}
        draw_points(axes[1], langs, scores, looks=looks)
    axes[-1].set_xlabel("language, by decreasing CKA of the first model")
    add_legend(figure)
    return figure


def draw_cka_by_layer(found: Sequence[Aligned]) -> Figure:
    """CKA after each layer, a line a language and a panel a model."""
    figure, axes = panels([one.title for one in found], sharey=True)
    for each, one in zip(axes, found):
        for i, (lang, values) in enumerate(one.cka.items()):
            each.plot(
                one.layers, values, label=drawable(lang), markersize=5, **style(i)
            )
        each.set_xticks(one.layers[:: -(-len(one.layers) // 13)])
        each.set_xlabel("layer (0: embeddings)")
        each.set_ylabel("linear CKA with the source (0 to 1)")
        each.grid(axis="y", alpha=0.3)
    add_legend(figure)
    return figure
