"""The criterion on batches of questions: eq. 7, 8 and 13 put together."""

import math

import numpy as np
import pytest
import torch
from fairseq.logging import metrics
from question_data import question_task, write_question_data
from tag_data import with_head

from fairseq_xling.criterions.xmixup import XMixupCriterion

UPDATE = 8


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_question_data(tmp_path_factory.mktemp("data") / "bin")


@pytest.fixture(scope="module")
def task(data):
    return question_task(data, scheduled_sampling_decay=4.0)


@pytest.fixture(scope="module")
def dataset(task):
    return task.load_dataset("train")


def batch_of(dataset, step=7, first=0):
    return dataset.collater([dataset[i] for i in range(first, len(dataset), step)])


def make_criterion(task, alpha=0.2, mse=1.0, kl=1.0):
    return XMixupCriterion(task, alpha, mse, kl, "mean")


def training_model(task):
    """In training mode, as the training set has no texts to score; without dropout."""
    return with_head(task, dropout=0.0, attention_dropout=0.0).train()


def unpadded(row):
    return [token for token in row.tolist() if token != 1]


def naive_cross_entropy(model, states, span):
    """The mean over both ends of the head's scores of all tokens."""
    head = next(iter(model.token_heads.values())).out_proj
    total = 0.0
    for column, position in enumerate(span):
        weight, bias = head.weight[column].tolist(), head.bias[column].item()
        scores = [sum(w * x for w, x in zip(weight, state)) + bias for state in states]
        total += math.log(sum(map(math.exp, scores))) - scores[position]
    return total / 2


def naive_terms(model, sample):
    """Terms of each window by itself, from the model's states of that window alone."""
    terms = []
    sources = sample["net_input"]["source_tokens"]
    for i, row in enumerate(sample["net_input"]["src_tokens"]):
        target = unpadded(row)
        source = unpadded(sources[i]) if i < len(sources) else None
        _, extra = model(
            torch.tensor([target]),
            None if source is None else torch.tensor([source]),
            features_only=True,
            token_head_name="span_head",
        )
        states = extra["features"][0].tolist()[: len(target)]
        span = sample["span"][i].tolist()
        term = {"target": naive_cross_entropy(model, states, span), "source": None}
        terms.append(term)
        if source is None:
            continue
        source_states = extra["source_features"][0].tolist()[: len(source)]
        vectors = []
        for tokens, rows in ((target, states), (source, source_states)):
            kept = [row for token, row in zip(tokens, rows) if token not in (0, 2)]
            vectors.append([sum(column) / len(kept) for column in zip(*kept)])
        term["mse"] = sum((a - b) ** 2 for a, b in zip(*vectors)) / len(vectors[0])
        is_real = "source_is_real" not in sample or bool(sample["source_is_real"][i])
        if is_real and bool(sample["has_source_span"][i]):
            span = sample["source_span"][i].tolist()
            term["source"] = naive_cross_entropy(model, source_states, span)
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


@pytest.mark.parametrize("alpha, mse", [(0.2, 1.0), (1.0, 0.0), (0.0, 0.5)])
def test_loss_equals_loops(task, dataset, alpha, mse):
    model = training_model(task)
    sample = task.sample_sources(batch_of(dataset), UPDATE)
    pairs = len(sample["net_input"]["source_tokens"])
    kinds = {
        (bool(real), bool(known))
        for real, known in zip(sample["source_is_real"], sample["has_source_span"])
    }
    assert len(kinds) == 4 and pairs < len(sample["id"])
    with torch.no_grad():
        loss, size, _ = make_criterion(task, alpha, mse)(model, sample)
        terms = naive_terms(model, sample)
    assert size == len(sample["id"])
    assert loss.item() == pytest.approx(naive_loss(terms, alpha, mse), rel=1e-6)


def test_what_a_row_adds_does_not_depend_on_its_companions(task, dataset):
    model, criterion = training_model(task), make_criterion(task)
    with torch.no_grad():
        together = criterion(model, batch_of(dataset))[0].item()
        apart = [
            criterion(model, dataset.collater([dataset[i]]))[0].item()
            for i in range(0, len(dataset), 7)
        ]
    assert together == pytest.approx(sum(apart), rel=1e-6)


def logged(outputs):
    with metrics.aggregate(new_root=True) as aggregator:
        XMixupCriterion.reduce_metrics(outputs)
    return aggregator.get_smoothed_values()


