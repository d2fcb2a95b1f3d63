"""The criterion on batches of tagged sentences and of questions: eq. 7, 8 and 13."""

import math
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Callable, Dict, Sequence, Tuple

import numpy as np
import pytest
import torch
from naive_losses import distance, logged, make_criterion, mean_state, softmax, unpadded
from question_data import question_task, write_question_data
from tag_data import TAGS, tagging_task, with_head, write_tag_data


def batch_of(dataset, step):
    return dataset.collater([dataset[i] for i in range(0, len(dataset), step)])


def training_model(task):
    """In training mode, as the training set has no texts to score; without dropout."""
    return with_head(task, dropout=0.0, attention_dropout=0.0).train()


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
        found.append(softmax(scores))
    return found


def naive_tag_loss(found, wanted):
    """The mean over words; 0 for a sentence without distributions."""
    if wanted is None or not any(map(sum, wanted)):
        return 0.0
    losses = [
        -sum(y * math.log(p) for y, p in zip(*pair)) for pair in zip(wanted, found)
    ]
    return sum(losses) / len(losses)


def naive_terms(model, sample, head, loss, **options):
    """Terms of each row by itself, from the model's states of that row alone.

    Args:
        head: the name of the model's head.
        loss: of a stream (``""`` or ``"source_"``), of the row, its tokens and states;
            None for a source without labels.
    """
    net_input, terms = sample["net_input"], []
    for i, row in enumerate(net_input["src_tokens"]):
        target, source = unpadded(row), None
        if i < len(net_input["source_tokens"]):
            source = unpadded(net_input["source_tokens"][i])
        _, extra = model(
            torch.tensor([target]),
            None if source is None else torch.tensor([source]),
            features_only=True,
            token_head_name=head,
            **options,
        )
        states = extra["features"][0].tolist()[: len(target)]
        term = {"target": loss("", i, target, states), "source": None}
        terms.append(term)
        if source is None:
            continue
        source_states = extra["source_features"][0].tolist()[: len(source)]
        means = mean_state(target, states), mean_state(source, source_states)
        term["mse"] = distance(*means)
        term["ratio"] = extra["mixup_ratio"].mean().item()
        if "source_is_real" not in sample or bool(sample["source_is_real"][i]):
            term["source"] = loss("source_", i, source, source_states)
    return terms


def naive_tag_terms(model, sample, pooling="first"):
    def loss(stream, i, tokens, states):
        starts = sample["net_input"][f"{stream}word_starts"][i].tolist()
        starts = [start for start in starts if start > 0]
        if stream and not starts:
            return None
        end = len(tokens) - 1
        found = naive_word_probabilities(model, states, starts, end, pooling)
        wanted = sample[f"{stream}tag_probs"][i, : len(starts)].tolist()
        return naive_tag_loss(found, wanted)

    starts = torch.tensor([[1]])
    return naive_terms(model, sample, "tagging_head", loss, word_starts=starts)


def naive_span_loss(model, states, span):
    """The mean over both ends of the head's scores of all tokens."""
    head = next(iter(model.token_heads.values())).out_proj
    total = 0.0
    for column, position in enumerate(span):
        weight, bias = head.weight[column].tolist(), head.bias[column].item()
        scores = [sum(w * x for w, x in zip(weight, state)) + bias for state in states]
        total += math.log(sum(map(math.exp, scores))) - scores[position]
    return total / 2


def naive_span_terms(model, sample):
    def loss(stream, i, tokens, states):
        if stream and not sample["has_source_span"][i]:
            return None
        return naive_span_loss(model, states, sample[f"{stream}span"][i].tolist())

    return naive_terms(model, sample, "span_head", loss)


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


@dataclass
class Kind:
    """What differs between the two families."""

    write: Callable[..., Any]
    make_task: Callable[..., Any]
    model: Callable[..., Any]
    terms: Callable[..., Any]
    head: str
    alpha: float
    update: int
    step: int
    pair_step: int
    labelled: str
    counts: Sequence[str]
    grown: Tuple[str, ...]


KINDS: Dict[str, Kind] = {
    "tagging": Kind(
        write=write_tag_data,
        make_task=partial(tagging_task, max_positions=12),
        model=with_head,
        terms=naive_tag_terms,
        head="tagging_head",
        alpha=0.8,
        update=6,
        step=4,
        pair_step=4,
        labelled="source",
        counts=("chunks_right", "chunks_predicted", "chunks_gold"),
        grown=("weight", "bias"),
    ),
    "questions": Kind(
        write=write_question_data,
        make_task=question_task,
        model=training_model,
        terms=naive_span_terms,
        head="span_head",
        alpha=0.2,
        update=8,
        step=7,
        pair_step=5,
        labelled="source_span",
        counts=("questions", "answer_em", "answer_f1"),
        grown=("weight",),
    ),
}
KINDS["tagging by means"] = replace(
    KINDS["tagging"],
    make_task=partial(tagging_task, max_positions=12, word_pooling="mean"),
    terms=partial(naive_tag_terms, pooling="mean"),
)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    return {name: kind.write(root / name) for name, kind in KINDS.items()}


