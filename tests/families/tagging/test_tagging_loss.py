"""The criterion on batches of tagged sentences: eq. 7, 8 and 13 put together."""

import math

import numpy as np
import pytest
import torch
from fairseq.logging import metrics
from tag_data import TAGS, tagging_task, with_head, write_tag_data

from fairseq_xling.criterions.xmixup import XMixupCriterion

UPDATE = 6


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_tag_data(tmp_path_factory.mktemp("data") / "bin")


@pytest.fixture(scope="module")
def task(data):
    return tagging_task(data, scheduled_sampling_decay=4.0, max_positions=12)


@pytest.fixture(scope="module")
def dataset(task):
    return task.load_dataset("train")


def batch_of(dataset, step=4, first=0):
    return dataset.collater([dataset[i] for i in range(first, len(dataset), step)])


def make_criterion(task, alpha=0.8, mse=1.0, kl=1.0):
    return XMixupCriterion(task, alpha, mse, kl, "mean")


def unpadded(row):
    return [token for token in row.tolist() if token != 1]


def naive_word_probabilities(model, states, starts, end, pooling):
    """Of each word of ``<s> words </s>``: the head on its pieces' states."""
    head = next(iter(model.token_heads.values())).out_proj
    weight, bias = head.weight.tolist(), head.bias.tolist()
    found = []
    for start, stop in zip(starts, [*starts[1:], end]):
        pieces = states[start : stop if pooling == "mean" else start + 1]
        state = [sum(column) / len(pieces) for column in zip(*pieces)]
        scores = [
            sum(w * x for w, x in zip(line, state)) + b for line, b in zip(weight, bias)
        ]
        total = sum(math.exp(score) for score in scores)
        found.append([math.exp(score) / total for score in scores])
    return found


def naive_cross_entropy(found, wanted):
    """The mean over words; 0 for a sentence without distributions."""
    if wanted is None or not any(map(sum, wanted)):
        return 0.0
    losses = [
        -sum(y * math.log(p) for y, p in zip(*pair)) for pair in zip(wanted, found)
    ]
    return sum(losses) / len(losses)


def naive_terms(model, sample, pooling):
    """Terms of each row by itself, from the model's states of that row alone."""
    net_input = sample["net_input"]
    terms = []
    for i, row in enumerate(net_input["src_tokens"]):
        target, source = unpadded(row), None
        if i < len(net_input["source_tokens"]):
            source = unpadded(net_input["source_tokens"][i])
        _, extra = model(
            torch.tensor([target]),
            None if source is None else torch.tensor([source]),
            features_only=True,
            token_head_name="tagging_head",
            word_starts=torch.tensor([[1]]),
        )
        states = extra["features"][0].tolist()
        starts = [start for start in net_input["word_starts"][i].tolist() if start > 0]
        found = naive_word_probabilities(
            model, states, starts, len(target) - 1, pooling
        )
        wanted = sample["tag_probs"][i, : len(starts)].tolist()
        term = {"target": naive_cross_entropy(found, wanted), "source": None}
        terms.append(term)
        if source is None:
            continue
        source_states = extra["source_features"][0].tolist()
        vectors = []
        for tokens, rows in ((target, states), (source, source_states)):
            kept = rows[1 : len(tokens) - 1]
            vectors.append([sum(column) / len(kept) for column in zip(*kept)])
        term["mse"] = sum((a - b) ** 2 for a, b in zip(*vectors)) / len(vectors[0])
        term["ratio"] = extra["mixup_ratio"].mean().item()
        starts = net_input["source_word_starts"][i].tolist()
        starts = [start for start in starts if start > 0]
        is_real = "source_is_real" not in sample or bool(sample["source_is_real"][i])
        if is_real and starts:
            found = naive_word_probabilities(
                model, source_states, starts, len(source) - 1, pooling
            )
            wanted = sample["source_tag_probs"][i, : len(starts)].tolist()
            term["source"] = naive_cross_entropy(found, wanted)
    return terms


