"""Trained rows are computed without their padding, and all else is as with it."""

import numpy as np
import pytest
import torch
from small_model import HEAD, pad_rows, small_model

from fairseq_xling.models.layers import EncoderLayer
from fairseq_xling.models.packing import Packing

TARGETS = [[0, 10, 11, 2, 2, 12, 2], [0, 13, 2, 2, 14, 15, 16, 2], [0, 17, 2, 2, 18, 2]]
SOURCES = [[0, 30, 2, 2, 31, 32, 2], [0, 33, 34, 35, 2, 2, 36, 37, 38, 2]]
NO_DROPOUT = {"dropout": 0.0, "attention_dropout": 0.0, "pooler_dropout": 0.0}
LENGTHS = np.array([len(row) for row in TARGETS + SOURCES])


def test_tokens_are_packed_and_padded_again():
    lengths = np.array([2, 4, 1])
    packing = Packing.of(lengths, 5, torch.device("cpu"))
    x = torch.arange(30.0).view(3, 5, 2)
    packed = packing.pack(x)
    want = torch.cat([row[:n] for row, n in zip(x, lengths)])
    assert torch.equal(packed, want)
    padded = packing.pad(packed)
    for row, again, n in zip(x, padded, lengths):
        assert torch.equal(again[:n], row[:n])
        assert torch.equal(again[n:], row[:1].expand(5 - n, -1))


def trained(model, targets, sources, lengths, **more):
    """Logits, ratios and gradients of a training pass."""
    model.zero_grad()
    logits, extra = model(
        pad_rows(targets),
        pad_rows(sources) if sources else None,
        features_only=True,
        classification_head_name=HEAD,
        lengths=lengths,
        **more,
    )
    found = [logits]
    if sources:
        found.append(extra["source_logits"])
        found += [] if extra["mixup_ratio"] is None else [extra["mixup_ratio"]]
    torch.manual_seed(1)
    sum((one * torch.randn_like(one)).sum() for one in found).backward()
    gradients = {n: p.grad for n, p in model.named_parameters() if p.grad is not None}
    return found, gradients


@pytest.mark.parametrize(
    "options, sources, more",
    [
        ({"mixup_layer": "1,2"}, SOURCES, {}),
        ({"ratio_scores": "hidden"}, SOURCES, {}),
        ({"mixup_ratio": "constant"}, SOURCES, {}),
        ({"num_segments": 2}, SOURCES, {}),
        ({"mixup_layer": "0"}, SOURCES, {}),
        ({"mixup_layer": "0", "encoder_normalize_before": True}, [], {}),
        ({}, [], {}),
        ({"checkpoint_activations": True}, SOURCES, {}),
        ({}, SOURCES[1:], {"source_places": torch.tensor([0, 0])}),
    ],
)
def test_packed_rows_train_as_padded_ones(options, sources, more):
    model = small_model(**NO_DROPOUT, **options).double().train()
    for layer in model.encoder.sentence_encoder.layers:
        # fairseq's GELU computes in fp32.
        layer.activation_fn = torch.nn.functional.gelu
    lengths = np.array([len(row) for row in TARGETS + sources])
    want, gradients = trained(model, TARGETS, sources, None, **more)
    found, others = trained(model, TARGETS, sources, lengths, **more)
    for one, other in zip(found, want):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-12)
    assert gradients.keys() == others.keys()
    for name, gradient in gradients.items():
        torch.testing.assert_close(others[name], gradient, rtol=1e-9, atol=1e-12)


def test_layers_compute_real_tokens_alone():
    model = small_model(dropout=0.3, attention_dropout=0.3).train()
    rows = []
    for layer in model.encoder.sentence_encoder.layers:
        assert isinstance(layer, EncoderLayer)
        layer.fc1.register_forward_pre_hook(lambda _, given: rows.append(len(given[0])))
    trained(model, TARGETS, SOURCES, LENGTHS)
    assert rows == [LENGTHS.sum()] * 2


def test_attention_is_dropped_in_training_alone():
    model = small_model(attention_dropout=0.5).train()
    one, other = (trained(model, TARGETS, SOURCES, LENGTHS)[0][0] for _ in "ab")
    assert not torch.equal(one, other)
    model.eval()
    one, other = (trained(model, TARGETS, SOURCES, LENGTHS)[0][0] for _ in "ab")
    assert torch.equal(one, other)