@pytest.fixture(scope="module", params=KINDS)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def kind(name):
    return KINDS[name]


@pytest.fixture(scope="module")
def task(folders, name, kind):
    return kind.make_task(folders[name], scheduled_sampling_decay=4.0)


@pytest.fixture(scope="module")
def dataset(task):
    return task.load_dataset("train")


def adds_up(task, model, dataset, step, loss):
    """Whether what a row adds does not depend on its companions."""
    apart = [
        make_criterion(task)(model, dataset.collater([dataset[i]]))[0].item()
        for i in range(0, len(dataset), step)
    ]
    return loss.item() == pytest.approx(sum(apart), rel=1e-6)


@pytest.mark.parametrize("alpha, mse", [(None, 1.0), (1.0, 0.0), (0.0, 0.5)])
def test_loss_equals_loops(kind, task, dataset, alpha, mse):
    model = kind.model(task)
    sample = task.sample_sources(batch_of(dataset, kind.step), kind.update)
    pairs, real = len(sample["net_input"]["source_tokens"]), sample["source_is_real"]
    known = sample.get("has_source_span", torch.ones(pairs))
    kinds = set(zip(real.tolist(), known.tolist()))
    # All kinds of rows.
    assert len(kinds) == 2 * len(set(known.tolist())) and pairs < len(sample["id"])
    assert len(set(known.tolist())) == (2 if "has_source_span" in sample else 1)
    with torch.no_grad():
        loss, size, _ = make_criterion(task, alpha, mse)(model, sample)
        terms = kind.terms(model, sample)
    assert size == len(sample["id"])
    want = naive_loss(terms, kind.alpha if alpha is None else alpha, mse)
    assert loss.item() == pytest.approx(want, rel=1e-6)


def test_what_a_row_adds_does_not_depend_on_its_companions(kind, task, dataset):
    model = kind.model(task)
    with torch.no_grad():
        together = make_criterion(task)(model, batch_of(dataset, kind.step))[0]
        assert adds_up(task, model, dataset, kind.step, together)


def test_source_without_tags_leaves_the_whole_weight_to_the_target(tmp_path):
    without = [f"train.sw.source_{name}" for name in ("word_starts", "tags")]
    data = write_tag_data(tmp_path / "bin", without=without)
    task = tagging_task(data)
    model, dataset = with_head(task), task.load_dataset("train")
    sample = batch_of(dataset, 4)
    languages = {
        task.languages[i]: (sample["lang"][: len(sample["source_tag_probs"])] == i)
        for i in (1, 2)
    }
    assert all(here.any() for here in languages.values())
    with torch.no_grad():
        loss, _, output = make_criterion(task)(model, sample)
        terms = naive_tag_terms(model, sample, "first")
        assert adds_up(task, model, dataset, 4, loss)
    assert output["labelled_pairs"] == languages["de"].sum()
    assert loss.item() == pytest.approx(naive_loss(terms, 0.8, 1.0), rel=1e-6)


def test_backtranslations_have_no_source_loss_and_full_target_weight(
    kind, task, dataset
):
    sample = batch_of(dataset, kind.step)
    # Far in training, every pair has its back-translation, where there is one.
    late = task.sample_sources(sample, 10**6)
    assert torch.equal(late["source_is_real"], ~sample["has_backtranslation"])
    with torch.no_grad():
        terms = task.family.loss_terms(
            *task.family.forward(kind.model(task), late), late
        )
    real = late["source_is_real"]
    labelled = real & late.get("has_source_span", real)
    assert torch.equal(terms.source_is_labelled, labelled)
    assert terms.prediction is None


def test_logged_terms_are_means_over_pairs_and_the_sources_over_labelled_ones(
    name, kind, task, dataset
):
    model = kind.model(task)
    sample = task.sample_sources(batch_of(dataset, kind.step), kind.update)
    with torch.no_grad():
        _, size, output = make_criterion(task)(model, sample)
        terms = kind.terms(model, sample)
    values = logged([output])
    pairs = [term for term in terms if "mse" in term]
    sources = [term["source"] for term in pairs if term["source"] is not None]
    assert 0 < len(sources) < len(pairs) < len(terms)
    for name, want in [
        ("task_source", np.mean(sources)),
        ("task_target", np.mean([term["target"] for term in pairs])),
        ("mse", np.mean([term["mse"] for term in pairs])),
        ("lambda", np.mean([term["ratio"] for term in pairs])),
        ("loss", naive_loss(terms, kind.alpha, 1.0) / size),
    ]:
        assert values[name] == pytest.approx(want, abs=6e-5), name
    assert "kl" not in values


