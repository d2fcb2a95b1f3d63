"""The mixing layer against loops in float64, and the laws of the two-stream encoder."""

import pytest
import torch
from fairseq.models.roberta import RobertaModel
from hypothesis import given, settings
from hypothesis import strategies as st
from naive_mixing import NaiveLayer
from refusals import refused
from small_model import HEAD, pad_rows, small_args, small_model, small_task

from fairseq_xling.models.encoder import Pairing, parse_mixup_layers

TARGETS = [[0, 10, 11, 2, 2, 12, 2], [0, 13, 2, 2, 14, 15, 16, 2], [0, 17, 2, 2, 18, 2]]
SOURCES = [[0, 30, 2, 2, 31, 32, 2], [0, 33, 34, 35, 2, 2, 36, 37, 38, 2]]


@pytest.mark.parametrize(
    "kind, entropy",
    [("heads", "nats"), ("hidden", "nats"), ("constant", "nats"),
     ("heads", "normalised"), ("hidden", "normalised")],
)  # fmt: skip
def test_layer_equals_loops(kind, entropy):
    options = {"ratio_scores": kind} if kind != "constant" else {"mixup_ratio": kind}
    model = small_model(ratio_entropy=entropy, **options)
    layer = model.encoder.sentence_encoder.layers[0]
    torch.manual_seed(5)
    lengths, width = [(6, 4), (3, 7)], 7
    states = torch.randn(width, 4, 16)
    flat = [lengths[0][0], lengths[1][0], lengths[0][1], lengths[1][1]]
    padding = torch.arange(width)[None] >= torch.tensor(flat)[:, None]
    counted = ~padding
    counted[:, 0] = False
    with torch.no_grad():
        got, ratios = layer(states, padding, pairing=Pairing(2, 2, counted))
    for pair, (target_length, source_length) in enumerate(lengths):
        target, source, (ratio, _, _) = NaiveLayer(model, 1).mix(
            states[:target_length, pair].double().numpy(),
            states[:source_length, 2 + pair].double().numpy(),
            (range(1, target_length), range(1, source_length)),
            kind,
            layer.max_ratio if kind == "constant" else None,
        )
        assert ratios[pair].item() == pytest.approx(ratio, rel=1e-5)
        for row, want, length in (
            (pair, target, target_length),
            (2 + pair, source, source_length),
        ):
            want = torch.from_numpy(want)
            error = (got[:length, row].double() - want).norm() / want.norm()
            assert error < 1e-5


@pytest.mark.parametrize("scores", ["heads", "hidden"])
def test_layer_has_right_gradients(scores):
    model = small_model(
        ratio_scores=scores, encoder_embed_dim=4, encoder_ffn_embed_dim=4
    )
    layer = model.encoder.sentence_encoder.layers[0].double()
    # fairseq's GELU computes in fp32, too coarse for finite differences.
    layer.activation_fn = torch.nn.functional.gelu
    padding = torch.tensor([[False] * 3, [False, False, True]])
    pairing = Pairing(1, 1, ~padding)
    names = [name for name, _ in layer.named_parameters()]
    assert "mixup_ratio.weight_offset" in names

    def run(states, *parameters):
        call = dict(zip(names, parameters))
        return torch.func.functional_call(
            layer, call, (states, padding), {"pairing": pairing}
        )

    torch.manual_seed(0)
    states = torch.randn(3, 2, 4, dtype=torch.double, requires_grad=True)
    assert torch.autograd.gradcheck(run, (states, *layer.parameters()))


@pytest.fixture(scope="module")
def model():
    return small_model(mixup_layer="1,2")


def logits_of(model, targets, sources, width=0):
    with torch.no_grad():
        logits, extra = model(
            pad_rows(targets, width),
            pad_rows(sources, width) if sources else None,
            features_only=True,
            classification_head_name=HEAD,
        )
    return logits, extra


@settings(max_examples=25)
@given(
    st.integers(0, 20),
    st.permutations([0, 1]),
    st.sets(st.integers(0, 1), min_size=1),
)
def test_padding_order_and_companions_do_not_change_logits(model, width, order, kept):
    base, extra = logits_of(model, TARGETS, SOURCES)
    rows = [i for i in order if i in kept]
    got, other = logits_of(
        model,
        [TARGETS[i] for i in rows] + TARGETS[2:],
        [SOURCES[i] for i in rows],
        width,
    )
    torch.testing.assert_close(got, base[rows + [2]], rtol=0, atol=1e-5)
    for key in ("source_logits", "mixup_ratio"):
        torch.testing.assert_close(other[key], extra[key][rows], rtol=0, atol=1e-5)


def test_rows_without_counterpart_are_a_single_stream(model):
    joint, _ = logits_of(model, TARGETS, SOURCES)
    alone, _ = logits_of(model, TARGETS[2:], [])
    torch.testing.assert_close(joint[2:], alone, rtol=0, atol=1e-5)


