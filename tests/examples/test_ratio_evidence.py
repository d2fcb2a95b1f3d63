"""What replication looks at to see whether the mixup ratio can learn."""

import json
import math
import sys

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score
from training import ROOT

sys.path.insert(0, str(ROOT / "examples" / "replicate"))

import encoder_plan  # noqa: E402
import evaluation_plan  # noqa: E402
import evidence  # noqa: E402
import ratio_evidence  # noqa: E402
import ratio_table  # noqa: E402

from fairseq_xling.checkpoints.task_model import load_task_model  # noqa: E402
from fairseq_xling.models.inspection import inspect_mixing  # noqa: E402


def look(paired, out, batches):
    """What it writes of a tiny model."""
    words = ["", paired.data, paired.mixed, out, "--rows", 6, "--batches", batches]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", list(map(str, words)))
        ratio_evidence.main()
    return json.loads((out / "ratio_evidence.json").read_text())


@pytest.fixture(scope="module")
def found(paired, tmp_path_factory):
    return look(paired, tmp_path_factory.mktemp("evidence"), 2)


@pytest.mark.parametrize("scores", ratio_evidence.SCORES)
@pytest.mark.parametrize("unit", ratio_evidence.UNITS)
def test_entropies_are_those_of_a_model_that_mixes_there(paired, scores, unit):
    """Each layer as if it alone mixed, seen by another way through the model."""
    tokens = torch.randint(5, 40, (3, 9))
    sources = torch.randint(5, 40, (3, 7))
    tokens[0, 6:], sources[1, 5:] = 1, 1  # padding
    _, model = load_task_model(str(paired.mixed), str(paired.data))
    ours = ratio_evidence.entropies_by_layer(model.eval(), tokens, sources)
    where = (ratio_evidence.SCORES.index(scores), ratio_evidence.UNITS.index(unit))
    layer = model.encoder.sentence_encoder.layers[0]
    layer.ratio_scores, layer.is_normalised = scores, unit == "normalised"
    (theirs,) = inspect_mixing(model, tokens, sources).layers
    assert theirs.layer == 1
    torch.testing.assert_close(ours[(slice(None), 0, *where)], theirs.entropy)


def test_weight_and_bias_give_the_wanted_ratios():
    good, bad = np.array([4.0, 5.0, 6.0]), np.array([5.5, 7.0, 8.0])
    found = ratio_evidence.needed(good, bad)
    ratios = [1 / (1 + math.exp(-(found["W"] * h + found["b"]))) for h in (5.0, 7.0)]
    np.testing.assert_allclose(ratios, [0.9, 0.1])
    assert found["updates"] == max(abs(found["W"] - 1), abs(found["b"])) / 5e-6
    assert ratio_evidence.needed(good, good)["updates"] == math.inf


def test_chances_are_those_of_pairs_one_by_one():
    generator = np.random.default_rng(1)
    good, bad = generator.normal(5, 1, 30), generator.normal(5.5, 1, 30)
    found = ratio_evidence.describe({"none": good, "swap": bad})
    higher = [float(b > g) for b in bad for g in good]
    np.testing.assert_allclose(found["auc"]["swap"], np.mean(higher))
    labels = [0] * 30 + [1] * 30
    assert found["auc"]["swap"] == roc_auc_score(labels, [*good, *bad])
    np.testing.assert_allclose(
        found["ratio"]["mean"], np.mean([0.5 / (1 + math.exp(-h)) for h in good])
    )


def test_every_layer_and_the_gradients_are_told(found):
    kinds = {(x["layer"], x["scores"], x["unit"]) for x in found["layers"]}
    layers = max(x["layer"] for x in found["layers"])
    assert len(kinds) == 4 * layers and found["batches"] == 2
    for one in found["layers"]:
        assert list(one["auc"]) == ["drop", "swap", "another row's"]
        assert one["unit"] == "nats" or 0 <= one["entropy"]["mean"] <= 2
    drifts = [one["drift"] for one in found["gradient"].values()]
    assert len(drifts) == 2 and all(0 < abs(x) <= 1 for x in drifts)


def test_gradients_are_left_out_when_not_asked_for(found, paired, tmp_path):
    assert look(paired, tmp_path, 0) == {"layers": found["layers"]}


def test_results_have_a_line_for_each_layer_that_is_compared(found, tmp_path):
    evidence.read.cache_clear()
    (setting, *_) = encoder_plan.encoder_settings(tmp_path)
    assert ratio_table.ratio_section([setting], 2, tmp_path) == ""
    paths = [
        evaluation_plan.ratio_evidence_of(setting, 2, tmp_path, name)
        for name in ("", evaluation_plan.HUMAN)
    ]
    # Of human translations there are no gradients.
    for path, told in zip(paths, (found, {"layers": found["layers"]})):
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(told))
    evidence.read.cache_clear()
    text = ratio_table.ratio_section([setting._replace(swept=[1, 2])], 2, tmp_path)
    lines = [line for line in text.splitlines() if line.startswith(("| 1 ", "| 2 "))]
    assert len(lines) == 8 and "over 2 batches" in text
    langs = {one["lang"] for one in found["layers"]}
    assert all(f"\n| {lang} | " in text for lang in langs)
    stages = evaluation_plan.looking_at_ratios(setting, 2, tmp_path)
    assert [stage.outputs for stage in stages] == [[path] for path in paths]
