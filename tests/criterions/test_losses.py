"""Eq. 7, 8, 12 and 13 against loops in float64."""

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from naive_losses import distance, softmax

from fairseq_xling.criterions.losses import (
    balanced_task_loss,
    prediction_consistency,
    representation_consistency,
    sequence_representation,
    soft_tag_loss,
    span_loss,
    task_loss,
)


@pytest.fixture
def logits():
    torch.manual_seed(0)
    return torch.randn(4, 3) * 2, torch.randn(4, 3) * 2


def test_task_loss_equals_loops(logits):
    labels = torch.tensor([0, 2, 1, 1])
    for row, label, got in zip(
        logits[0].double().tolist(), labels, task_loss(logits[0], labels)
    ):
        want = -math.log(softmax(row)[label])
        assert got.item() == pytest.approx(want, rel=1e-5)


def test_balanced_task_loss_equals_formula():
    source, target = torch.tensor([1.0, 2.0]), torch.tensor([3.0, 5.0])
    got = balanced_task_loss(source, target, 0.4).tolist()
    assert got == pytest.approx([0.4 * 1 + 0.6 * 3, 0.4 * 2 + 0.6 * 5], rel=1e-6)


def test_prediction_consistency_equals_loops(logits):
    got = prediction_consistency(*logits)
    for s, t, value in zip(*(x.double().tolist() for x in logits), got.tolist()):
        p, q = softmax(s), softmax(t)
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
        want = distance(s, t)
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


def distributions(*shape):
    return torch.distributions.Dirichlet(torch.full(shape, 0.5)).sample()


def naive_soft_tag_loss(logits, probs):
    """One sentence: the mean over the words whose distribution is known."""
    losses = []
    for scores, wanted in zip(logits.double().tolist(), probs.double().tolist()):
        if sum(wanted) > 0:
            found = softmax(scores)
            losses.append(-sum(y * math.log(p) for y, p in zip(wanted, found)))
    return sum(losses) / len(losses) if losses else 0.0


def test_soft_tag_loss_equals_loops_over_known_words():
    torch.manual_seed(0)
    logits, probs = 2 * torch.randn(5, 6, 4), distributions(5, 6, 4)
    probs[1, 2:] = 0  # padding
    probs[2, [0, 3]] = 0  # words in the middle
    probs[3] = 0  # none known
    probs[4] = F.one_hot(torch.arange(6) % 4, 4)
    got = soft_tag_loss(logits, probs).tolist()
    want = [naive_soft_tag_loss(*row) for row in zip(logits, probs)]
    assert got == pytest.approx(want, rel=1e-5)
    assert got[3] == 0


def test_known_tags_give_the_mean_cross_entropy_of_words():
    torch.manual_seed(1)
    logits, tags = torch.randn(3, 5, 4), torch.randint(4, (3, 5))
    got = soft_tag_loss(logits, F.one_hot(tags, 4).float())
    for row in range(3):
        want = F.cross_entropy(logits[row].double(), tags[row])
        assert got[row].item() == pytest.approx(want.item(), rel=1e-5)


def test_sentences_without_words_have_no_loss_and_no_gradient():
    logits = torch.randn(2, 3, 4, requires_grad=True)
    loss = soft_tag_loss(logits, torch.zeros(2, 3, 4))
    loss.sum().backward()
    assert loss.tolist() == [0, 0] and logits.grad.abs().max() == 0
    assert soft_tag_loss(torch.zeros(2, 0, 4), torch.zeros(2, 0, 4)).tolist() == [0, 0]


@given(seed=st.integers(0, 1000), share=st.floats(0, 1))
def test_soft_tag_loss_of_a_mixture_is_the_mixture_of_the_losses(seed, share):
    torch.manual_seed(seed)
    logits = torch.randn(2, 4, 3, dtype=torch.double)
    one, two = distributions(2, 4, 3).double(), distributions(2, 4, 3).double()
    mixed = soft_tag_loss(logits, share * one + (1 - share) * two)
    want = share * soft_tag_loss(logits, one) + (1 - share) * soft_tag_loss(logits, two)
    torch.testing.assert_close(mixed, want, rtol=1e-9, atol=0)


@given(seed=st.integers(0, 1000))
def test_soft_tag_loss_is_least_for_the_distribution_itself(seed):
    torch.manual_seed(seed)
    probs = distributions(1, 3, 4).double().clamp(min=1e-9)
    probs /= probs.sum(dim=-1, keepdim=True)
    least = soft_tag_loss(probs.log(), probs)
    other = soft_tag_loss(probs.log() + torch.randn(1, 3, 4), probs)
    assert (least <= other + 1e-12).all()


def naive_span_loss(logits, span):
    """One sequence without padding."""
    both = [
        -math.log(softmax(column)[position])
        for column, position in zip(logits.double().T.tolist(), span)
    ]
    return sum(both) / 2


def test_span_loss_equals_loops_over_real_tokens():
    torch.manual_seed(0)
    logits, lengths = 3 * torch.randn(4, 7, 2), [7, 4, 1, 5]
    spans = [(2, 5), (0, 0), (0, 0), (4, 4)]
    tokens = torch.arange(7)[None] < torch.tensor(lengths)[:, None]
    got = span_loss(logits, torch.tensor(spans), tokens).tolist()
    for row, (length, span) in enumerate(zip(lengths, spans)):
        want = naive_span_loss(logits[row, :length], span)
        assert got[row] == pytest.approx(want, rel=1e-5, abs=1e-7)


@given(
    seed=st.integers(0, 1000),
    padding=st.lists(st.floats(-1e4, 1e4, width=32), max_size=5),
)
def test_padding_never_changes_the_span_loss(seed, padding):
    torch.manual_seed(seed)
    logits, spans = torch.randn(1, 4, 2), torch.randint(4, (1, 2))
    want = span_loss(logits, spans, torch.ones(1, 4, dtype=torch.bool))
    columns = torch.tensor(padding).view(1, -1, 1).expand(1, -1, 2)
    wide = torch.cat([logits, columns], dim=1)
    tokens = torch.arange(4 + len(padding))[None] < 4
    got = span_loss(wide, spans, tokens)
    torch.testing.assert_close(got, want, rtol=1e-6, atol=1e-7)


def test_losses_of_tags_and_spans_have_right_gradients():
    torch.manual_seed(0)
    options = {"dtype": torch.double, "requires_grad": True}
    probs = distributions(3, 4, 3).double()
    probs[0, 2:], probs[1] = 0, 0
    logits = torch.randn(3, 4, 3, **options)
    assert torch.autograd.gradcheck(lambda x: soft_tag_loss(x, probs), logits)
    spans = torch.tensor([[0, 0], [1, 3], [2, 2]])
    tokens = torch.arange(5)[None] < torch.tensor([5, 4, 3])[:, None]
    logits = torch.randn(3, 5, 2, **options)
    assert torch.autograd.gradcheck(lambda x: span_loss(x, spans, tokens), logits)


def test_losses_of_tags_and_spans_are_computed_in_fp32():
    torch.manual_seed(0)
    logits, probs = torch.randn(2, 3, 2).half(), distributions(2, 3, 2)
    low = soft_tag_loss(logits, probs)
    assert low.dtype == torch.float32
    assert torch.equal(low, soft_tag_loss(logits.float(), probs))
    spans, tokens = torch.tensor([[0, 1], [2, 2]]), torch.ones(2, 3, dtype=torch.bool)
    low = span_loss(logits, spans, tokens)
    assert low.dtype == torch.float32
    assert torch.equal(low, span_loss(logits.float(), spans, tokens))
