"""The fused optimizer: fairseq's Adam in fewer kernels."""

import copy
import math

import pytest
import torch
from fairseq.logging import metrics
from fairseq.optim.adam import Adam
from refusals import refused
from simulated_gpu import pretend
from test_simulated_gpu import LOGGING, steps
from trainer import NO_DROPOUT, batch_of, build, write_families

from fairseq_xling.optim.adamw_fused import AdamW, read_betas
from fairseq_xling.optim.gradient_norm import gradient_norm

BETAS, EPS = (0.9, 0.98), 1e-8
# Gradients of the last are as small as epsilon.
SHAPES = {(7, 3): 1.0, (5,): 1e-4, (): 1e-8}
DECAY = 0.1


def rates(step):
    return 0.01 / (1 + step)


def draw(generator, shape, scale=1.0):
    return scale * torch.randn(shape, generator=generator, dtype=torch.float64)


def updated(make, dtype=torch.float64, updates=20):
    """Parameters after updates with the same random gradients."""
    generator = torch.Generator().manual_seed(1)
    drawn = [draw(generator, shape).to(dtype) for shape in SHAPES]
    params = [torch.nn.Parameter(value) for value in drawn]
    optimizer = make(params)
    for step in range(updates):
        for group in optimizer.param_groups:
            group["lr"] = rates(step)
        for param, scale in zip(params, SHAPES.values()):
            param.grad = draw(generator, param.shape, scale).to(dtype)
        optimizer.step()
    return torch.cat([param.detach().flatten() for param in params])


def naive(updates=20):
    """The same by a loop over numbers (Kingma and Ba 2015, end of section 2)."""
    generator = torch.Generator().manual_seed(1)
    values = [draw(generator, shape).flatten().tolist() for shape in SHAPES]
    first = [[0.0] * len(one) for one in values]
    second = [[0.0] * len(one) for one in values]
    for step in range(updates):
        lr = rates(step)
        corrections = [1 - beta ** (step + 1) for beta in BETAS]
        size = lr * math.sqrt(corrections[1]) / corrections[0]
        for number, (shape, scale) in enumerate(SHAPES.items()):
            grads = draw(generator, shape, scale).flatten().tolist()
            for place, grad in enumerate(grads):
                m = BETAS[0] * first[number][place] + (1 - BETAS[0]) * grad
                v = BETAS[1] * second[number][place] + (1 - BETAS[1]) * grad**2
                first[number][place], second[number][place] = m, v
                value = values[number][place] * (1 - lr * DECAY)
                values[number][place] = value - size * m / (math.sqrt(v) + EPS)
    return torch.tensor(sum(values, []), dtype=torch.float64)


def fused(params):
    return AdamW(params, lr=1, betas=BETAS, eps=EPS, weight_decay=DECAY)


def unfused(params):
    return Adam(params, lr=1, betas=BETAS, eps=EPS, weight_decay=DECAY)


def test_its_updates_are_those_of_a_loop_and_of_fairseqs_adam():
    want = naive()
    assert torch.allclose(updated(fused), want, rtol=1e-13, atol=1e-15)
    assert torch.allclose(updated(unfused), want, rtol=1e-13, atol=1e-15)
    single = updated(fused, torch.float32).double()
    assert torch.allclose(single, want, rtol=1e-5, atol=1e-6)
    assert not torch.allclose(want, naive(1), rtol=0.001)


def test_it_goes_on_from_its_state_with_the_same_bits():
    want = updated(fused, torch.float32)

    class Restarted:
        """An optimizer that is made anew before each update."""

        def __init__(self, params):
            self.params, self.made = params, fused(params)
            self.param_groups = self.made.param_groups

        def step(self):
            state = copy.deepcopy(self.made.state_dict())
            self.made = fused(self.params)
            self.made.load_state_dict(state)
            for group in self.made.param_groups:
                group["lr"] = self.param_groups[0]["lr"]
            self.made.step()

    assert torch.equal(updated(Restarted, torch.float32), want)