def test_logged_terms_are_means_over_pairs_and_the_sources_over_labelled_ones(
    task, dataset
):
    model = training_model(task)
    sample = task.sample_sources(batch_of(dataset), UPDATE)
    with torch.no_grad():
        _, size, output = make_criterion(task)(model, sample)
        terms = naive_terms(model, sample)
    values = logged([output])
    pairs = [term for term in terms if "mse" in term]
    sources = [term["source"] for term in pairs if term["source"] is not None]
    assert 0 < len(sources) < len(pairs) < len(terms)
    for name, want in [
        ("task_source", np.mean(sources)),
        ("task_target", np.mean([term["target"] for term in pairs])),
        ("mse", np.mean([term["mse"] for term in pairs])),
        ("loss", naive_loss(terms, 0.2, 1.0) / size),
    ]:
        assert values[name] == pytest.approx(want, abs=6e-5), name
    assert "kl" not in values


@pytest.mark.parametrize("weight", [0.0, 1.0, 5.0])
def test_no_divergence_of_predictions_is_added(task, dataset, weight):
    model, sample = training_model(task), batch_of(dataset)
    with torch.no_grad():
        loss = make_criterion(task, kl=weight)(model, sample)[0]
        assert loss == make_criterion(task, kl=0.0)(model, sample)[0]


def pairs_of(dataset, stream):
    """A batch of windows that have a stream."""
    rows = range(len(dataset))
    kept = [i for i in rows if dataset[i][0][stream] is not None]
    return dataset.collater([dataset[i] for i in kept[::5]])


@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_gradients_reach_the_head_from_both_streams(task, dataset, alpha):
    sample = pairs_of(dataset, "source_span")
    assert len(sample["net_input"]["source_tokens"]) == len(sample["id"])
    model = training_model(task)
    loss, _, _ = make_criterion(task, alpha, mse=0.0)(model, sample)
    loss.backward()
    assert model.token_heads["span_head"].out_proj.weight.grad.abs().max() > 1e-3


def test_gradients_reach_the_ratio(task, dataset):
    model = training_model(task)
    loss, _, _ = make_criterion(task)(model, pairs_of(dataset, "source"))
    loss.backward()
    [ratio] = model.ratio_modules()
    assert all(parameter.grad.abs() > 0 for parameter in ratio.parameters())


def test_backtranslated_sources_do_not_matter_for_the_answers(task, dataset):
    late = task.sample_sources(pairs_of(dataset, "backtranslation"), 10**6)
    assert not late["source_is_real"].any() and late["has_source_span"].any()
    losses, gradients = [], []
    for alpha in (0.0, 0.8):
        model = training_model(task)
        loss, _, output = make_criterion(task, alpha)(model, late)
        loss.backward()
        losses.append(loss.item())
        gradients.append(model.token_heads["span_head"].out_proj.weight.grad)
        assert output["labelled_pairs"] == 0 and "task_source" not in logged([output])
    assert losses[0] == losses[1] and torch.equal(*gradients)


def test_scores_are_counted_in_evaluation_alone(data):
    task = question_task(data)
    sample = batch_of(task.load_dataset("valid"))
    model, criterion = with_head(task), make_criterion(task)
    with torch.no_grad():
        assert any(":" in key for key in criterion(model, sample)[2])
        assert not any(":" in key for key in criterion(model.train(), sample)[2])


def test_every_validation_batch_has_the_same_sums(data):
    task = question_task(data)
    valid = task.load_dataset("valid")
    model, criterion = with_head(task), make_criterion(task)
    items = {
        "all": range(24),
        "english": range(8),
        "no source": [8, 13],
        "pairs": [9, 10],
    }
    outputs = {}
    with torch.no_grad():
        for name, rows in items.items():
            sample = valid.collater([valid[i] for i in rows])
            outputs[name] = criterion(model, sample)[2]
        parts = [
            criterion(model, valid.collater([valid[i] for i in range(j, j + 3)]))[2]
            for j in range(0, 24, 3)
        ]
    names = ("questions", "answer_em", "answer_f1")
    wanted = {f"{name}:{lang}" for name in names for lang in ("en", "de", "sw")}
    for output in (*outputs.values(), *parts):
        assert output.keys() == outputs["all"].keys()
        assert {key for key in output if ":" in key} == wanted
    assert {outputs["all"][f"questions:{x}"] for x in ("en", "de", "sw")} == {8}
    # Batches of every size add up to the same.
    for key, value in outputs["all"].items():
        if not key.startswith("ratio_"):
            total = float(sum(part[key] for part in parts))
            assert total == pytest.approx(float(value), rel=1e-6), key
