"""All that runs a model, on a simulated GPU: as on the CPU, and without waits."""

import pytest
import torch
from parallel_data import preprocess, raw_parallel
from simulated_gpu import DEVICE, count_waits, pretend
from trainer import FAMILIES, NO_DROPOUT, batch_of, build, write_families

# By which lines the CPU may wait for a GPU while it trains: once an update to log, and
# where fairseq asks whether the gradients are finite, before and after the update.
LOGGING = "tasks/memory_logging.py:as_numbers"
TRAINING = {LOGGING: 1, "elsewhere": 2}
# What is predicted is put together and scored on the CPU, batch by batch.
PREDICTING = {
    "pairs": {},
    "tagging": {"families/tagging/task.py:rows": 3},
    "questions": {"families/questions/task.py:rows": 1},
}
PENALTY = ["--criterion=confidence_penalty"]
SAMPLING = ["--scheduled-sampling-decay=4"]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_families(tmp_path_factory.mktemp("data"))


def test_the_simulated_gpu_does_not_mix_with_the_cpu(simulated_gpu):
    there = torch.ones(2, 3, device="cuda")
    assert there.is_cuda and str(there.device) == DEVICE
    assert (there + 1.5).sum().item() == 15 and (there * torch.tensor(2.0)).is_cuda
    with pytest.raises(RuntimeError, match="must be on the same device"):
        there + torch.ones(2, 3)
    with pytest.raises((RuntimeError, TypeError)):
        there.numpy()


def test_waits_are_counted(simulated_gpu):
    there = torch.ones(2, 3, device="cuda")
    mask, other = there > 0, torch.ones(3)
    for waiting in (
        lambda: float(there.sum()),
        lambda: bool(there.any()),
        lambda: there.cpu(),
        lambda: there.tolist(),
        lambda: there[mask],
        lambda: mask.nonzero(),
        lambda: other.to("cuda"),
        lambda: torch.tensor([1, 2], device="cuda"),
    ):
        with count_waits() as waits:
            waiting()
        assert dict(waits) == {"elsewhere": 1}
    with count_waits() as waits:
        other.to("cuda", non_blocking=True)
        there[:, :2].masked_fill(mask[:, :2], 0).sum(dim=1).cumsum(0)
        there[torch.tensor([0, 1]).to("cuda", non_blocking=True)]
    assert not waits


def steps(task, data, cpu, options):
    """Two updates and a validation: what they log, and the last waits of both."""
    built = build(task, data, *NO_DROPOUT, *options, cpu=cpu)
    batch, logs = batch_of(built.task, "train"), []
    built.trainer._dummy_batch = batch
    for _ in range(2):
        with count_waits() as counted:
            logs.append(built.trainer.train_step([batch]))
        training = dict(counted)
    valid = batch_of(built.task, "valid")
    with count_waits() as counted:
        logs.append(built.trainer.valid_step(valid))
    logs = [{k: float(v) for k, v in log.items() if "memory" not in k} for log in logs]
    return logs, training, dict(counted)


def check_steps(task, data, options, predicting):
    logs, *nothing = steps(task, data, True, options)
    with pretend():
        found, training, validating = steps(task, data, False, options)
    assert not any(nothing)
    # The device's arithmetic is the CPU's, and so are all results.
    assert found == [pytest.approx(log, abs=2e-4) for log in logs]
    assert training == TRAINING
    assert validating == {LOGGING: 1, **predicting}


@pytest.mark.parametrize("family", FAMILIES)
def test_training_steps_wait_to_log_alone(data, family):
    task = FAMILIES[family][1]
    check_steps(task, data[family], SAMPLING, PREDICTING[family])


@pytest.mark.parametrize(
    "family, options",
    [
        ("pairs", ["--mixup-ratio=constant", "--sequence-representation=first"]),
        ("tagging", ["--word-pooling=mean", "--mixup-layer=1,2"]),
        ("questions", ["--ratio-scores=hidden", "--checkpoint-activations"]),
        ("tagging", ["--training-set=source"]),
        ("pairs", ["--group-translations"]),
    ],
)
def test_other_ways_of_training_do_not_wait_either(data, family, options):
    task = FAMILIES[family][1]
    check_steps(task, data[family], options, PREDICTING[family])


@pytest.mark.parametrize("family, task", [("pairs", "xnli"), ("tagging", "xner")])
def test_warm_up_does_not_wait(data, family, task):
    check_steps(f"multimix_{task}", data[family], PENALTY, PREDICTING[family])


@pytest.mark.parametrize("kind", ["mixup", "concatenated"])
def test_pre_training_on_parallel_text_does_not_wait(spm, tmp_path, kind):
    raw = raw_parallel(tmp_path / "raw", langs=["de"])
    data = preprocess(raw, spm, tmp_path / "bin")
    options = ["--criterion=xmixup_tlm", f"--tlm-kind={kind}"]
    check_steps("xmixup_tlm", data, options, {})