def naive_loss(terms, alpha, mse):
    total = 0.0
    for term in terms:
        if "mse" not in term:
            total += term["target"]
        elif term["source"] is None:
            total += term["target"] + mse * term["mse"]
        else:
            total += alpha * term["source"] + (1 - alpha) * term["target"]
            total += mse * term["mse"]
    return total


@pytest.mark.parametrize("pooling", ["first", "mean"])
@pytest.mark.parametrize("alpha, mse", [(0.8, 1.0), (1.0, 0.0), (0.0, 0.5)])
def test_loss_equals_loops(data, dataset, pooling, alpha, mse):
    task = tagging_task(data, scheduled_sampling_decay=4.0, word_pooling=pooling)
    model = with_head(task)
    sample = task.sample_sources(batch_of(dataset), UPDATE)
    pairs = len(sample["net_input"]["source_tokens"])
    real = sample["source_is_real"].sum()
    assert 0 < real < pairs < len(sample["id"])  # all three kinds of rows
    with torch.no_grad():
        loss, size, _ = make_criterion(task, alpha, mse)(model, sample)
        terms = naive_terms(model, sample, pooling)
    assert size == len(sample["id"])
    assert loss.item() == pytest.approx(naive_loss(terms, alpha, mse), rel=1e-6)


def test_source_without_tags_leaves_the_whole_weight_to_the_target(tmp_path):
    without = [f"train.sw.source_{name}" for name in ("word_starts", "tags")]
    data = write_tag_data(tmp_path / "bin", without=without)
    task = tagging_task(data)
    model, dataset = with_head(task), task.load_dataset("train")
    sample = batch_of(dataset)
    languages = {
        task.languages[i]: (sample["lang"][: len(sample["source_tag_probs"])] == i)
        for i in (1, 2)
    }
    assert all(here.any() for here in languages.values())
    with torch.no_grad():
        loss, _, output = make_criterion(task)(model, sample)
        terms = naive_terms(model, sample, "first")
        apart = [
            make_criterion(task)(model, dataset.collater([dataset[i]]))[0].item()
            for i in range(0, len(dataset), 4)
        ]
    assert output["labelled_pairs"] == languages["de"].sum()
    assert loss.item() == pytest.approx(naive_loss(terms, 0.8, 1.0), rel=1e-6)
    # What a row adds does not depend on its companions.
    assert loss.item() == pytest.approx(sum(apart), rel=1e-6)


def test_backtranslations_have_no_source_loss_and_full_target_weight(task, dataset):
    sample = batch_of(dataset)
    # Far in training, every pair has its back-translation, where there is one.
    late = task.sample_sources(sample, 10**6)
    assert torch.equal(late["source_is_real"], ~sample["has_backtranslation"])
    with torch.no_grad():
        terms = task.family.loss_terms(
            *task.family.forward(with_head(task), late), late
        )
    assert torch.equal(terms.source_is_labelled, late["source_is_real"])
    assert terms.prediction is None


def logged(outputs):
    with metrics.aggregate(new_root=True) as aggregator:
        XMixupCriterion.reduce_metrics(outputs)
    return aggregator.get_smoothed_values()


def test_logged_terms_are_means_over_pairs_and_the_sources_over_labelled_ones(
    task, dataset
):
    model = with_head(task)
    sample = task.sample_sources(batch_of(dataset), UPDATE)
    with torch.no_grad():
        _, size, output = make_criterion(task)(model, sample)
        terms = naive_terms(model, sample, "first")
    values = logged([output])
    pairs = [term for term in terms if "mse" in term]
    sources = [term["source"] for term in pairs if term["source"] is not None]
    assert 0 < len(sources) < len(pairs) < len(terms)
    for name, want in [
        ("task_source", np.mean(sources)),
        ("task_target", np.mean([term["target"] for term in pairs])),
        ("mse", np.mean([term["mse"] for term in pairs])),
        ("lambda", np.mean([term["ratio"] for term in pairs])),
        ("loss", naive_loss(terms, 0.8, 1.0) / size),
    ]:
        assert values[name] == pytest.approx(want, abs=6e-5), name
    assert "kl" not in values


