"""The loss of pre-training on pairs: against loops in float64, and fairseq's own."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from fairseq.criterions.masked_lm import MaskedLmConfig, MaskedLmLoss
from fairseq.distributed import ModuleProxyWrapper
from fairseq.logging import metrics
from naive_losses import softmax
from naive_mixing import naive_mix
from parallel_data import Sequences, words_dictionary
from small_model import pad_rows, small_model
from torch.nn.parallel import DistributedDataParallel

from fairseq_xling.criterions.xmixup_tlm import XMixupTLMCriterion
from fairseq_xling.data.tlm_dataset import TLMDataset
from fairseq_xling.data.token_masking import TokenMasker

PAIRS = [
    ([0, 10, 11, 12, 13, 2], [0, 30, 31, 32, 2]),
    ([0, 14, 15, 2], [0, 33, 34, 35, 36, 37, 38, 2]),
    ([0, 16, 2], [0, 39, 2]),
    ([0, 17, 18, 19, 2], [0, 40, 41, 2]),
]


def make_sample(kind, rows=(0, 1, 2, 3)):
    """A batch of these pairs (``mixup``, ``concatenated``), or of ``text``."""
    sides = list(zip(*PAIRS))
    targets, sources = (Sequences(map(torch.tensor, side)) for side in sides)
    text = Sequences(torch.tensor([*a, *b[1:]]) for a, b in PAIRS)
    is_text = kind == "text"
    dataset = TLMDataset(
        [] if is_text else [SimpleNamespace(input=targets, source=sources)],
        text if is_text else None,
        TokenMasker(words_dictionary(), 0.4),
        separators=2,
        max_length=40,
        concatenate=kind == "concatenated",
        seed=5,
    )
    return dataset.collater([dataset[i] for i in rows])


def make_criterion():
    task = SimpleNamespace(source_dictionary=words_dictionary(), target_dictionary=None)
    task.target_dictionary = task.source_dictionary
    return XMixupTLMCriterion(task)


def lm_head(model, state):
    """Logits of one state, in float64."""
    weights = {
        name: value.double().numpy()
        for name, value in model.encoder.lm_head.state_dict().items()
    }
    x = weights["dense.weight"] @ state + weights["dense.bias"]
    x = np.array([value * (1 + math.erf(value / math.sqrt(2))) / 2 for value in x])
    x = (x - x.mean()) / math.sqrt(x.var() + model.encoder.lm_head.layer_norm.eps)
    x = x * weights["layer_norm.weight"] + weights["layer_norm.bias"]
    return weights["weight"] @ x + weights["bias"]


def naive_losses(model, sample, layers):
    """Nats of the masked tokens of each side, pair by pair and token by token."""
    options = {"layers": layers, "ratio_scores": "heads", "constant": None}
    found = {"target": [], "source": []}
    for i in range(sample["nsentences"]):
        tokens, sources = (
            [token for token in sample["net_input"][name][i].tolist() if token != 1]
            for name in ("src_tokens", "source_tokens")
        )
        states = naive_mix(model, tokens, sources, options)[:2]
        for side, name, rows in zip(
            ("target", "source"), ("target", "source_target"), states
        ):
            for place, token in enumerate(sample[name][i].tolist()):
                if token != 1:
                    p = softmax(lm_head(model, rows[place]))
                    found[side].append(-math.log(p[token]))
    return found


def compute(model, sample):
    """The loss, its tokens, and what is logged."""
    return make_criterion()(model, sample)


@pytest.mark.parametrize("layers", ["1", "1,2", "0"])
def test_loss_is_that_of_loops_over_the_masked_tokens_of_both_sides(layers):
    model = small_model(mixup_layer=layers)
    sample = make_sample("mixup")
    mixing = [int(layer) for layer in layers.split(",") if layer != "0"]
    want = naive_losses(model, sample, mixing)
    loss, size, logged = compute(model, sample)
    assert size == len(want["target"]) + len(want["source"])
    assert min(map(len, want.values())) > 2
    assert loss.item() == pytest.approx(sum(sum(want.values(), [])), rel=1e-5)
    for side, values in want.items():
        assert logged[f"{side}_masked"] == len(values)
        assert float(logged[f"{side}_loss"]) == pytest.approx(sum(values), rel=1e-5)
    assert logged["pairs"] == (4 if mixing else 0) and logged["text_masked"] == 0


@pytest.mark.parametrize("kind", ["concatenated", "text"])
def test_one_sequence_gives_the_loss_of_fairseqs_masked_lm(kind):
    model = small_model()
    sample = make_sample(kind)
    task = make_criterion().task
    theirs = MaskedLmLoss(MaskedLmConfig(tpu=False), task)
    want, size, _ = theirs(model, sample)
    loss, masked, logged = compute(model, sample)
    assert masked == size
    assert loss.item() == pytest.approx(want.item(), rel=1e-6)
    if kind == "text":
        assert logged["text_masked"] == masked
    else:
        both = make_sample("mixup")
        assert logged["target_masked"] == both["target"].ne(1).sum()
        assert logged["source_masked"] == both["source_target"].ne(1).sum()


@pytest.mark.parametrize("kind", ["mixup", "concatenated"])
def test_pairs_do_not_depend_on_those_beside_them(kind):
    model = small_model()
    alone = sum(compute(model, make_sample(kind, [i]))[0].item() for i in range(4))
    together = compute(model, make_sample(kind))[0].item()
    assert together == pytest.approx(alone, rel=1e-5)


def test_gradients_reach_the_ratio_and_agree_with_differences():
    model = small_model().double()
    sample = make_sample("mixup")
    criterion = make_criterion()
    criterion(model, sample)[0].backward()
    ratio = model.ratio_modules()[0]
    for parameter in (ratio.weight_offset, ratio.bias_offset):
        losses = []
        for step in (1e-2, -1e-2):
            parameter.data += step
            losses.append(criterion(model, sample)[0].item())
            parameter.data -= step
        want = (losses[0] - losses[1]) / 2e-2
        # fairseq's softmax is one of fp32, so the step is not small.
        assert want != 0 and parameter.grad.item() == pytest.approx(want, rel=1e-3)
    unused = [n for n, p in model.named_parameters() if p.grad is None]
    assert all(name.startswith("classification_heads") for name in unused)


@pytest.mark.parametrize("kind", ["mixup", "concatenated", "text"])
def test_batch_without_masked_tokens_costs_nothing_and_trains_on(kind):
    model = small_model().train()
    sample = make_sample(kind)
    sample["masked"] = sample["masked"][:, :0]
    for name in ("masked_target", "part"):
        sample[name] = sample[name][:0]
    loss, size, logged = compute(model, sample)
    loss.backward()
    assert (loss.item(), size) == (0, 0)
    assert all(p.grad is None or not p.grad.isnan().any() for p in model.parameters())
    with metrics.aggregate() as logs:
        XMixupTLMCriterion.reduce_metrics([logged])
    assert logs.get_smoothed_values()["loss"] == 0


def test_every_batch_logs_the_same_kinds_of_values():
    # Workers add up tensors and numbers apart; one may have pairs, the other text.
    kinds = [
        {
            name: torch.is_tensor(value)
            for name, value in compute(model, sample)[2].items()
        }
        for model in (small_model(), small_model(mixup_layer="0"))
        for sample in map(make_sample, ("mixup", "concatenated", "text"))
    ]
    assert all(one == kinds[0] for one in kinds)


def test_logs_are_bits_a_masked_token():
    model = small_model()
    outputs = [compute(model, make_sample(k))[2] for k in ("mixup", "text")]
    with metrics.aggregate() as logs:
        XMixupTLMCriterion.reduce_metrics(outputs)
    values = logs.get_smoothed_values()
    bits = sum(float(o["loss"]) for o in outputs) / math.log(2)
    mean = bits / sum(o["sample_size"] for o in outputs)
    assert values["loss"] == pytest.approx(mean, abs=1e-3)
    assert values["ppl"] == pytest.approx(2**mean, rel=1e-2)
    with torch.no_grad():
        net_input = make_sample("mixup")["net_input"]
        ratio = model(**net_input, features_only=True)[1]["mixup_ratio"]
    assert values["lambda"] == pytest.approx(ratio.mean().item(), abs=1e-4)
    assert {"target_loss", "source_loss", "text_loss"} <= set(values)


def test_padding_of_either_stream_changes_nothing():
    model = small_model()
    sample = make_sample("mixup")
    want = compute(model, sample)[0].item()
    wide = {**sample, "net_input": dict(sample["net_input"])}
    wide["net_input"]["source_tokens"] = pad_rows(
        sample["net_input"]["source_tokens"].tolist(), 12
    )
    wide["source_target"] = pad_rows(sample["source_target"].tolist(), 12)
    assert compute(model, wide)[0].item() == pytest.approx(want, rel=1e-6)


def test_distributed_training_may_look_for_unused_parameters(tmp_path):
    # It looks at what the model's forward returns, so that all heads are part of that.
    model = small_model().train()
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{tmp_path}/store", rank=0, world_size=1
    )
    try:
        wrapped = DistributedDataParallel(model, find_unused_parameters=True)
        wrapped = ModuleProxyWrapper(wrapped)  # as fairseq does
        for kind in ("mixup", "concatenated", "text", "mixup"):
            compute(wrapped, make_sample(kind))[0].backward()
    finally:
        torch.distributed.destroy_process_group()
    head = model.encoder.lm_head
    assert all(p.grad is not None and p.grad.norm() > 0 for p in head.parameters())