@pytest.mark.parametrize("shape", [(40, 16), (3, 5, 7), (33,), ()])
def test_the_norm_is_that_of_all_gradients_as_one_vector(shape):
    generator = torch.Generator().manual_seed(2)
    grads = [draw(generator, shape).float(), draw(generator, (8, 8)).float()]
    want = torch.cat([grad.double().flatten() for grad in grads]).norm()
    assert float(gradient_norm(grads)) == pytest.approx(float(want), rel=1e-6)
    assert gradient_norm(grads).dtype == torch.float32
    assert float(gradient_norm([torch.zeros(3, 2)])) == 0
    grads[1][3, 3] = float("nan")
    assert gradient_norm(grads).isnan()


def test_rows_of_zeros_change_no_bit_of_the_norm():
    generator = torch.Generator().manual_seed(3)
    for seen in range(1, 300, 7):
        compact = draw(generator, (seen, 24)).float()
        whole = torch.zeros(997, 24)
        whole[torch.randperm(997, generator=generator)[:seen].sort()[0]] = compact
        other = draw(generator, (50, 8)).float()
        norms = [gradient_norm([grads, other]) for grads in (whole, compact)]
        assert torch.equal(*norms)


@pytest.mark.parametrize("value", ["(0.9, 0.98)", "[0.9, 0.98]", (0.9, 0.98)])
def test_betas_are_two_numbers(value):
    assert read_betas(value) == BETAS


@pytest.mark.parametrize("value", ["0.9", "(0.9, 1)", "(0.9,", "(a, b)", "(1, 2, 3)"])
def test_betas_that_are_none_are_refused(value):
    with refused(r"--adam-betas .* give two numbers from 0"):
        read_betas(value)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_families(tmp_path_factory.mktemp("data"))


# The ratio's W and b move ten times as fast as the rest.
MORE = ["--mixup-ratio-lr-scale=10", "--weight-decay=0.1", "--clip-norm=0.5"]


def trained(data, optimizer, *options):
    built = build(
        "xmixup_xnli", data["pairs"], *NO_DROPOUT, *options, f"--optimizer={optimizer}"
    )
    batch, norms = batch_of(built.task, "train"), []
    for _ in range(3):
        with metrics.aggregate(new_root=True) as logged:
            built.trainer.train_step([batch])
        norms.append(float(logged.get_smoothed_value("gnorm")))
    return norms, built


@pytest.mark.parametrize("precision", [[], ["--bf16"]])
def test_a_training_is_that_of_fairseqs_adam(data, precision):
    found, built = trained(data, "adamw_fused", *MORE, *precision)
    norms, other = trained(data, "adam", *MORE, *precision)
    assert found == pytest.approx(norms, abs=0.05 if precision else 0.0015)
    assert norms[0] > 0.5  # so that it was clipped
    began = build("xmixup_xnli", data["pairs"], *NO_DROPOUT).model.state_dict()
    want = dict(other.model.named_parameters())
    for name, value in built.model.named_parameters():
        moved = float((value - began[name]).detach().abs().max())
        # In bf16, the next number that there is.
        rtol = 2**-7 if precision else 1e-5
        assert torch.allclose(value, want[name], rtol=rtol, atol=1e-4), name
        assert moved > 0 or "lm_head" in name, name
    (ratio,) = built.model.ratio_modules()
    # Three steps of 0.002 each would take them to 0.006 at most.
    assert max(abs(float(ratio.weight) - 1), abs(float(ratio.bias))) > 0.0065


def test_on_a_gpu_it_does_not_wait_longer_than_fairseqs_adam(data):
    fused, flags = "--optimizer=adamw_fused", ["--fp16", "--fp16-no-flatten-grads"]
    with pretend():
        given = "xmixup_xnli", data["pairs"], False
        want, before, _ = steps(*given, ["--clip-norm=0.5", "--fp16"])
        for options in (flags[:1], flags):
            logs, waited, _ = steps(*given, ["--clip-norm=0.5", fused, *options])
            assert waited == before
            assert logs == [pytest.approx(log, abs=0.01) for log in want]
        # fairseq asks whether the norm is finite, twice, and logs how often it clipped.
        _, waited, _ = steps(*given, ["--clip-norm=0.5", fused])
    assert waited == {LOGGING: 1, "elsewhere": 4}


def test_weights_in_half_precision_alone_are_refused(data):
    with refused("--optimizer adamw_fused: keeps no weights"):
        trained(data, "adamw_fused", "--memory-efficient-bf16", "--bf16")
