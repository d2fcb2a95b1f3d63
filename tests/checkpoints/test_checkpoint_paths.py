"""Checkpoints are named by their files or their folders, wherever they are named."""

from types import SimpleNamespace

import pytest
from refusals import refused

from fairseq_xling.checkpoints.paths import find_checkpoint_file
from fairseq_xling.launching.commands import LAST, find_checkpoints


@pytest.fixture
def model(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "model.pt").write_bytes(b"x")
    return folder


def test_a_folder_means_the_checkpoint_in_it(model):
    file = str(model / "model.pt")
    assert find_checkpoint_file(file) == find_checkpoint_file(str(model)) == file
    (model / "checkpoint_best.pt").write_bytes(b"x")
    assert find_checkpoint_file(model) == str(model / "checkpoint_best.pt")


def test_what_is_no_checkpoint_is_refused(model, tmp_path):
    with refused(f"--path {tmp_path}/no: not found; give a ch"):
        find_checkpoint_file(tmp_path / "no", "--path")
    with refused("a folder with neither checkpoint_best.pt nor"):
        find_checkpoint_file(tmp_path)
    (tmp_path / "config.json").write_text("{}")
    with refused("Hugging Face's; convert it with preprocess/c"):
        find_checkpoint_file(tmp_path)


def options(tmp_path, restore=LAST, finetune=None, path=None):
    checkpoint = SimpleNamespace(
        save_dir=str(tmp_path / "save"),
        restore_file=restore,
        finetune_from_model=finetune,
        load_checkpoint_on_all_dp_ranks=False,
    )
    evaluated = SimpleNamespace(path=path)
    return SimpleNamespace(
        checkpoint=checkpoint, common_eval=evaluated, task=SimpleNamespace(data="bin")
    )


def test_fairseqs_options_take_folders(model, tmp_path):
    file = str(model / "model.pt")
    cfg = options(tmp_path, finetune=str(model), path=f"{model}:{file}")
    find_checkpoints(cfg)
    assert cfg.checkpoint.finetune_from_model == file
    assert cfg.common_eval.path == f"{file}:{file}"
    cfg = options(tmp_path, restore=str(model))
    find_checkpoints(cfg)
    assert cfg.checkpoint.restore_file == file


@pytest.mark.parametrize("name", ["restore", "finetune", "path"])
def test_what_is_not_there_is_refused_by_its_option(tmp_path, name):
    options_of = {"restore": "--restore-file", "finetune": "--finetune-from-model"}
    flag = options_of.get(name, "--path")
    with refused(f"{flag} .*nowhere.pt: not found"):
        find_checkpoints(options(tmp_path, **{name: str(tmp_path / "nowhere.pt")}))


def test_a_run_that_goes_on_needs_no_model_to_start_from(tmp_path):
    (tmp_path / "save").mkdir()
    (tmp_path / "save" / LAST).write_bytes(b"x")
    cfg = options(tmp_path, finetune="nowhere.pt")
    find_checkpoints(cfg)
    assert cfg.checkpoint.restore_file == LAST
