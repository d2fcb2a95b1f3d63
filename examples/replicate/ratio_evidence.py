"""Whether the mixup ratio can learn: python ratio_evidence.py DATA CHECKPOINT OUT_DIR

Writes ``OUT_DIR/ratio_evidence.json``: in each layer, what the entropy of eq. 5 comes
to for translations as they are and for worse ones, the W and b that would let the ratio
follow it, and the gradient that W and b get.
"""

import argparse
import json
import math
from functools import partial
from pathlib import Path
from typing import Any, Dict, List, NamedTuple

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor

from fairseq_xling.analysis.models import Inputs, load_model, with_counterparts
from fairseq_xling.analysis.ratio_by_language import made_worse
from fairseq_xling.analysis.sentence_states import open_rows
from fairseq_xling.checkpoints.opening import open_checkpoint
from fairseq_xling.errors import one_line_errors
from fairseq_xling.families.prediction import BatchOptions, predict_batches
from fairseq_xling.files.atomic import atomic_file
from fairseq_xling.models.encoder import count_tokens
from fairseq_xling.models.mixup import (
    alignment_entropy,
    cross_attention_scores,
    hidden_scores,
)
from fairseq_xling.multimix.pieces import PieceTable

MAX_RATIO = 0.5
# The smaller of the learning rates that X-Mixup ends with.
RATE = 5e-6
# Of lambda's largest value, for the best and for the worst translations.
WANTED = (0.9, 0.1)
NOISES = [("none", 0.0), ("drop", 40.0), ("swap", 40.0)]
OTHER = "another row's"
SCORES, UNITS = ("heads", "hidden"), ("nats", "normalised")


class Entropies(NamedTuple):
    """Of each pair and layer.

    Attributes:
        row: the pairs' numbers, ``(pairs,)``.
        values: ``(pairs, layers, scores, units)``.
    """

    row: np.ndarray
    values: Tensor


def entropies_by_layer(model: Any, tokens: Tensor, sources: Tensor) -> Tensor:
    """What each layer would set the ratio by if it were the one that mixes.

    Args:
        tokens: the targets, ``(pairs, tgt_len)``.
        sources: their counterparts, ``(pairs, src_len)``.

    Returns:
        ``(pairs, layers, scores, units)``.
    """
    encoder = model.encoder
    counted = [count_tokens(x, encoder.dictionary) for x in (tokens, sources)]
    both, padding = [], []
    for one in (tokens, sources):
        _, extra = model(one, features_only=True, return_all_hiddens=True)
        both.append(extra["inner_states"])
        padding.append(one.eq(encoder.dictionary.pad()))
    found = []
    for number, layer in enumerate(encoder.sentence_encoder.layers):
        # The layer mixes what its self-attention gave.
        target, source = (
            layer._attend(states[number], mask, None)
            for states, mask in zip(both, padding)
        )
        attention = layer.self_attn
        heads = cross_attention_scores(
            attention.q_proj(target), attention.k_proj(source),
            attention.num_heads, attention.scaling,
        )  # fmt: skip
        by_scores = [
            torch.stack(
                [alignment_entropy(x, *counted, unit) for unit in (False, True)]
            )
            for x in (heads, hidden_scores(target, source))
        ]
        found.append(torch.stack(by_scores))
    return torch.stack(found).permute(3, 0, 1, 2).cpu()


@torch.no_grad()
def read_entropies(
    sample: Dict[str, Any], model: Any, condition: Any, pieces: PieceTable
) -> List[Entropies]:
    """Those of a batch under a condition; nothing where there is no pair."""
    sources = sample["net_input"]["source_tokens"]
    if sources is None:
        return []
    rows = sample["rows"][: len(sources)]
    if condition == OTHER:  # rows of a batch are of like length
        sources = sources.roll(1, dims=0)
    elif condition[0] != "none":
        sources = made_worse(sources, rows, condition, pieces, 1)
    targets = sample["net_input"]["src_tokens"][: len(sources)]
    return [Entropies(rows, entropies_by_layer(model, targets, sources))]


def needed(good: np.ndarray, bad: np.ndarray) -> Dict[str, float]:
    """W and b that give most translations a high ratio, and most worse ones a low one.

    Args:
        good, bad: entropies, ``(pairs,)``.

    Returns:
        those that give the two medians the ``WANTED`` shares of the largest ratio, and
        how many updates it takes Adam at least, which moves them by its rate at most.
    """
    high, low = (math.log(share / (1 - share)) for share in WANTED)
    best, worst = np.median(good), np.median(bad)
    if best == worst:
        return {"W": math.inf, "b": math.inf, "updates": math.inf}
    weight = float((high - low) / (best - worst))
    bias = float(high - weight * best)
    updates = max(abs(weight - 1), abs(bias)) / RATE
    return {"W": weight, "b": bias, "updates": updates}