@pytest.mark.parametrize("weight", [0.0, 1.0, 5.0])
def test_no_divergence_of_predictions_is_added(kind, task, dataset, weight):
    model, sample = kind.model(task), batch_of(dataset, kind.step)
    with torch.no_grad():
        loss = make_criterion(task, kl=weight)(model, sample)[0]
        assert loss == make_criterion(task, kl=0.0)(model, sample)[0]


def pairs_of(kind, dataset, stream):
    """A batch of windows that have a stream."""
    rows = range(len(dataset))
    kept = [i for i in rows if dataset[i][0][stream] is not None]
    return dataset.collater([dataset[i] for i in kept[:: kind.pair_step]])


@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_gradients_reach_the_head_from_both_streams(kind, task, dataset, alpha):
    sample = pairs_of(kind, dataset, kind.labelled)
    assert len(sample["net_input"]["source_tokens"]) == len(sample["id"])
    model = kind.model(task)
    loss, _, _ = make_criterion(task, alpha, mse=0.0)(model, sample)
    loss.backward()
    for part in kind.grown:
        parameter = getattr(model.token_heads[kind.head].out_proj, part)
        assert parameter.grad.abs().max() > 1e-3


def test_gradients_reach_the_ratio(kind, task, dataset):
    model = kind.model(task)
    loss, _, _ = make_criterion(task)(model, pairs_of(kind, dataset, "source"))
    loss.backward()
    [ratio] = model.ratio_modules()
    assert all(parameter.grad.abs() > 0 for parameter in ratio.parameters())


def test_backtranslated_sources_do_not_matter_for_the_labels(kind, task, dataset):
    late = task.sample_sources(pairs_of(kind, dataset, "backtranslation"), 10**6)
    assert not late["source_is_real"].any()
    assert late.get("has_source_span", torch.ones(1)).any()
    losses, gradients = [], []
    for alpha in (0.0, 0.8):
        model = kind.model(task)
        loss, _, output = make_criterion(task, alpha)(model, late)
        loss.backward()
        losses.append(loss.item())
        gradients.append(model.token_heads[kind.head].out_proj.weight.grad)
        assert output["labelled_pairs"] == 0 and "task_source" not in logged([output])
    assert losses[0] == losses[1] and torch.equal(*gradients)


def test_scores_are_counted_in_evaluation_alone(folders, name, kind):
    task = kind.make_task(folders[name])
    sample = batch_of(task.load_dataset("valid"), kind.step)
    model, criterion = with_head(task), make_criterion(task)
    with torch.no_grad():
        assert any(":" in key for key in criterion(model, sample)[2])
        assert not any(":" in key for key in criterion(model.train(), sample)[2])


def test_every_validation_batch_has_the_same_sums(tmp_path, name, kind):
    without = {"without": ["valid.sw.tags"]} if name != "questions" else {}
    task = kind.make_task(kind.write(tmp_path / "bin", **without))
    valid = task.load_dataset("valid", with_unlabelled=True)
    model, criterion = with_head(task), make_criterion(task)
    items = {
        "all": range(24),
        "english": range(8),
        "no source": [8, 13],
        "pairs": [9, 10],
        "unlabelled": range(16, 24),
    }
    rows = [*items.values(), *(range(first, first + 3) for first in range(0, 24, 3))]
    with torch.no_grad():
        batches = [valid.collater([valid[i] for i in one]) for one in rows]
        outputs = [criterion(model, batch)[2] for batch in batches]
    parts = outputs[len(items) :]
    found = dict(zip(items, outputs))
    wanted = {f"{name}:{lang}" for name in kind.counts for lang in ("en", "de", "sw")}
    for output in outputs:
        assert output.keys() == found["all"].keys()
        assert {key for key in output if ":" in key} == wanted
    if without:
        assert found["unlabelled"]["loss"] > 0  # the consistency of representations
        assert all(found["unlabelled"][f"{name}:sw"] == 0 for name in kind.counts)
        assert "f1_sw" not in logged([found["all"]])
    else:
        assert {found["all"][f"questions:{x}"] for x in ("en", "de", "sw")} == {8}
    # Batches of every size add up to the same.
    for key, value in found["all"].items():
        if not key.startswith("ratio_"):
            total = float(sum(part[key] for part in parts))
            assert total == pytest.approx(float(value), rel=1e-6), key


def test_tag_names_are_those_of_the_data(name, task):
    assert task.label_names == ([] if name == "questions" else TAGS)
