"""Stages: skipped when complete, run anew when not, refused with other settings."""

import json
import os
import sys
import time

import pytest
from refusals import refused

from fairseq_xling.files.locks import only_one_run
from fairseq_xling.stages import CommandFailed, Runner, Stage, is_complete, run_stages

WRITE = "import pathlib, sys; p = pathlib.Path(sys.argv[1]); p.mkdir(exist_ok=True); "


def stage(folder, code="pass", name="a", **changes):
    command = [sys.executable, "-c", WRITE + code + "; (p / 'out').write_text('x')"]
    values = {
        "name": name,
        "folder": folder / name,
        "command": [*command, str(folder / name)],
        "inputs": [],
        "outputs": [folder / name / "out"],
    }
    return Stage(**{**values, **changes})


def test_complete_stages_are_skipped(tmp_path):
    one = stage(tmp_path)
    assert not is_complete(one)
    run_stages([one], 1)
    assert is_complete(one)
    written = (tmp_path / "a" / "out").stat().st_mtime_ns
    run_stages([one], 1)
    assert (tmp_path / "a" / "out").stat().st_mtime_ns == written


def test_manifest_tells_the_command_and_its_inputs(tmp_path):
    (tmp_path / "in").write_text("1")
    one = stage(tmp_path, inputs=[tmp_path / "in"])
    run_stages([one], 1)
    found = json.loads((tmp_path / "a.stage.json").read_text())
    assert found["command"] == one.command
    digest = "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b"
    assert found["inputs"] == {str(tmp_path / "in"): digest}
    (tmp_path / "in").write_text("22")
    with refused("made with other settings .*in changed"):
        is_complete(one)


def test_other_options_are_named(tmp_path):
    run_stages([stage(tmp_path)], 1)
    other = stage(tmp_path)
    other = other._replace(command=[*other.command, "--lr=2"])
    with refused("nothing instead of --lr=2"):
        run_stages([other], 1)
    other = other._replace(command=[other.command[-2], *other.command[:-2]])
    with refused("the same options in another order"):
        run_stages([other], 1)


def test_seconds_are_told(tmp_path):
    run_stages([stage(tmp_path, "import time; time.sleep(0.2)")], 1)
    found = json.loads((tmp_path / "a.stage.json").read_text())
    assert 0.2 <= found["seconds"] < 60


def test_output_that_is_gone_is_noticed(tmp_path):
    one = stage(tmp_path)
    run_stages([one], 1)
    (tmp_path / "a" / "out").unlink()
    with refused("out: gone, though .*remove a.stage.json"):
        is_complete(one)


def test_failures_are_told_after_the_others_have_ended(tmp_path):
    bad = stage(tmp_path, "print('error: no luck'); sys.exit(1)", name="bad")
    late = stage(tmp_path, "import time; time.sleep(0.3)", name="late")
    with refused(r"bad: error: no luck \(see .*bad.log.txt\)"):
        run_stages([bad, late], 2)
    assert is_complete(late) and not is_complete(bad)


def test_a_command_that_writes_nothing_is_noticed(tmp_path):
    one = stage(tmp_path, outputs=[tmp_path / "else"])
    with refused("a: wrote no .*else"):
        run_stages([one], 1)


def test_leftovers_of_a_killed_run_go(tmp_path):
    (tmp_path / ".a.x1y2z3_4").mkdir()
    (tmp_path / "a.log.txt").touch()
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "old").write_text("half")
    (tmp_path / "a" / "checkpoint_last.pt").write_bytes(b"PK half")
    run_stages([stage(tmp_path)], 1)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"a", "a.stage.json", "a.log.txt"}
    assert {path.name for path in (tmp_path / "a").iterdir()} == {"old", "out"}


def test_what_cannot_go_on_is_begun_anew(tmp_path):
    (tmp_path / "a.log.txt").touch()
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "old").write_text("half")
    run_stages([stage(tmp_path, is_resumable=False)], 1)
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["out"]