def describe(found: Dict[str, np.ndarray]) -> Dict[str, Any]:
    """One kind of entropy of one layer.

    Args:
        found: by the translations' condition, ``(pairs,)``.
    """
    (good, *_) = found.values()
    ratio = MAX_RATIO / (1 + np.exp(-good))
    worse = list(found.items())[1:]
    return {
        "entropy": {"mean": float(good.mean()), "std": float(good.std())},
        "ratio": {"mean": float(ratio.mean()), "std": float(ratio.std())},
        # The chance that a worse translation has the higher entropy.
        "auc": {
            name: float(
                roc_auc_score(np.repeat([0, 1], len(good)), np.append(good, bad))
            )
            for name, bad in worse
        },
        "needed": needed(good, worse[-1][1]),
    }


def gradients(task: Any, model: Any, criterion: Any, batches: int) -> Dict[str, Any]:
    """Of W and b, over training batches.

    Returns:
        of each, the gradients' mean over the root of their mean square, which is the
        share of its rate that Adam moves it by at most.
    """
    task.load_dataset("train")
    iterator = task.get_batch_iterator(
        task.dataset("train"), max_sentences=32, seed=1
    ).next_epoch_itr()
    model.train().requires_grad_(False)
    parameters = {
        name.rpartition(".")[2]: parameter
        for name, parameter in model.named_parameters()
        if ".mixup_ratio." in name
    }
    found: Dict[str, List[float]] = {name: [] for name in parameters}
    for _, sample in zip(range(batches), iterator):
        for parameter in parameters.values():
            parameter.requires_grad_(True).grad = None
        loss, size, _ = criterion(model, sample)
        (loss / size).backward()
        for name, parameter in parameters.items():
            found[name].append(parameter.grad.item())
    return {
        name: {
            "mean": float(np.mean(values)),
            "drift": float(np.mean(values) / np.sqrt(np.mean(np.square(values)))),
        }
        for name, values in found.items()
    }


def look(data: str, path: str, rows: int, batches: int) -> Dict[str, Any]:
    """All that is looked at of a checkpoint."""
    inputs = Inputs(data, [path], max_rows=rows, batches=BatchOptions(32, cpu=True))
    task, model = load_model(path, inputs)
    pieces = PieceTable(task.dictionary, task.manifest.tokenizer)
    layers: List[Dict[str, Any]] = []
    for lang in with_counterparts(task, inputs):
        found = {}
        for condition in [*NOISES, OTHER]:
            name = OTHER if condition == OTHER else condition[0]
            step = partial(read_entropies, condition=condition, pieces=pieces)
            read = predict_batches(
                task, model, open_rows(task, lang, inputs, True), inputs.batches,
                f"{lang} ({name})", step,
            )  # fmt: skip
            parts = [one for batch in read for one in batch]
            order = np.argsort(np.concatenate([one.row for one in parts]))
            found[name] = torch.cat([one.values for one in parts]).numpy()[order]
        for layer in range(found["none"].shape[1]):
            for i, scores in enumerate(SCORES):
                for j, unit in enumerate(UNITS):
                    here = {x: values[:, layer, i, j] for x, values in found.items()}
                    known = {"lang": lang, "layer": layer + 1}
                    known.update(scores=scores, unit=unit)
                    layers.append({**known, **describe(here)})
    found = {"layers": layers}
    if batches:
        criterion = task.build_criterion(open_checkpoint(path)["cfg"].criterion)
        gradient = gradients(task, model, criterion, batches)
        found.update(gradient=gradient, batches=batches)
    return found


@one_line_errors()
def main() -> None:
    """Look, and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data")
    parser.add_argument("checkpoint")
    parser.add_argument("out", type=Path)
    parser.add_argument("--rows", type=int, default=400, help="of each language")
    parser.add_argument(
        "--batches", type=int, default=40, help="of 32 training rows; 0: no gradients"
    )
    args = parser.parse_args()
    found = look(args.data, args.checkpoint, args.rows, args.batches)
    args.out.mkdir(parents=True, exist_ok=True)
    with atomic_file(args.out / "ratio_evidence.json") as file:
        json.dump(found, file, indent=1)


if __name__ == "__main__":
    main()
