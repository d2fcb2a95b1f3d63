"""Mixup ratio and attention entropy by language and by translation noise."""

import math
from collections import defaultdict
from functools import partial
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Sequence, Tuple

import numpy as np
import torch
from fairseq.data.data_utils import collate_tokens
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.stats import spearmanr

from fairseq_xling.analysis.findings import Findings
from fairseq_xling.analysis.models import Inputs, load_model, with_counterparts
from fairseq_xling.analysis.sentence_states import open_rows
from fairseq_xling.analysis.translation_noise import NOISES, add_noise, check_rates
from fairseq_xling.errors import UserError
from fairseq_xling.evaluation.evaluate import name_models
from fairseq_xling.evaluation.figures import (
    add_legend,
    drawable,
    language_width,
    name_languages,
    panels,
    style,
)
from fairseq_xling.families.prediction import predict_batches
from fairseq_xling.models.inspection import inspect_mixing, mixing_layers
from fairseq_xling.multimix.pieces import PieceTable
from fairseq_xling.tables import Cell, decimals, markdown_table

QUANTITIES = {"ratio": "mixup ratio λ", "entropy": "H(A) + H(Aᵀ) (nats)"}
# What a translation is like: its noise, and the rate in percent.
Condition = Tuple[str, float]
CLEAN: Condition = ("none", 0.0)


class Mixing(NamedTuple):
    """How a layer mixed the pairs of a language.

    Attributes:
        ratio, entropy: of each pair, ``(pairs,)``.
    """

    ratio: np.ndarray
    entropy: np.ndarray


# By layer, language and condition.
Found = Dict[int, Dict[str, Dict[Condition, Mixing]]]


@torch.no_grad()
def read_mixing(
    sample: Dict[str, Any],
    model: Any,
    condition: Condition,
    table: PieceTable,
    seed: int,
) -> List[Any]:
    """The mixing of a batch whose sources are made worse, by layer that mixes.

    Returns:
        layer, ratios and entropies of each layer; nothing if there is no pair.
    """
    sources = sample["net_input"]["source_tokens"]
    if sources is None:
        return []
    if condition != CLEAN:
        sources = made_worse(sources, sample["rows"], condition, table, seed)
    targets = sample["net_input"]["src_tokens"][: len(sources)]
    return [
        (one.layer, one.ratio.float().cpu(), one.entropy.float().cpu())
        for one in inspect_mixing(model, targets, sources).layers
    ]


def made_worse(
    sources: torch.Tensor,
    rows: np.ndarray,
    condition: Condition,
    table: PieceTable,
    seed: int,
) -> torch.Tensor:
    """Noisy sources ``(pairs, src_len)``; a row's noise depends on its number alone."""
    noise, rate = condition
    changed = []
    for tokens, row in zip(sources.cpu().numpy(), rows):
        generator = np.random.default_rng((seed, int(row)))
        tokens = add_noise(
            table, tokens[tokens != table.pad], noise, rate / 100, generator
        )
        changed.append(torch.from_numpy(tokens))
    return collate_tokens(changed, table.pad).to(sources.device)


def analyze_ratio(inputs: Inputs, noise_rates: Sequence[float]) -> Findings:
    """Look at how a model mixes each language, and how noise changes that.

    Raises:
        UserError: the model does not mix, the data have no counterparts, or an option
            is wrong.
    """
    if len(inputs.paths) > 1:
        raise UserError("--path: give one checkpoint; ratio looks at one model")
    (name,) = name_models(inputs.paths, inputs.names)
    rates = check_rates(list(noise_rates))
    conditions = [CLEAN] + [(noise, rate) for noise in NOISES for rate in rates]
    task, model = load_model(inputs.paths[0], inputs)
    layers = keep_what_mixes(model, inputs.paths[0])
    pieces = PieceTable(task.dictionary, task.manifest.tokenizer)
    found: Found = {layer: defaultdict(dict) for layer in layers}
    for lang in with_counterparts(task, inputs):
        dataset = open_rows(task, lang, inputs, with_source=True)
        for condition in conditions:
            title = f"{inputs.split}.{lang} ({condition[0]} {condition[1]:g} %)"
            step = partial(
                read_mixing, condition=condition, table=pieces, seed=inputs.seed
            )
            read = list(
                predict_batches(task, model, dataset, inputs.batches, title, step)
            )
            for layer, one in put_together(read).items():
                found[layer][lang][condition] = one
    figures = {
        f"ratio-layer-{layer}" if len(layers) > 1 else "ratio": draw_mixing(by_lang)
        for layer, by_lang in found.items()
    }
    return Findings(
        {
            "data": str(Path(inputs.data)),
            "task": task.benchmark,
            "split": inputs.split,
            "name": name,
            "layers": [
                {"layer": layer, "languages": numbers(by_lang)}
                for layer, by_lang in found.items()
            ],
        },
        "\n".join(mixing_table(layer, by_lang) for layer, by_lang in found.items()),
        figures,
    )


def keep_what_mixes(model: Any, path: str) -> List[int]:
    """Take off the layers above those that mix, which have no say in how they do.

    Returns:
        the numbers of those that mix.

    Raises:
        UserError: none does; the message says ``path``.
    """
    try:
        layers = list(mixing_layers(model))
    except UserError:
        raise UserError(
            f"{path}: does not mix; give a checkpoint that was trained with "
            "--mixup-layer"
        ) from None
    encoder = model.encoder.sentence_encoder
    encoder.layers = encoder.layers[: max(layers)]
    return layers


