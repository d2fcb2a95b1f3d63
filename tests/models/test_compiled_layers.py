"""``--torch-compile``: layers in one piece each, that compute what they did."""

import numpy as np
import torch
from refusals import refused
from small_model import HEAD, pad_rows, small_model
from torch._dynamo.utils import counters
from trainer import build, write_families

NO_DROPOUT = {"dropout": 0.0, "attention_dropout": 0.0, "pooler_dropout": 0.0}


def train(model):
    """Logits and ratios of a batch, and the gradients."""
    generator = np.random.default_rng(0)
    lengths = generator.integers(4, 20, 6)
    rows = [[0, *generator.integers(4, 20, n - 2).tolist(), 2] for n in lengths]
    logits, extra = model(
        pad_rows(rows[:4]),
        pad_rows(rows[4:]),
        features_only=True,
        classification_head_name=HEAD,
        lengths=lengths,
    )
    found = [logits, extra["source_logits"], extra["mixup_ratio"]]
    sum(one.pow(2).sum() for one in found).backward()
    gradients = {n: p.grad for n, p in model.named_parameters() if p.grad is not None}
    return [one.detach() for one in found], gradients


def test_compiled_layers_have_no_breaks_and_the_same_gradients(monkeypatch):
    compile_layer = torch.nn.Module.compile

    def quick(layer, dynamic, fullgraph):
        assert dynamic and fullgraph
        # Neither code nor symbols for the lengths: those take a minute.
        compile_layer(layer, dynamic=False, fullgraph=fullgraph, backend="eager")

    monkeypatch.setattr(torch.nn.Module, "compile", quick)
    want, gradients = train(small_model(**NO_DROPOUT).train())
    model = small_model(**NO_DROPOUT).train()
    model.compile_layers()
    torch._dynamo.reset()
    counters.clear()
    found, others = train(model)
    for one, other in zip(found, want):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-5)
    assert gradients.keys() == others.keys()
    for name, gradient in gradients.items():
        torch.testing.assert_close(others[name], gradient, rtol=1e-3, atol=1e-5)
    # One for the layer that mixes, and one for the other.
    assert counters["stats"]["unique_graphs"] == 2 and not counters["graph_break"]


def test_training_compiles_and_prediction_does_not(tmp_path):
    data = write_families(tmp_path)["pairs"]
    built = build("xmixup_xnli", data, "--torch-compile")
    layers = built.model.encoder.sentence_encoder.layers
    assert not any(layer._compiled_call_impl for layer in layers)
    built.trainer.begin_epoch(1)
    compiled = [layer._compiled_call_impl for layer in layers]
    assert all(compiled)
    built.trainer.begin_epoch(2)
    assert [layer._compiled_call_impl for layer in layers] == compiled


def test_what_is_computed_again_is_not_compiled():
    with refused("--torch-compile and --checkpoint-activations"):
        small_model(torch_compile=True, offload_activations=True)