def test_source_never_sees_the_target(model):
    _, extra = logits_of(model, TARGETS[:2], SOURCES)
    alone, _ = logits_of(model, SOURCES, [])
    torch.testing.assert_close(extra["source_logits"], alone, rtol=0, atol=1e-5)


def test_target_depends_on_the_source(model):
    one, _ = logits_of(model, TARGETS[:1], SOURCES[:1])
    other, _ = logits_of(model, TARGETS[:1], SOURCES[1:])
    assert (one - other).abs().max() > 1e-3


def test_special_tokens_do_not_count_for_the_ratio():
    model = small_model(ratio_scores="hidden")
    encoder = model.encoder.sentence_encoder
    recorded = {}
    layer = encoder.layers[0]
    forward = layer.forward

    def record(x, **kwargs):
        recorded.update(kwargs)
        return forward(x, **kwargs)

    layer.forward = record
    logits_of(model, TARGETS[:1], SOURCES[:1])
    counted = recorded["pairing"].counted
    assert counted[0].tolist() == [False, True, True, False, False, True, False]
    assert counted[1].tolist() == [False, True, False, False, True, True, False]


@pytest.fixture(scope="module")
def plain_pair():
    """Our model without mixup, and fairseq's RoBERTa with the same weights."""
    ours = small_model(mixup_layer="0")
    theirs = RobertaModel.build_model(small_args(), small_task())
    theirs.register_classification_head(HEAD, num_classes=3)
    theirs.load_state_dict(ours.state_dict(), strict=True)
    return ours, theirs.eval()


@pytest.mark.parametrize("width", [0, 12])
def test_without_mixup_equals_fairseq_roberta_bitwise(plain_pair, width):
    ours, theirs = plain_pair
    rows = TARGETS + SOURCES
    features, states = theirs(
        pad_rows(rows, width), features_only=True, return_all_hiddens=True
    )
    got, ours_states = ours(
        pad_rows(rows, width), features_only=True, return_all_hiddens=True
    )
    assert torch.equal(got, features)
    assert torch.equal(ours(pad_rows(rows, width))[0], theirs(pad_rows(rows, width))[0])
    for a, b in zip(ours_states["inner_states"], states["inner_states"]):
        assert torch.equal(a, b)


def test_without_mixup_two_streams_equal_fairseq_roberta(plain_pair):
    ours, theirs = plain_pair
    tokens = pad_rows(TARGETS + SOURCES)
    head = {"features_only": True, "classification_head_name": HEAD}
    joint, _ = theirs(tokens, **head)
    logits, extra = ours(tokens[:3], tokens[3:], **head)
    # The same batch along the same path: equal to the last bit.
    assert torch.equal(torch.cat([logits, extra["source_logits"]]), joint)
    assert extra["mixup_ratio"] is None
    # Each row by itself: other shapes, so rounding may differ.
    for row, got in zip(TARGETS + SOURCES, joint):
        alone, _ = theirs(pad_rows([row]), **head)
        torch.testing.assert_close(got, alone[0], rtol=0, atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_close_to_fp32(dtype):
    model = small_model()
    exact, extra = logits_of(model, TARGETS, SOURCES)
    got, low = logits_of(small_model().to(dtype), TARGETS, SOURCES)
    assert got.dtype == dtype
    assert low["mixup_ratio"].dtype == torch.float32
    scale = exact.abs().max()
    assert (got.float() - exact).abs().max() / scale < 0.05
    torch.testing.assert_close(
        low["mixup_ratio"], extra["mixup_ratio"], rtol=0.05, atol=0.01
    )


def test_every_parameter_gets_a_gradient_also_without_pairs():
    for sources in (SOURCES, []):
        model = small_model().train()
        logits, _ = model(
            pad_rows(TARGETS),
            pad_rows(sources) if sources else None,
            features_only=True,
            classification_head_name=HEAD,
        )
        logits.sum().backward()
        for name, parameter in model.named_parameters():
            unused = name.startswith("encoder.lm_head") and "weight" not in name
            if "lm_head" not in name and not unused:
                assert parameter.grad is not None, name


@pytest.mark.parametrize(
    "text, layers",
    [("0", []), (None, []), ("1", [1]), ("4,1", [1, 4])],
)
def test_mixup_layers_are_read(text, layers):
    assert parse_mixup_layers(text, 4) == layers


@pytest.mark.parametrize("text", ["5", "1,5", "-1", "0,1", "1,1", "x", "1,"])
def test_wrong_mixup_layers_are_refused_in_one_line(text):
    with refused("--mixup-layer"):
        parse_mixup_layers(text, 4)


def test_pre_norm_encoder_is_refused():
    with refused("--encoder-normalize-before"):
        small_model(encoder_normalize_before=True)
