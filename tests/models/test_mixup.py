"""Eq. 3, 4 and 5 against loops in float64, and their laws."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from naive_losses import softmax
from naive_mixing import naive_alignment

from fairseq_xling.models.mixup import (
    MixupRatio,
    alignment_entropy,
    attention_entropy,
    cross_attention_context,
    cross_attention_scores,
    hidden_scores,
    mix,
)


def naive_attention(query, key, value, heads, keys):
    """Multi-head attention of one instance by loops: (tgt, dim), (src, dim) lists."""
    width = len(query[0]) // heads
    out = []
    for q in query:
        row = []
        for head in range(heads):
            part = range(head * width, (head + 1) * width)
            scores = [
                sum(q[d] * key[j][d] for d in part) / math.sqrt(width) for j in keys
            ]
            weights = softmax(scores)
            row += [sum(w * value[j][d] for w, j in zip(weights, keys)) for d in part]
        out.append(row)
    return out


def masks(lengths, width):
    return torch.arange(width)[None] < torch.tensor(lengths)[:, None]


@pytest.mark.parametrize("normalised", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_alignment_entropy_equals_loops(seed, normalised):
    torch.manual_seed(seed)
    scores = torch.randn(4, 2, 6, 5) * 3
    targets, sources = [6, 4, 1, 1], [2, 5, 3, 1]
    counted = masks(targets, 6), masks(sources, 5)
    got = alignment_entropy(scores, *counted, normalised)
    for i in range(4):
        places = range(targets[i]), range(sources[i])
        want = naive_alignment(scores[i].double(), *places, normalised)
        assert got[i].item() == pytest.approx(want, rel=1e-5, abs=1e-7)
        assert not normalised or 0 <= got[i] <= 2


def test_hidden_scores_equal_loops():
    torch.manual_seed(1)
    target, source = torch.randn(4, 2, 6), torch.randn(5, 2, 6)
    scores = hidden_scores(target, source)
    for b in range(2):
        for i in range(4):
            for j in range(5):
                dot = sum((target[i, b, d] * source[j, b, d]).item() for d in range(6))
                want = dot / math.sqrt(6)
                assert scores[b, 0, i, j].item() == pytest.approx(want, rel=1e-4)


@pytest.mark.parametrize("heads", [1, 2, 4])
def test_cross_attention_equals_loops(heads):
    torch.manual_seed(heads)
    query, key, value = torch.randn(3, 2, 8), torch.randn(5, 2, 8), torch.randn(5, 2, 8)
    lengths = [5, 3]
    scaling = (8 // heads) ** -0.5
    scores = cross_attention_scores(query, key, heads, scaling)
    context = cross_attention_context(scores, value, ~masks(lengths, 5))
    for b in range(2):
        want = naive_attention(
            query[:, b].double().tolist(),
            key[:, b].double().tolist(),
            value[:, b].double().tolist(),
            heads,
            range(lengths[b]),
        )
        want = torch.tensor(want, dtype=torch.double)
        torch.testing.assert_close(context[:, b].double(), want, rtol=1e-5, atol=1e-6)


def test_mix_equals_loops():
    torch.manual_seed(0)
    target, context, ratio = torch.randn(3, 2, 4), torch.randn(3, 2, 4), torch.rand(2)
    mixed = mix(target, context, ratio)
    for i in range(3):
        for b in range(2):
            for d in range(4):
                share = ratio[b].item()
                want = share * context[i, b, d] + (1 - share) * target[i, b, d]
                assert mixed[i, b, d].item() == pytest.approx(want.item(), rel=1e-5)


def test_ratio_equals_formula_and_learns_both_parameters():
    module = MixupRatio(max_ratio=0.4, lr_scale=10.0).double()
    with torch.no_grad():
        module.weight_offset.fill_(0.05)
        module.bias_offset.fill_(-0.02)
    entropy = torch.tensor([0.0, 1.5, 4.0], dtype=torch.double)
    ratio = module(entropy)
    for h, got in zip(entropy.tolist(), ratio.tolist()):
        want = 0.4 / (1 + math.exp(-(h * 1.5 - 0.2)))
        assert got == pytest.approx(want, rel=1e-12)
    ratio.sum().backward()
    assert module.weight_offset.grad.abs() > 0
    assert module.bias_offset.grad.abs() > 0


def test_ratio_starts_at_weight_one_and_bias_zero():
    module = MixupRatio()
    assert module.weight.item() == 1.0
    assert module.bias.item() == 0.0


@pytest.mark.parametrize("scale", [1.0, 30.0])
def test_lr_scale_scales_the_first_adam_step(scale):
    module = MixupRatio(lr_scale=scale)
    optimizer = torch.optim.Adam(module.parameters(), lr=1e-3)
    module(torch.tensor([1.0])).sum().backward()
    optimizer.step()
    assert module.weight.item() - 1.0 == pytest.approx(-1e-3 * scale, rel=1e-2)


@settings(max_examples=50)
@given(
    st.floats(-50, 50),
    st.floats(-5, 5),
    st.floats(-20, 20),
    st.floats(0.01, 1.0),
)
def test_ratio_lies_between_zero_and_its_maximum(entropy, weight, bias, maximum):
    for dtype in (torch.float32, torch.float64):
        module = MixupRatio(maximum).to(dtype)
        with torch.no_grad():
            module.weight_offset.fill_(weight - 1)
            module.bias_offset.fill_(bias)
        ratio = module(torch.tensor([entropy], dtype=dtype)).item()
        assert 0 <= ratio <= torch.tensor(maximum, dtype=dtype).item()
        if dtype == torch.float64 and abs(entropy * weight + bias) < 30:
            assert 0 < ratio < maximum


@settings(max_examples=30)
@given(st.integers(1, 6), st.integers(1, 6), st.integers(0, 4), st.integers(0, 4))
def test_padding_does_not_change_entropy(targets, sources, pad_target, pad_source):
    generator = torch.Generator().manual_seed(targets * 10 + sources)
    scores = torch.randn(1, 2, targets + 4, sources + 4, generator=generator) * 5
    bare = alignment_entropy(
        scores[:, :, :targets, :sources],
        torch.ones(1, targets, dtype=torch.bool),
        torch.ones(1, sources, dtype=torch.bool),
    )
    padded = alignment_entropy(
        scores[:, :, : targets + pad_target, : sources + pad_source],
        masks([targets], targets + pad_target),
        masks([sources], sources + pad_source),
    )
    torch.testing.assert_close(bare, padded, rtol=1e-6, atol=1e-6)


def test_entropy_of_uniform_attention_is_the_logarithm_of_the_length():
    everything = torch.ones(1, 5, dtype=torch.bool)
    entropy = attention_entropy(torch.zeros(1, 1, 5, 5), everything, everything)
    assert entropy.item() == pytest.approx(math.log(5), rel=1e-6)
    entropy = attention_entropy(torch.zeros(1, 1, 5, 5), everything, everything, True)
    assert entropy.item() == pytest.approx(1, rel=1e-6)


def test_entropy_without_any_token_is_zero_and_has_finite_gradients():
    scores = torch.randn(1, 2, 3, 3, requires_grad=True)
    nothing = torch.zeros(1, 3, dtype=torch.bool)
    entropy = alignment_entropy(scores, nothing, nothing)
    assert entropy.item() == 0
    entropy.sum().backward()
    assert torch.isfinite(scores.grad).all()


def test_entropy_of_half_precision_scores_is_computed_in_fp32():
    torch.manual_seed(0)
    scores = torch.randn(2, 2, 7, 7).half()
    everything = torch.ones(2, 7, dtype=torch.bool)
    low = attention_entropy(scores, everything, everything)
    high = attention_entropy(scores.float(), everything, everything)
    assert low.dtype == torch.float32
    assert torch.equal(low, high)


def test_mixing_has_right_gradients():
    torch.manual_seed(0)
    options = {"dtype": torch.double, "requires_grad": True}
    target, source = torch.randn(3, 2, 4, **options), torch.randn(4, 2, 4, **options)
    module = MixupRatio().double()
    counted = masks([3, 2], 3), masks([2, 4], 4)

    def mixed(target, source, weight, bias):
        scores = cross_attention_scores(target, source, 2, 0.7)
        context = cross_attention_context(scores, source, ~counted[1])
        parameters = {"weight_offset": weight, "bias_offset": bias}
        entropy = alignment_entropy(scores, *counted)
        ratio = torch.func.functional_call(module, parameters, entropy)
        return mix(target, context, ratio)

    inputs = (target, source, *module.parameters())
    assert torch.autograd.gradcheck(mixed, inputs)
