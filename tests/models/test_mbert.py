"""What mBERT has otherwise than XLM-R: segments, layer norms, a pooler."""

from argparse import Namespace

import pytest
import torch
from fairseq.models import ARCH_CONFIG_REGISTRY
from hypothesis import given
from hypothesis import strategies as st
from refusals import refused
from small_model import HEAD, pad_rows, small_model

from fairseq_xling.data.sequences import find_segments

STEM = "encoder.sentence_encoder."
TARGETS = pad_rows([[0, 5, 6, 2, 7, 8, 2], [0, 9, 2, 5, 2], [0, 6, 5, 2]])
SOURCES = pad_rows([[0, 7, 2, 8, 9, 4, 5, 2], [0, 4, 2]])


def mbert(**options):
    return small_model(num_segments=2, layer_norm_eps=1e-12, **options)


@given(st.lists(st.integers(0, 6), min_size=1, max_size=12))
def test_segments_are_those_of_a_loop(tokens):
    expected, segment = [], 0
    for token in tokens:
        expected.append(segment)
        if token == 2:
            segment = 1
    assert find_segments(torch.tensor([tokens]), 2)[0].tolist() == expected


def test_defaults_are_those_of_bert_and_of_xlmr():
    for name, segments, eps, layers in [
        ("xmixup_mbert_base", 2, 1e-12, 12),
        ("xmixup_mbert_mini", 2, 1e-12, 4),
        ("xmixup_xlmr_base", 0, 1e-5, 12),
    ]:
        args = Namespace()
        ARCH_CONFIG_REGISTRY[name](args)
        assert (args.num_segments, args.layer_norm_eps) == (segments, eps)
        assert args.encoder_layers == layers


def test_embeddings_are_those_of_a_loop():
    model = mbert()
    encoder = model.encoder.sentence_encoder
    found, _ = encoder.forward_embedding(TARGETS)
    weights = {k[len(STEM) :]: v.double() for k, v in model.state_dict().items()
               if k.startswith(STEM)}  # fmt: skip
    norm = [weights[f"layernorm_embedding.{part}"] for part in ("weight", "bias")]
    for row, tokens in enumerate(TARGETS.tolist()):
        segment = 0
        for place, token in enumerate(tokens):
            if token == 1:
                break
            x = weights["embed_tokens.weight"][token]
            # fairseq's first position is behind that of padding.
            x = x + weights["embed_positions.weight"][place + 2]
            x = x + weights["embed_segments.weight"][segment]
            spread = ((x - x.mean()) ** 2).mean() + 1e-12
            x = (x - x.mean()) / spread.sqrt() * norm[0] + norm[1]
            torch.testing.assert_close(
                found[row, place].double(), x, rtol=1e-5, atol=1e-6
            )
            segment = 1 if token == 2 else segment


def test_all_layer_norms_have_the_archs_epsilon():
    for eps in (1e-12, 1e-5):
        model = small_model(layer_norm_eps=eps)
        norms = [m for m in model.modules() if isinstance(m, torch.nn.LayerNorm)]
        assert len(norms) == 6 and {norm.eps for norm in norms} == {eps}


def test_without_mixing_two_streams_are_read_as_by_themselves():
    model = mbert(mixup_layer="0")
    states, extra = model(TARGETS, source_tokens=SOURCES, features_only=True)
    for together, tokens in ((states, TARGETS), (extra["source_features"], SOURCES)):
        alone, _ = model(tokens, features_only=True)
        for row, length in enumerate(tokens.ne(1).sum(dim=1)):
            torch.testing.assert_close(
                together[row, :length], alone[row, :length], rtol=1e-5, atol=1e-6
            )


def test_segments_are_trained_in_both_streams():
    model = mbert()
    logits, extra = model(
        TARGETS,
        source_tokens=SOURCES,
        features_only=True,
        classification_head_name=HEAD,
    )
    (logits.sum() + extra["source_logits"].sum()).backward()
    gradient = model.encoder.sentence_encoder.embed_segments.weight.grad
    assert (gradient.abs().sum(dim=1) > 0).all()


def test_a_single_segment_is_added_to_the_positions():
    model = small_model(mixup_layer="0")
    state = {k: v.clone() for k, v in model.state_dict().items()}
    segment = torch.randn(1, 16)
    state[f"{STEM}embed_segments.weight"] = segment
    with torch.no_grad():
        model.encoder.sentence_encoder.embed_positions.weight += segment
    expected, _ = model(TARGETS, features_only=True)
    other = small_model(seed=1, mixup_layer="0")
    other.load_state_dict(state)
    found, _ = other(TARGETS, features_only=True)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("have, want", [(2, 0), (0, 2)])
def test_checkpoint_of_the_other_backbone_is_refused(have, want):
    state = small_model(num_segments=have).state_dict()
    told = f"--num-segments {have}, the model {want}: .*--arch xmixup_xlmr"
    with refused(told):
        small_model(num_segments=want).load_state_dict(state)


def without(model, part):
    return {k: v.clone() for k, v in model.state_dict().items() if part not in k}


def test_a_pooler_begins_a_new_head_but_replaces_none():
    state = without(mbert(), "classification_heads.")
    pooler = {"weight": torch.randn(16, 16), "bias": torch.randn(16)}
    state.update({f"pooler.dense.{part}": value for part, value in pooler.items()})
    fresh = mbert(seed=1)
    out_proj = fresh.classification_heads[HEAD].out_proj.weight.clone()
    fresh.load_state_dict(dict(state))
    head = fresh.classification_heads[HEAD]
    assert torch.equal(head.dense.weight, pooler["weight"])
    assert torch.equal(head.dense.bias, pooler["bias"])
    assert torch.equal(head.out_proj.weight, out_proj)
    trained = mbert(seed=2).state_dict()
    trained.update({f"pooler.dense.{part}": value for part, value in pooler.items()})
    kept = trained[f"classification_heads.{HEAD}.dense.weight"].clone()
    fresh.load_state_dict(trained)
    assert torch.equal(fresh.classification_heads[HEAD].dense.weight, kept)


def test_a_checkpoint_may_lack_the_lm_head():
    model, other = mbert(), mbert(seed=1)
    other.load_state_dict(without(model, "lm_head."))
    embeddings = model.encoder.sentence_encoder.embed_tokens.weight
    assert torch.equal(other.encoder.sentence_encoder.embed_tokens.weight, embeddings)
    assert other.encoder.lm_head.weight is not None
    assert torch.equal(other.encoder.lm_head.weight, embeddings)
    assert other.lm_head_is_new
    other.load_state_dict(model.state_dict())
    assert not other.lm_head_is_new
