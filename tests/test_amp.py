"""Automatic mixed precision, imitated on the CPU: autocast around the forward pass."""

import math

import pytest
import torch
from trainer import FAMILIES, NO_DROPOUT, batch_of, build, write_families

OPTIONS = [
    [],
    ["--mixup-ratio=constant"],
    ["--ratio-scores=hidden", "--mixup-layer=1,2"],
]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_families(tmp_path_factory.mktemp("data"))


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("family", FAMILIES)
def test_losses_and_gradients_are_finite_and_near_those_of_fp32(data, family, options):
    built = build(FAMILIES[family][1], data[family], *NO_DROPOUT, *options)
    batch = batch_of(built.task, "train")
    criterion, model = built.trainer.criterion, built.model.train()

    def run(dtype=None):
        model.zero_grad()
        with torch.autocast("cpu", dtype or torch.bfloat16, enabled=dtype is not None):
            loss, rows, logged = criterion(model, batch)
        loss.backward()
        grads = [p.grad for p in model.parameters() if p.grad is not None]
        norm = torch.stack([grad.norm() for grad in grads]).norm().item()
        assert logged["pairs"] > 1 and math.isfinite(norm) and norm > 0
        return loss.item(), norm

    want = run()
    assert run(torch.float16) == pytest.approx(want, rel=0.01)
    assert run(torch.bfloat16) == pytest.approx(want, rel=0.05)
