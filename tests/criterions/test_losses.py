"""Eq. 7, 8 and 12 against loops in float64."""

import math

import pytest
import torch

from fairseq_xling.criterions.losses import (
    balanced_task_loss,
    prediction_consistency,
    representation_consistency,
    sequence_representation,
    task_loss,
)


def naive_probabilities(logits):
    top = max(logits)
    exps = [math.exp(x - top) for x in logits]
    return [x / sum(exps) for x in exps]


@pytest.fixture
def logits():
    torch.manual_seed(0)
    return torch.randn(4, 3) * 2, torch.randn(4, 3) * 2


def test_task_loss_equals_loops(logits):
    labels = torch.tensor([0, 2, 1, 1])
    for row, label, got in zip(
        logits[0].double().tolist(), labels, task_loss(logits[0], labels)
    ):
        want = -math.log(naive_probabilities(row)[label])
        assert got.item() == pytest.approx(want, rel=1e-5)


def test_balanced_task_loss_equals_formula():
    source, target = torch.tensor([1.0, 2.0]), torch.tensor([3.0, 5.0])
    got = balanced_task_loss(source, target, 0.4).tolist()
    assert got == pytest.approx([0.4 * 1 + 0.6 * 3, 0.4 * 2 + 0.6 * 5], rel=1e-6)


def test_prediction_consistency_equals_loops(logits):
    got = prediction_consistency(*logits)
    for s, t, value in zip(*(x.double().tolist() for x in logits), got.tolist()):
        p, q = naive_probabilities(s), naive_probabilities(t)
        want = sum(a * math.log(a / b) for a, b in zip(p, q))
        assert value == pytest.approx(want, rel=1e-5)


def test_prediction_consistency_is_that_of_target_from_source(logits):
    forward = prediction_consistency(logits[0], logits[1])
    backward = prediction_consistency(logits[1], logits[0])
    assert not torch.allclose(forward, backward)
    zero = prediction_consistency(logits[0], logits[0])
    torch.testing.assert_close(zero, torch.zeros(4), atol=1e-6, rtol=0)


def test_representation_consistency_equals_loops():
    torch.manual_seed(0)
    source, target = torch.randn(3, 5), torch.randn(3, 5)
    got = representation_consistency(source, target)
    for s, t, value in zip(source.double().tolist(), target.double().tolist(), got):
        want = sum((a - b) ** 2 for a, b in zip(s, t)) / 5
        assert value.item() == pytest.approx(want, rel=1e-5)


def test_mean_representation_equals_loops_over_counted_tokens():
    torch.manual_seed(0)
    features = torch.randn(2, 4, 3)
    counted = torch.tensor([[False, True, True, False], [False, True, False, False]])
    got = sequence_representation(features, counted, "mean")
    for b in range(2):
        kept = [features[b, i].double() for i in range(4) if counted[b, i]]
        for d in range(3):
            want = sum(state[d].item() for state in kept) / len(kept)
            assert got[b, d].item() == pytest.approx(want, rel=1e-5)


def test_first_representation_is_the_first_state():
    features = torch.randn(2, 4, 3)
    counted = torch.ones(2, 4, dtype=torch.bool)
    first = sequence_representation(features, counted, "first")
    assert torch.equal(first, features[:, 0])


def test_mean_over_no_token_is_zero():
    features = torch.randn(1, 2, 3)
    nothing = torch.zeros(1, 2, dtype=torch.bool)
    assert sequence_representation(features, nothing, "mean").abs().max() == 0


def test_losses_have_right_gradients():
    torch.manual_seed(0)
    options = {"dtype": torch.double, "requires_grad": True}
    source, target = torch.randn(3, 4, **options), torch.randn(3, 4, **options)
    labels = torch.tensor([0, 3, 1])

    def total(source, target):
        task = balanced_task_loss(
            task_loss(source, labels), task_loss(target, labels), 0.4
        )
        return (
            task
            + prediction_consistency(source, target)
            + representation_consistency(source, target)
        )

    assert torch.autograd.gradcheck(total, (source, target))


def test_half_precision_losses_are_computed_in_fp32(logits):
    source, target = (x.half() for x in logits)
    low = prediction_consistency(source, target)
    assert low.dtype == torch.float32
    high = prediction_consistency(source.float(), target.float())
    assert torch.equal(low, high)