def test_folders_that_no_stage_wrote_are_not_removed(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "mine").touch()
    (tmp_path / "a" / "checkpoint_best.pt").write_bytes(b"saved by torch before 1.6")
    (tmp_path / ".a.bashrc").touch()
    with refused("a: exists and was not written by this run"):
        run_stages([stage(tmp_path, is_resumable=False)], 1)
    run_stages([stage(tmp_path)], 1)
    run_stages([stage(tmp_path, name="b")], 1)
    found = {path.name for path in (tmp_path / "a").iterdir()}
    assert found == {"mine", "checkpoint_best.pt", "out"}
    assert (tmp_path / ".a.bashrc").exists()


def test_folder_with_an_input_is_not_removed(tmp_path):
    (tmp_path / "a.log.txt").touch()
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "model.pt").touch()
    one = stage(tmp_path, is_resumable=False, inputs=[tmp_path / "a" / "model.pt"])
    with refused("a: holds .*model.pt, which is read"):
        run_stages([one], 1)
    assert (tmp_path / "a" / "model.pt").exists()


def test_stages_run_side_by_side(tmp_path):
    wait = "import time; (p / 'began').write_text(str(time.time())); time.sleep(0.5)"
    both = [stage(tmp_path, wait, name=name) for name in "ab"]
    run_stages(both, 2)
    began = [float((tmp_path / name / "began").read_text()) for name in "ab"]
    assert abs(began[0] - began[1]) < 0.45


@pytest.mark.parametrize(
    "jobs, devices, given, seen",
    [
        (2, 2, None, {"0", "1"}),
        (2, 2, "5,7", {"5", "7"}),
        (2, 2, "5,7,-1,8", {"5", "7"}),
        (2, 2, "GPU-8a9f, GPU-04c1", {"GPU-8a9f", "GPU-04c1"}),
        (1, 2, "5,7", {"5,7"}),
        (2, 1, "5", {"5"}),
        (2, 0, "", {""}),
    ],
)
def test_jobs_share_the_gpus(tmp_path, monkeypatch, jobs, devices, given, seen):
    monkeypatch.setattr("torch.cuda.device_count", lambda: devices)
    if given is None:
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    else:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", given)
    tell = (
        "import os, time; time.sleep(0.2); "
        "(p / 'gpu').write_text(os.environ['CUDA_VISIBLE_DEVICES'])"
    )
    run_stages([stage(tmp_path, tell, name=name) for name in "abcd"], jobs)
    assert {(tmp_path / name / "gpu").read_text() for name in "abcd"} == seen


def test_a_second_run_waits_for_the_first(tmp_path):
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        with only_one_run(tmp_path):
            os.write(writer, b"x")
            time.sleep(0.5)
            (tmp_path / "first").write_text("done")
        os._exit(0)
    os.read(reader, 1)
    with only_one_run(tmp_path):
        assert (tmp_path / "first").exists()
    os.waitpid(child, 0)


def test_a_recipes_commands_are_shown_and_run_once(tmp_path, capfd):
    mark = tmp_path / "a mark"
    command = ["sh", "-c", 'echo "$WORD"; touch "$0"', str(mark)]
    Runner(dry_run=True)(command, done=mark)
    shown = f"sh -c 'echo \"$WORD\"; touch \"$0\"' '{mark}'\n"
    assert capfd.readouterr().out == shown and not mark.exists()
    run = Runner(variables={"WORD": "told"})
    run(command, done=mark)
    assert capfd.readouterr().out == f"{shown}told\n"
    run(command, done=mark)
    assert capfd.readouterr().out == ""
    with open(tmp_path / "log", "wb") as log:
        run(command, log=log)
    assert capfd.readouterr().out == ""
    assert (tmp_path / "log").read_text() == "told\n"


@pytest.mark.parametrize("code, status", [("exit 3", 3), ("kill -9 $$", 137)])
def test_a_recipes_command_fails_after_the_others_have_ended(tmp_path, code, status):
    late = ["sh", "-c", 'sleep 0.2; touch "$0"', str(tmp_path / "late")]
    with pytest.raises(CommandFailed) as error:
        Runner()(["sh", "-c", code], late)
    assert error.value.status == status and (tmp_path / "late").exists()


def test_a_stopped_recipe_ends_its_commands(tmp_path):
    def stop():
        raise KeyboardInterrupt

    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        Runner()(["sleep", "60"], ["sleep", "60"], meanwhile=stop)
    assert time.monotonic() - began < 30
