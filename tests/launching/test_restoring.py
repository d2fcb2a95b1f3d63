"""Going on from a checkpoint: refused where it is another training's."""

from types import SimpleNamespace

import pytest
import torch
from forked import run_in_fork
from pair_data import write_pair_data
from question_data import question_task, write_question_data
from refusals import error_of, refused
from tag_data import TAGS, tagging_task, write_tag_data
from training import train_command

from fairseq_xling.launching import restoring
from fairseq_xling.launching.restoring import check_task


@pytest.fixture(scope="module")
def tagged(tmp_path_factory):
    return tagging_task(write_tag_data(tmp_path_factory.mktemp("tags") / "bin"))


def saved(path, state):
    torch.save({"task_state": state, "model": {}}, path)
    return str(path)


def test_own_checkpoint_and_one_that_tells_nothing_are_accepted(tagged, tmp_path):
    check_task(tagged, saved(tmp_path / "a.pt", tagged.state_dict()))
    check_task(tagged, saved(tmp_path / "b.pt", {}))


def test_checkpoint_of_another_task_is_refused(tagged, tmp_path):
    other = question_task(write_question_data(tmp_path / "bin"))
    path = saved(tmp_path / "other.pt", other.state_dict())
    with refused(f"{path}: .*trained on xquad.*--finetune-from"):
        check_task(tagged, path)


def test_checkpoint_of_labels_in_another_order_is_refused(tagged, tmp_path):
    state = {**tagged.state_dict(), "labels": TAGS[::-1]}
    path = saved(tmp_path / "other.pt", state)
    with refused(f"{path}: .*trained on the labels O, I-PER"):
        check_task(tagged, path)


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize("labels", [TAGS, TAGS[::-1]])
def test_checkpoint_is_looked_into_once(tagged, tmp_path, opened, reset, labels):
    state = {**tagged.state_dict(), "labels": labels}
    path = saved(tmp_path / "model.pt", state)
    chosen = SimpleNamespace(load_checkpoint_on_all_dp_ranks=False)
    trainer = SimpleNamespace(task=tagged, cfg=SimpleNamespace(checkpoint=chosen))
    load = lambda trainer, filename, reset: filename  # noqa: E731
    if labels == TAGS or reset:
        assert restoring.load_checkpoint(load, trainer, path, reset) == path
    else:
        with refused("trained on the labels O, I-PER"):
            restoring.load_checkpoint(load, trainer, path, reset)
    assert opened == [path]
    assert chosen.load_checkpoint_on_all_dp_ranks == (reset and labels != TAGS)


def test_training_does_not_go_on_with_another_optimizer(tmp_path):
    data = write_pair_data(tmp_path / "bin")
    options = ["--max-update=1", "--disable-validation"]
    arguments = train_command(data, tmp_path / "out", *options)
    assert run_in_fork(arguments).returncode == 0
    error = error_of(run_in_fork([*arguments, "--optimizer=sgd"]))
    assert "cannot go on from it (Optimizer does" in error
