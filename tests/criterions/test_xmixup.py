"""The criterion on real batches: eq. 7 and 8 put together, and what it logs."""

import math
from types import SimpleNamespace

import naive_losses
import numpy as np
import pytest
import torch
from fairseq.data import Dictionary
from fairseq.logging import metrics
from naive_losses import distance, logged, mean_state, softmax, unpadded
from refusals import refused
from small_data import tiny_dictionary
from small_model import HEAD, pad_rows, small_model

from fairseq_xling.criterions.xmixup import XMixupCriterion
from fairseq_xling.families.pairs.task import PairsFamily

LANGUAGES = ["en", "de", "sw"]


def make_criterion(alpha=0.4, mse=1.0, kl=1.0, representation="mean"):
    # Without its data folder: the criterion asks only for what it computes.
    dictionary = tiny_dictionary()
    family = PairsFamily(None, None, dictionary, Dictionary(), LANGUAGES)
    task = SimpleNamespace(family=family, dictionary=dictionary)
    return naive_losses.make_criterion(task, alpha, mse, kl, representation)


def make_sample():
    targets = [[0, 10, 2, 2, 11, 12, 2], [0, 13, 14, 2, 2, 15, 2], [0, 16, 2, 2, 17, 2]]
    sources = [[0, 30, 2, 2, 31, 2], [0, 32, 2, 2, 33, 34, 35, 36, 2]]
    return {
        "net_input": {
            "src_tokens": pad_rows(targets),
            "source_tokens": pad_rows(sources),
        },
        "target": torch.tensor([0, 2, 1]),
        "lang": np.array([1, 2, 0]),
        "ntokens": 35,
    }


def naive_loss(model, sample, alpha, mse, kl, representation):
    """Each row by itself and by loops, from the model's states of that row alone."""
    total = 0.0
    rows = sample["net_input"]["src_tokens"]
    sources = sample["net_input"]["source_tokens"]
    for i, row in enumerate(rows):
        target = unpadded(row)
        source = unpadded(sources[i]) if i < len(sources) else None
        logits, extra = model(
            torch.tensor([target]),
            None if source is None else torch.tensor([source]),
            features_only=True,
            classification_head_name=HEAD,
        )
        label = sample["target"][i].item()
        p_target = softmax(logits[0].double().tolist())
        if source is None:
            total -= math.log(p_target[label])
            continue
        p_source = softmax(extra["source_logits"][0].double().tolist())
        total -= alpha * math.log(p_source[label])
        total -= (1 - alpha) * math.log(p_target[label])
        total += kl * sum(a * math.log(a / b) for a, b in zip(p_source, p_target))
        vectors = []
        for tokens, states in (
            (target, extra["features"][0]),
            (source, extra["source_features"][0]),
        ):
            states = states.double().tolist()
            mean = mean_state(tokens, states)
            vectors.append(states[0] if representation == "first" else mean)
        total += mse * distance(*vectors)
    return total


@pytest.mark.parametrize(
    "alpha, mse, kl, representation",
    [
        (0.4, 1.0, 1.0, "mean"),
        (0.8, 0.0, 1.0, "mean"),
        (0.2, 1.0, 0.0, "first"),
        (0.0, 0.5, 2.0, "mean"),
    ],
)
def test_loss_equals_loops(alpha, mse, kl, representation):
    model, sample = small_model(), make_sample()
    criterion = make_criterion(alpha, mse, kl, representation)
    with torch.no_grad():
        loss, size, _ = criterion(model, sample)
        want = naive_loss(model, sample, alpha, mse, kl, representation)
    assert size == 3
    assert loss.item() == pytest.approx(want, rel=1e-5)


def test_default_weight_is_the_tasks():
    assert make_criterion(alpha=None).source_loss_weight == 0.4


def test_weight_out_of_range_is_refused():
    with refused("--source-loss-weight 1.5"):
        make_criterion(alpha=1.5)