def put_together(batches: Sequence[List[Any]]) -> Dict[int, Mixing]:
    """Ratios and entropies of all batches by layer."""
    by_layer: Dict[int, List[Any]] = {}
    for batch in batches:
        for layer, *values in batch:
            by_layer.setdefault(layer, []).append(values)
    return {
        layer: Mixing(*(torch.cat(column).numpy() for column in zip(*values)))
        for layer, values in by_layer.items()
    }


def correlation(by_condition: Dict[Condition, Mixing], noise: str) -> float:
    """Spearman's rho of a row's noise rate with its entropy, over rows and rates."""
    chosen = [(c, one) for c, one in by_condition.items() if c[0] in ("none", noise)]
    rates = np.concatenate([np.full(len(one.entropy), c[1]) for c, one in chosen])
    entropy = np.concatenate([one.entropy for _, one in chosen])
    if len(chosen) < 2 or np.ptp(entropy) == 0:
        return math.nan
    return float(spearmanr(rates, entropy).statistic)


def numbers(by_lang: Dict[str, Dict[Condition, Mixing]]) -> Dict[str, Any]:
    """Means and standard deviations of a layer."""
    entries: Dict[str, Any] = {}
    for lang, by_condition in by_lang.items():
        entries[lang] = {
            "pairs": len(by_condition[CLEAN].ratio),
            "conditions": [
                {
                    "noise": noise,
                    "rate": rate,
                    **{
                        key: {"mean": float(x.mean()), "std": float(x.std())}
                        for key, x in one._asdict().items()
                    },
                }
                for (noise, rate), one in by_condition.items()
            ],
            "spearman_of_rate_and_entropy": {
                noise: correlation(by_condition, noise)
                for noise in {c[0]: 0 for c in by_condition if c != CLEAN}
            },
        }
    return entries


def mixing_table(layer: int, by_lang: Dict[str, Dict[Condition, Mixing]]) -> str:
    """A layer's ratios and entropies in Markdown."""
    conditions = list(next(iter(by_lang.values())))
    rows: List[List[Cell]] = []
    for quantity in QUANTITIES:
        for noise, rate in conditions:
            found = [getattr(each[noise, rate], quantity) for each in by_lang.values()]
            title = "as it is" if noise == "none" else f"{noise} {rate:g} %"
            symbol = "λ" if quantity == "ratio" else "H"
            places = 4 if quantity == "ratio" else 2
            cells = [f"{x.mean():.{places}f} ± {x.std():.{places}f}" for x in found]
            rows.append([f"{symbol}, {title}", *cells])
    noises = [noise for noise in NOISES if any(c[0] == noise for c in conditions)]
    for noise in noises:
        rhos = [decimals(correlation(each, noise), 2) for each in by_lang.values()]
        rows.append([f"rho of H and {noise} rate", *rhos])
    return (
        markdown_table([f"layer {layer}", *by_lang], rows)
        + "\nMean and standard deviation over pairs of the mixup ratio λ and of the "
        "alignment's entropy H = H(A) + H(Aᵀ) in nats, with translations as they are, "
        "with words dropped, and with words swapped with the next; H is at most the "
        "sum of the lengths' logarithms, so a shorter translation lowers it by itself; "
        "rho: Spearman's rank correlation over pairs and rates.\n"
    )


def draw_mixing(by_lang: Dict[str, Dict[Condition, Mixing]]) -> Figure:
    """Ratio and entropy: by language, and against the rate of each noise."""
    langs = list(by_lang)
    noises = list({c[0]: 0 for c in by_lang[langs[0]] if c != CLEAN})
    kinds = ["translations as they are"]
    kinds += [f"words {'dropped' if x == 'drop' else 'swapped'}" for x in noises]
    sharey = "row" if noises else False
    figure, axes = panels(kinds * 2, language_width(langs), sharey=sharey)
    columns = len(kinds)
    for i, (quantity, label) in enumerate(QUANTITIES.items()):
        row = axes[i * columns : (i + 1) * columns]
        for x, lang in enumerate(langs):
            here = getattr(by_lang[lang][CLEAN], quantity)
            row[0].errorbar(
                [x], here.mean(), here.std(), markersize=6, capsize=3, **style(x)
            )
            for each, noise in zip(row[1:], noises):
                draw_rates(each, by_lang[lang], noise, quantity, lang, x)
        name_languages(row[0], langs)
        row[0].set_xlabel("language (mean and standard deviation)")
        for each in row:
            each.set_ylabel(label)
            each.ticklabel_format(axis="y", useOffset=False)
            each.grid(axis="y", alpha=0.3)
    add_legend(figure)
    return figure


def draw_rates(
    axes: Axes,
    by_condition: Dict[Condition, Mixing],
    noise: str,
    quantity: str,
    lang: str,
    number: int,
) -> None:
    """A language's mean ratio or entropy against the rate of a noise."""
    chosen = [c for c in by_condition if c[0] in ("none", noise)]
    values = [getattr(by_condition[c], quantity).mean() for c in chosen]
    rates = [rate for _, rate in chosen]
    axes.plot(rates, values, markersize=5, label=drawable(lang), **style(number))
    axes.set_xlabel(f"words {'dropped' if noise == 'drop' else 'swapped'} (%)")
