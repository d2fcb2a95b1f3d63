"""``examples/augment.sh``: what it runs, and that it does."""

import os
from pathlib import Path

from augment_data import draw_pairs, snapshot, write_lm, write_pairs
from forked import fork, main_of
from recipe_calls import call_recipe, dry_run

from fairseq_xling import stages


def bash(*arguments, visible=""):
    return call_recipe("augment", *arguments, CUDA_VISIBLE_DEVICES=visible)


def commands(*arguments, visible=""):
    return dry_run("augment", *arguments, CUDA_VISIBLE_DEVICES=visible)


def test_one_gpu_runs_the_papers_settings():
    (words,) = commands("data", "out", "--model", "lm")
    assert Path(words[0]).name == "fairseq-generate"
    for option, value in {
        "--task": "multimix_augment",
        "--aug-percentage": "30",
        "--gen-subset": "train",
        "--results-path": "out",
        "--path": "lm",
    }.items():
        assert words[words.index(option) + 1] == value
    assert not {"--bf16", "--fp16", "--cpu"} & set(words)
    (words,) = commands("data", "out", "--model", "lm", "--precision", "bf16")
    assert "--bf16" in words


def test_several_gpus_run_shards_and_join_them():
    options = ("data", "out", "--model", "lm", "--gpus", "3")
    *shards, join = commands(*options, visible="4,5,GPU-8a9f")
    devices = {words[1] for words in shards}
    assert devices == {f"CUDA_VISIBLE_DEVICES={x}" for x in ("4", "5", "GPU-8a9f")}
    ranks = {words[words.index("--distributed-rank") + 1] for words in shards}
    assert ranks == {"0", "1", "2"}
    assert join[1:] == ["out.shard-0", "out.shard-1", "out.shard-2", "--destdir", "out"]


class Forked:
    """Stands for subprocess.Popen, without the seconds that imports take."""

    def __init__(self, command, **_):
        with open(os.devnull, "w") as out, open("errors", "a") as errors:
            main = main_of(command[0])
            self.child = fork(main, command, out, errors)

    def wait(self):
        return os.waitstatus_to_exitcode(os.waitpid(self.child, 0)[1])


def test_two_processes_write_what_one_writes(spm, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(stages.subprocess, "Popen", Forked)
    lm = write_lm(tmp_path / "lm", spm).parent
    rows = {"train": {"en": draw_pairs("en", 20)}}
    data = write_pairs(tmp_path / "data", spm, rows)
    options = ("--model", lm, "--cpu", "--max-tokens", "60")
    for name, gpus in (("one", 1), ("two", 2)):
        done = bash(data, tmp_path / name, "--gpus", gpus, *options)
        assert done.returncode == 0, Path("errors").read_text()[-2000:]
    one, two = snapshot(tmp_path / "one"), snapshot(tmp_path / "two")
    one.pop("generate-train.txt")
    assert one == two
    again = bash(data, tmp_path / "two", "--gpus", 2, *options)
    assert again.returncode == 0 and "done before" in again.stdout