def test_every_term_is_logged_as_a_mean_over_pairs():
    model, sample = small_model(), make_sample()
    sample["real_source_probability"] = 0.25
    with torch.no_grad():
        _, _, output = make_criterion()(model, sample)
    values = logged([output])
    weighed = 0.4 * values["task_source"] + 0.6 * values["task_target"]
    pairs = 2 * (weighed + values["mse"] + values["kl"])
    single = float(output["loss"]) - pairs
    assert single > 0
    assert values["loss"] == pytest.approx(float(output["loss"]) / 3, abs=1e-4)
    assert 0 < values["lambda"] < 0.5
    assert values["lambda_spread"] >= 0
    ratio = model.ratio_modules()[0]
    assert values["ratio_weight"] == pytest.approx(ratio.weight.item(), abs=1e-4)
    assert values["ratio_bias"] == pytest.approx(ratio.bias.item(), abs=1e-4)
    assert values["real_source_probability"] == 0.25


def test_accuracy_is_averaged_over_languages_not_rows():
    output = {
        "sample_size": 14,
        "loss": 1.0,
        "rows:en": 10,
        "correct:en": 10,
        "rows:de": 4,
        "correct:de": 1,
        "rows:sw": 0,
        "correct:sw": 0,
    }
    values = logged([output])
    assert values["accuracy_en"] == 100
    assert values["accuracy_de"] == 25
    assert values["accuracy"] == 62.5
    assert "accuracy_sw" not in values


def test_lambda_spread_is_the_standard_deviation_over_pairs():
    ratios = [0.1, 0.3, 0.35, 0.45]
    outputs = [
        {
            "sample_size": 2,
            "pairs": 2,
            "loss": 0.0,
            "ratio_batches": 1,
            "lambda": sum(part),
            "lambda_squared": sum(x * x for x in part),
        }
        for part in (ratios[:2], ratios[2:])
    ]
    assert logged(outputs)["lambda_spread"] == pytest.approx(np.std(ratios), abs=1e-4)


def test_prediction_is_the_mean_of_both_streams():
    criterion, sample = make_criterion(), make_sample()
    logits = torch.log(
        torch.tensor([[0.6, 0.3, 0.1], [0.5, 0.1, 0.4], [0.1, 0.8, 0.1]])
    )
    source = torch.log(torch.tensor([[0.1, 0.8, 0.1], [0.1, 0.1, 0.8]]))
    counts = criterion.task.family.count_scores(
        logits, {"source_logits": source}, sample
    )
    assert (counts["rows:de"], counts["correct:de"]) == (1, 0)
    assert (counts["rows:sw"], counts["correct:sw"]) == (1, 1)
    assert (counts["rows:en"], counts["correct:en"]) == (1, 1)


def test_sums_over_workers_equal_the_joint_batch():
    model, sample = small_model(), make_sample()
    criterion = make_criterion()
    with torch.no_grad():
        _, _, joint = criterion(model, sample)
        first = {
            "net_input": {k: v[:1] for k, v in sample["net_input"].items()},
            "target": sample["target"][:1],
            "lang": sample["lang"][:1],
            "ntokens": 13,
        }
        rest = {
            "net_input": {k: v[1:] for k, v in sample["net_input"].items()},
            "target": sample["target"][1:],
            "lang": sample["lang"][1:],
            "ntokens": 22,
        }
        parts = [criterion(model, part)[2] for part in (first, rest)]
    assert parts[0].keys() == parts[1].keys() == joint.keys()
    values, want = logged(parts), logged([joint])
    for key, value in want.items():
        assert values[key] == pytest.approx(value, abs=2e-4), key


def test_an_interval_without_pairs_or_rows_of_a_language_is_logged():
    full = {
        "sample_size": 1,
        "pairs": 1,
        "loss": 0.0,
        "ratio_batches": 1,
        "lambda": 0.25,
        "lambda_squared": 0.0625,
        "rows:de": 1,
        "correct:de": 1,
    }
    empty = {**full, "pairs": 0, "rows:de": 0, "correct:de": 0}
    with metrics.aggregate(new_root=True) as aggregator:
        XMixupCriterion.reduce_metrics([full])
        aggregator.reset()
        XMixupCriterion.reduce_metrics([empty])
    values = aggregator.get_smoothed_values()
    assert values["accuracy"] == 0
    assert values["lambda_spread"] == 0