@pytest.mark.parametrize("weight", [0.0, 1.0, 5.0])
def test_no_divergence_of_predictions_is_added(task, dataset, weight):
    model, sample = with_head(task), batch_of(dataset)
    with torch.no_grad():
        loss = make_criterion(task, kl=weight)(model, sample)[0]
        assert loss == make_criterion(task, kl=0.0)(model, sample)[0]


def pairs_of(task, dataset, stream):
    """A batch of rows that have a stream."""
    rows = range(len(dataset))
    kept = [i for i in rows if dataset[i][0][stream] is not None]
    return dataset.collater([dataset[i] for i in kept[::4]])


@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_gradients_reach_the_head_from_both_streams(task, dataset, alpha):
    sample = pairs_of(task, dataset, "source")
    assert len(sample["net_input"]["source_tokens"]) == len(sample["id"])
    model = with_head(task)
    loss, _, _ = make_criterion(task, alpha, mse=0.0)(model, sample)
    loss.backward()
    head = model.token_heads["tagging_head"].out_proj
    assert head.weight.grad.abs().max() > 1e-3 and head.bias.grad.abs().max() > 1e-3


def test_gradients_reach_the_ratio(task, dataset):
    model = with_head(task)
    loss, _, _ = make_criterion(task)(model, pairs_of(task, dataset, "source"))
    loss.backward()
    [ratio] = model.ratio_modules()
    assert all(parameter.grad.abs() > 0 for parameter in ratio.parameters())


def test_backtranslated_sources_do_not_matter_for_the_tags(task, dataset):
    late = task.sample_sources(pairs_of(task, dataset, "backtranslation"), 10**6)
    assert not late["source_is_real"].any()
    losses, gradients = [], []
    for alpha in (0.0, 0.8):
        model = with_head(task)
        loss, _, output = make_criterion(task, alpha)(model, late)
        loss.backward()
        losses.append(loss.item())
        gradients.append(model.token_heads["tagging_head"].out_proj.weight.grad)
        assert output["labelled_pairs"] == 0 and "task_source" not in logged([output])
    assert losses[0] == losses[1] and torch.equal(*gradients)


def test_scores_are_counted_in_evaluation_alone(task, dataset):
    valid = task.load_dataset("valid")
    model, sample = with_head(task), batch_of(valid)
    criterion = make_criterion(task)
    with torch.no_grad():
        assert any(":" in key for key in criterion(model, sample)[2])
        assert not any(":" in key for key in criterion(model.train(), sample)[2])


def test_every_validation_batch_has_the_same_sums(tmp_path):
    data = write_tag_data(tmp_path / "bin", without=["valid.sw.tags"])
    task = tagging_task(data, max_positions=12)
    valid = task.load_dataset("valid", with_unlabelled=True)
    model, criterion = with_head(task), make_criterion(task)
    items = {
        "all": range(24),
        "english": range(8),
        "no source": [8, 13],
        "pairs": [9, 10],
        "unlabelled": range(16, 24),
    }
    outputs = {}
    with torch.no_grad():
        for name, rows in items.items():
            sample = valid.collater([valid[i] for i in rows])
            outputs[name] = criterion(model, sample)[2]
    names = ("chunks_right", "chunks_predicted", "chunks_gold")
    wanted = {f"{name}:{lang}" for name in names for lang in ("en", "de", "sw")}
    for output in outputs.values():
        assert output.keys() == outputs["all"].keys()
        assert {key for key in output if ":" in key} == wanted
    assert outputs["unlabelled"]["loss"] > 0  # the consistency of representations
    assert all(outputs["unlabelled"][f"{name}:sw"] == 0 for name in names)
    assert "f1_sw" not in logged([outputs["all"]])
    # Batches of every size add up to the same.
    parts = [
        criterion(model, valid.collater([valid[i] for i in range(j, j + 3)]))[2]
        for j in range(0, 24, 3)
    ]
    for key, value in outputs["all"].items():
        if not key.startswith("ratio_"):
            total = float(sum(part[key] for part in parts))
            assert total == pytest.approx(float(value), rel=1e-6), key


def test_tag_names_are_those_of_the_data(task):
    assert task.label_names == TAGS
