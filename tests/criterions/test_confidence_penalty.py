"""Eq. 1 of MultiMix against loops in float64, for pairs and for tagged sentences."""

import math
from types import SimpleNamespace

import pytest
import torch
from naive_losses import softmax
from refusals import refused
from torch.autograd import gradcheck

from fairseq_xling.criterions.confidence_penalty import ConfidencePenaltyCriterion
from fairseq_xling.criterions.losses import negative_entropy, soft_tag_loss, task_loss


def naive_entropy_term(logits):
    return math.fsum(p * math.log(p) for p in softmax(logits))


def draw(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return 2 * torch.randn(*shape, dtype=torch.double, generator=generator)


def test_negative_entropy_equals_loops():
    logits = draw(6, 4)
    expected = [naive_entropy_term(row) for row in logits.tolist()]
    assert negative_entropy(logits).tolist() == pytest.approx(expected, abs=1e-12)


def test_negative_entropy_is_the_mean_over_counted_words():
    logits = draw(2, 4, 3)
    counted = torch.tensor([[1, 1, 0, 1], [0, 0, 0, 0]]).bool()
    words = [naive_entropy_term(word) for word in logits[0].tolist()]
    expected = [math.fsum([words[0], words[1], words[3]]) / 3, 0.0]
    found = negative_entropy(logits, counted)
    assert found.tolist() == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("logits, value", [([0.0, 0.0], -math.log(2)), ([0, 900.0], 0)])
def test_the_undecided_gain_most_and_the_certain_nothing(logits, value):
    found = negative_entropy(torch.tensor([logits], dtype=torch.double))
    assert found.item() == pytest.approx(value, abs=1e-12)


def test_gradients_are_right():
    counted = torch.tensor([[True, True, False], [True, False, False]])
    logits = draw(2, 3, 4).requires_grad_()
    assert gradcheck(lambda x: negative_entropy(x, counted), logits)
    probs = draw(2, 3, 4, seed=1).softmax(dim=-1) * counted.unsqueeze(-1)
    loss = lambda x: soft_tag_loss(x, probs) + 0.7 * negative_entropy(x, counted)  # noqa: E731
    assert gradcheck(loss, logits)


def fake_task(logits, labels, counted=None, training_set="source"):
    def losses(logits, extra, sample):
        if counted is None:
            return SimpleNamespace(target=task_loss(logits, labels))
        return SimpleNamespace(target=soft_tag_loss(logits, labels))

    family = SimpleNamespace(
        forward=lambda model, sample: (logits, {}),
        loss_terms=losses,
        counted_words=lambda sample: counted,
        scores_in_training=False,
    )
    cfg = SimpleNamespace(training_set=training_set)
    return SimpleNamespace(cfg=cfg, family=family)


@pytest.mark.parametrize("weight", [0.0, 0.3, 1.0])
def test_loss_of_pairs_is_eq_1(weight):
    logits, labels = draw(5, 3), torch.tensor([0, 2, 1, 1, 0])
    criterion = ConfidencePenaltyCriterion(fake_task(logits, labels), weight)
    model = torch.nn.Linear(1, 1).train()
    loss, rows, logged = criterion(model, {"ntokens": 9})
    expected = 0.0
    for row, label in zip(logits.tolist(), labels.tolist()):
        p = softmax(row)
        expected += -math.log(p[label])
        expected += weight * math.fsum(x * math.log(x) for x in p)
    assert loss.item() == pytest.approx(expected, abs=1e-10)
    assert rows == logged["sample_size"] == 5
    difference = logged["cross_entropy"] - weight * logged["entropy"]
    assert difference.item() == pytest.approx(expected, abs=1e-10)


def test_loss_of_tagged_sentences_is_eq_1_averaged_over_words():
    logits = draw(2, 3, 4)
    tags = [[1, 3, None], [0, None, None]]
    probs = torch.zeros(2, 3, 4, dtype=torch.double)
    expected = 0.0
    for i, row in enumerate(tags):
        known = [(j, tag) for j, tag in enumerate(row) if tag is not None]
        for j, tag in known:
            probs[i, j, tag] = 1
            p = softmax(logits[i, j].tolist())
            value = -math.log(p[tag]) + math.fsum(x * math.log(x) for x in p)
            expected += value / len(known)
    task = fake_task(logits, probs, counted=probs.sum(-1) > 0)
    criterion = ConfidencePenaltyCriterion(task, 1.0)
    loss, _, _ = criterion(torch.nn.Linear(1, 1).train(), {"ntokens": 9})
    assert loss.item() == pytest.approx(expected, abs=1e-10)


def test_negative_weight_is_refused():
    with refused("--confidence-penalty -1: give 0 or more"):
        ConfidencePenaltyCriterion(fake_task(draw(1, 2), None), -1)


def test_two_streams_are_refused():
    task = fake_task(draw(1, 2), None, training_set="pairs")
    with refused("use --criterion xmixup"):
        ConfidencePenaltyCriterion(task, 1.0)
