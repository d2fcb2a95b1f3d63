"""What fairseq's commands refuse before they run, and what they leave behind."""

from contextlib import suppress

import pytest
from fairseq.dataclass.configs import FairseqConfig
from forked import run_in_fork
from omegaconf import OmegaConf
from pair_data import write_pair_data
from refusals import error_of, refused
from torch.multiprocessing import ProcessRaisedException
from training import train_command

from fairseq_xling.launching.failures import leaving_nothing, raise_user_error_of
from fairseq_xling.launching.options import check_run, check_training


def options(data="bin", **given):
    """All options of a run on a CPU, with fairseq's defaults where none is given."""
    cfg = OmegaConf.structured(FairseqConfig)
    cfg.task, cfg.optimizer = {"data": data}, {"_name": "adam"}
    cfg.common.cpu = True
    for name, value in given.items():
        part = cfg.common if name in cfg.common else cfg.distributed_training
        part[name] = value
    return cfg


@pytest.mark.parametrize("backend", ["pytorch_ddp", "c10d", "legacy_ddp", "no_c10d"])
def test_backends_that_work_are_accepted(backend):
    check_run(options(ddp_backend=backend))


@pytest.mark.parametrize(
    "given, said",
    [
        ({"ddp_backend": "fully_sharded"}, "--ddp-backend fully_sharded: not possible"),
        ({"ddp_backend": "slowmo"}, "--ddp-backend slowmo: not possible"),
        ({"zero_sharding": "os"}, "--zero-sharding os: not possible"),
        ({"cpu_offload": True}, "--cpu-offload: not possible"),
        ({"pipeline_model_parallel": True}, "--pipeline-model-parallel: not possible"),
        ({"data": "a:b"}, "a:b: fairseq takes : for the end of one path"),
    ],
)
def test_options_that_cannot_work_are_refused(given, said):
    with refused(said):
        check_run(options(**given))


@pytest.mark.parametrize("name", ["fp16", "memory_efficient_fp16", "amp"])
def test_training_in_half_precision_needs_a_gpu(name):
    check_training(options(fp16=False))
    with refused(f"--{name.replace('_', '-')}: needs a GPU"):
        check_training(options(**{name: True}))


def test_mistake_found_in_a_spawned_process_is_raised_here():
    text = (
        "Traceback:\nfairseq_xling.errors.UserError: a: wrong\n\nTraceback:\nException"
    )
    with refused("^a: wrong$"):
        raise_user_error_of(ProcessRaisedException(text, 0, 1))
    raise_user_error_of(ProcessRaisedException("ValueError: other", 0, 1))


def fail_in(folder, *written):
    """What is left of a run that writes files and fails."""
    with suppress(KeyboardInterrupt), leaving_nothing(folder, "first.txt"):
        folder.mkdir(parents=True, exist_ok=True)
        for name in written:
            (folder / name).touch()
        raise KeyboardInterrupt


def test_only_folders_that_were_not_there_and_are_empty_are_removed(tmp_path):
    fail_in(tmp_path / "a/b/c", "../../kept")
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["kept"]
    (tmp_path / "a/kept").unlink()
    fail_in(tmp_path / "a/b/c", "first.txt")
    assert (tmp_path / "a").exists() and not list((tmp_path / "a").iterdir())
    fail_in(tmp_path / "a/b", "first.txt", "second.txt")
    assert len(list((tmp_path / "a/b").iterdir())) == 2
    fail_in(tmp_path / "a/b")
    assert len(list((tmp_path / "a/b").iterdir())) == 2


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_pair_data(tmp_path_factory.mktemp("pairs") / "bin")


@pytest.mark.parametrize(
    "given, said",
    [
        ("--ddp-backend=fully_sharded", "--ddp-backend fully_sharded: not possible"),
        ("--fp16", "--fp16: needs a GPU"),
        ("--best-checkpoint-metric=acuracy", "acuracy: give one of loss, accuracy, ac"),
        ("--best-checkpoint-metric=f1", "give one of loss, accuracy, accuracy_en, "),
        ("--arch=roberta_base", "--arch roberta_base: give one of xmixup_mbert, "),
        ("--criterion=masked_lm", "masked_lm: give confidence_penalty or xmixup"),
        ("--criterion=xmixup_tlm", "xmixup_tlm: give confidence_penalty or xmixup"),
        ("--max-positions=-1", "--max-positions -1: give 4 to 131072"),
        ("--max-positions=0", "--max-positions 0: give 4 to 131072"),
        ("--max-positions=1000000000", "--max-positions 1000000000: give 4 to"),
        ("--max-tokens=3", "--max-tokens 3: an item of train takes"),
        ("--source-lang=", "--source-lang : "),
        ("--source-lang=/", "--source-lang /: the data's counterparts are in en"),
    ],
)
def test_training_that_cannot_start_says_so_and_leaves_nothing(
    data, tmp_path, given, said
):
    folder = tmp_path / "out/checkpoints"
    words = train_command(data, folder, "--max-update=1", given)
    assert said in error_of(run_in_fork(words))
    assert list(tmp_path.iterdir()) == []


def test_training_without_data_says_so_and_leaves_nothing(tmp_path):
    words = train_command(tmp_path / "none", tmp_path / "out")
    assert "manifest.json: not found" in error_of(run_in_fork(words))
    assert list(tmp_path.iterdir()) == []


def test_training_without_optimizer_ends_in_a_line(data, tmp_path):
    words = train_command(data, tmp_path / "out", "--max-update=1")
    words.remove("--optimizer=adam")
    error = error_of(run_in_fork(words))
    assert (
        error == "error: --optimizer is missing; give one, as --optimizer adamw_fused"
    )
