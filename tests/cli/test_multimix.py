"""xling-multimix: the whole of Algorithm 1 on tiny data, killed and repeated."""

import json
import logging
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from augment_data import draw_pairs, draw_words, write_lm, write_pairs, write_sentences
from forked import run_stage
from mbert_data import write_mbert
from raw_data import WORDS
from refusals import refused

from fairseq_xling import stages
from fairseq_xling.cli import multimix, retokenize
from fairseq_xling.data.manifest import Manifest, stream_prefix
from fairseq_xling.multimix.co_teaching import Plan
from fairseq_xling.multimix.epoch import Epoch
from fairseq_xling.multimix.updates import read_options
from fairseq_xling.preprocessing.retokenize import Reader

SHAPE = (
    "--encoder-layers 2 --encoder-embed-dim 16 --encoder-ffn-embed-dim 24 "
    "--encoder-attention-heads 2 --max-positions 40 --batch-size 8 --num-workers 0 "
    "--update-freq 1 --save-interval-updates 3 --keep-interval-updates 1"
)
# Each task has the other schedule. The longer one's third epoch is as the second, but
# for the pools that the shorter one's shows.
SCHEDULES = {"multimix_xnli": "simultaneous", "multimix_xner": "sequential"}
EPOCHS = {"simultaneous": 3, "sequential": 2}
POOLS = {
    1: ["target"],
    2: ["target-aug"],
    3: ["source-aug", "target", "target-aug"],
}
# Models trained in each step of an epoch, and whose labels they are trained on.
STEPS = {
    "simultaneous": [{1: (2, 3), 2: (1, 3), 3: (1, 2)}],
    "sequential": [
        {3: (1, 2)}, {2: (1, 3)}, {3: (2, 1)}, {1: (2, 3)}, {2: (3, 1)}, {1: (3, 2)}
    ],
}  # fmt: skip
WRITERS = {
    "multimix_xnli": (write_pairs, draw_pairs),
    "multimix_xner": (write_sentences, draw_words),
}


# Three batches, so that an epoch ends where it is validated anyway.
ROWS = 24


def write_data(task, folder, spm):
    write, draw = WRITERS[task]
    counts = {"train": ROWS, "valid": 8, "test": 8}
    if task == "multimix_xner":
        counts["supervised"] = ROWS
    splits = {
        split: {lang: draw(lang, count, seed) for lang in ("en", "de")}
        for seed, (split, count) in enumerate(counts.items())
    }
    return write(folder, spm, splits)


@pytest.fixture(scope="module")
def settings(spm, tmp_path_factory):
    """What is to be run, by task."""
    found = {}
    for task in WRITERS:
        folder = tmp_path_factory.mktemp(task)
        data, lm = write_data(task, folder / "bin", spm), write_lm(folder / "lm", spm)
        found[task] = SimpleNamespace(
            task=task, data=data, lm=lm, folder=folder, schedule=SCHEDULES[task]
        )
    return found


@pytest.fixture(params=WRITERS)
def setting(request, settings):
    return settings[request.param]


# What does not depend on the task is tried on one of them, or on the shorter schedule.
on_one_task = pytest.mark.parametrize("setting", ["multimix_xner"], indirect=True)
on_the_shorter = pytest.mark.parametrize("setting", ["multimix_xnli"], indirect=True)


def arguments(setting, out, *options):
    return [
        str(setting.data), f"--task={setting.task}", "--target-lang=de",
        f"--pretrained={setting.lm}", f"--results-path={out}", "--cpu",
        "--arch=xmixup_xlmr_mini", f"--train-options={SHAPE}",
        "--warmup-options=--max-update 8 --lr 0.01 --warmup-updates 2",
        "--adaptation-options=--lr 0.002", "--distill-factor=90,100,100",
        "--augment-options=--num-workers 0",
        f"--co-teaching={setting.schedule}",
        *["--epochs=2"] * (setting.schedule == "sequential"), *options,
    ]  # fmt: skip


@pytest.fixture
def forks(monkeypatch):
    monkeypatch.setattr(stages.subprocess, "run", run_stage)


def run(setting, out, *options):
    args = multimix.build_parser().parse_args(arguments(setting, out, *options))
    multimix.main(args)
    return out


@pytest.fixture
def reference(setting, monkeypatch):
    """The folder of a run to the end, made once a task."""
    folder = setting.folder / "reference"
    if not (folder / "report.json").exists():
        with monkeypatch.context() as patch:
            patch.setattr(stages.subprocess, "run", run_stage)
            run(setting, folder)
    return folder


def warm_models(reference):
    return [str(reference / f"warm-up/model{m}/checkpoint_best.pt") for m in (1, 2, 3)]


def contents(folder):
    """All selections and the parameters of all models."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.name == "checkpoint_best.pt":
            state = torch.load(path, weights_only=True)
            found[name] = {k: v.numpy().tobytes() for k, v in state["model"].items()}
        elif path.suffix in (".bin", ".idx"):
            found[name] = path.read_bytes()
    return found


def test_every_epoch_trains_three_models_on_its_data(setting, reference):
    rows = {"target": ROWS}
    for side in ("source", "target"):
        (entries,) = Manifest.load(reference / "augmented" / side).splits.values()
        rows[f"{side}-aug"] = sum(entry.rows for entry in entries.values())
    for epoch in range(1, EPOCHS[setting.schedule] + 1):
        folder, names = reference / f"epoch{epoch}", POOLS[epoch]
        for number, step in enumerate(STEPS[setting.schedule], 1):
            selected = folder / f"step{number}/selected"
            found = sorted(path.name for path in selected.iterdir() if path.is_dir())
            assert found == names
            for model in step:
                assert (
                    folder / f"step{number}/model{model}/checkpoint_best.pt"
                ).exists()
                for name in names:
                    manifest = Manifest.load(selected / name / str(model))
                    counts = manifest.selection["counts"]
                    assert counts["samples"] == rows[name] and counts["agreed"] > 0


def test_peers_are_the_models_as_they_stand(setting, reference):
    reports = json.loads((reference / "report.json").read_text())
    for epoch in range(1, EPOCHS[setting.schedule] + 1):
        before = reference / (f"epoch{epoch - 1}" if epoch > 1 else "warm-up")
        stand = {model: before / f"model{model}" for model in (1, 2, 3)}
        trainings = iter(reports[epoch]["trainings"])
        for number, step in enumerate(STEPS[setting.schedule], 1):
            digest = {
                model: stages.recorded_sha256(folder / "checkpoint_best.pt")
                for model, folder in stand.items()
            }
            where = reference / f"epoch{epoch}/step{number}"
            for model, peers in step.items():
                for folder in (where / "selected").glob(f"*/{model}"):
                    found = Manifest.load(folder).selection["peers"]
                    assert [x["checkpoint"] for x in found] == [
                        digest[peer] for peer in peers
                    ]
                training = next(trainings)
                assert (training["step"], training["model"]) == (number, model)
                if training["kept"]:
                    stand[model] = where / f"model{model}"
        for model, folder in stand.items():
            kept = reference / f"epoch{epoch}/model{model}/checkpoint_best.pt"
            assert kept.read_bytes() == (folder / "checkpoint_best.pt").read_bytes()


def test_target_text_is_that_of_the_tasks_split(setting, reference):
    split = "supervised" if setting.task == "multimix_xner" else "train"
    assert list(Manifest.load(reference / "augmented/target").splits) == [split]
    (selection,) = (reference / "epoch1/distilled/target").glob("1/predictions.json")
    assert json.loads(selection.read_text())["stream"] == f"{split}.de"


@pytest.mark.parametrize(
    "task, splits, expected",
    [
        ("multimix_xnli", ["train", "supervised"], "train"),
        ("multimix_xnli", ["supervised"], "supervised"),
        ("multimix_xner", ["train", "supervised"], "supervised"),
        ("multimix_xner", ["train"], "train"),
    ],
)
def test_target_text_is_what_there_is(settings, tmp_path, task, splits, expected):
    setting = settings[task]
    data = shutil.copytree(setting.data, tmp_path / "bin")
    manifest = Manifest.load(data)
    for split in ("train", "supervised"):
        entry = manifest.splits["train"]["de"]
        manifest.splits.setdefault(split, {})["de"] = entry
    for split in {"train", "supervised"} - set(splits):
        del manifest.splits[split]["de"]
    manifest.save(data)
    found = SimpleNamespace(**{**vars(setting), "data": data})
    given = multimix.build_parser().parse_args(arguments(found, tmp_path / "out"))
    assert multimix.make_plan(given).target_split == expected


def test_training_reads_the_mixture_of_algorithm_1(setting, reference):
    for epoch in range(1, EPOCHS[setting.schedule] + 1):
        number = 1 if setting.schedule == "simultaneous" else 2
        manifest = reference / f"epoch{epoch}/step{number}/model2.stage.json"
        command = json.loads(manifest.read_text())["command"]
        (mixture,) = [x for x in command if x.startswith("--mixture=")]
        folders = mixture.partition("=")[2].split(",")
        assert len(folders) == len(POOLS[epoch]) + (epoch != 2)
        assert (str(setting.data) in folders) == (epoch != 2)
        assert all(x.endswith("/2") for x in folders if x != str(setting.data))
        (start,) = [x for x in command if x.startswith("--finetune-from-model=")]
        previous = f"epoch{epoch - 1}" if epoch > 1 else "warm-up"
        assert start.endswith(f"{previous}/model2/checkpoint_best.pt")


@pytest.mark.parametrize(
    "task, rows, updates",
    [
        ("multimix_xner", 1384, 173),
        ("multimix_xnli", 392_702, 24_543),
        ("multimix_xnli", 19_635, 1227),
    ],
)
def test_a_run_without_options_trains_as_table_7_says(
    settings, tmp_path, monkeypatch, task, rows, updates
):
    """What is planned of a call as users type it, with as many rows as the paper."""
    setting = settings[task]
    monkeypatch.setattr(Plan, "rows", staticmethod(lambda folder, lang=None: rows))
    words = [
        str(setting.data), f"--task={task}", "--target-lang=de",
        f"--pretrained={setting.lm}", f"--results-path={tmp_path / 'out'}",
    ]  # fmt: skip
    plan = multimix.make_plan(multimix.build_parser().parse_args(words))
    epoch = Epoch(plan, 1)
    assert len(epoch.steps) == 6
    (warm_up, *_), (adaptation,) = plan.warm_up(), epoch.adaptation(epoch.steps[0])
    every = 50 if task == "multimix_xner" else 25
    for stage, length, interval in ((warm_up, 3000, 50), (adaptation, updates, every)):
        said = read_options(stage.command[3:])
        found = said.max_update, said.validate_interval_updates
        assert found == (length, interval) and said.distributed_world_size == 1


def test_models_differ_by_seed(setting, reference):
    states = [torch.load(path, weights_only=True) for path in warm_models(reference)]
    (name,) = [
        n for n in states[0]["model"] if n.endswith("out_proj.weight") and "head" in n
    ]
    assert not torch.equal(states[0]["model"][name], states[1]["model"][name])
    assert not torch.equal(states[1]["model"][name], states[2]["model"][name])


def test_report_tells_of_every_epoch(setting, reference):
    reports = json.loads((reference / "report.json").read_text())
    epochs = EPOCHS[setting.schedule]
    assert [report["epoch"] for report in reports] == list(range(epochs + 1))
    for report in reports:
        for split in ("valid", "test"):
            scores = report["scores"][split]
            assert all(len(scores[lang]) == 3 for lang in ("en", "de"))
    name = "1" if setting.schedule == "simultaneous" else "1 (step 6)"
    found = reports[1]["pools"]["target"][name]
    assert found["samples"] == ROWS and len(found["accuracy_selected"]) == 2
    text = (reference / "report.md").read_text()
    assert text.count("\n| epoch") == epochs + 2 and "warm-up" in text
    for report in reports:
        for one in report["trainings"]:
            assert one["validated_every"] == 3
            assert one["best_update"] in {*range(3, one["updates"], 3), one["updates"]}
            if report["epoch"]:
                assert one["kept"] == (one["after"] > one["before"])


def test_a_trainings_folder_holds_its_best_checkpoint_alone(setting, reference):
    for path in reference.rglob("checkpoint*.pt"):
        assert path.name == "checkpoint_best.pt"


def test_repeated_it_does_nothing(setting, reference, monkeypatch):
    monkeypatch.setattr(stages.subprocess, "run", None)
    before = contents(reference)
    run(setting, reference)
    assert contents(reference) == before


@on_the_shorter
def test_jobs_side_by_side_and_models_warmed_up_before_change_nothing(
    setting, reference, forks, tmp_path
):
    options = ["--warmup-path", *warm_models(reference), "--jobs=3", "--epochs=1"]
    out = run(setting, tmp_path / "out", *options)
    assert not (out / "warm-up" / "model1").exists()
    found, expected = contents(out), contents(reference)
    assert "epoch1/model3/checkpoint_best.pt" in found
    assert all(expected[name] == value for name, value in found.items())


def killed_in(program, is_all_killed):
    """Stands for subprocess.run, and kills where a program's file comes to its place.

    Or where the program has ended without one, before that is recorded.
    """

    def run_or_kill(command, stdout, **_):
        if Path(command[0]).name != program:
            return run_stage(command, stdout)
        driver, todo = os.getpid(), [os.killpg if is_all_killed else os.kill]

        def kill(event, _):
            if event == "os.rename" and todo:
                todo.pop()(driver, signal.SIGKILL)

        run_stage(command, stdout, lambda: sys.addaudithook(kill))
        kill("os.rename", None)

    return run_or_kill


def status_in_fork(setting, out, options, run_command):
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.setsid()
            logging.disable(logging.CRITICAL)
            stages.subprocess.run = run_command
            run(setting, out, *options)
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


# A machine that stops takes all along; an impatient user the driver alone. Only the
# second epoch generates.
KILLS = {
    "multimix_xnli": [
        ("fairseq-train", True), ("fairseq-generate", False),
        ("fairseq-generate", True), ("xling-distill", True), ("xling-agree", False),
        ("fairseq-train", True), ("xling-evaluate", False),
    ],
    "multimix_xner": [
        ("xling-distill", False), ("xling-agree", True), ("fairseq-train", False),
        ("xling-evaluate", True),
    ],
}  # fmt: skip


def test_killed_in_any_command_it_ends_the_same(setting, reference, tmp_path):
    options = ["--epochs=2"]
    if setting.task == "multimix_xner":  # six trainings an epoch
        options = ["--epochs=1", "--warmup-path", *warm_models(reference)]
    where = (setting, tmp_path / "out", options)
    for program, is_all_killed in KILLS[setting.task]:
        killer = killed_in(program, is_all_killed)
        assert status_in_fork(*where, killer) == -signal.SIGKILL, program
    assert status_in_fork(*where, run_stage) == 0
    found, expected = contents(tmp_path / "out"), contents(reference)
    assert found == {name: expected[name] for name in found}
    assert "epoch1/model3/checkpoint_best.pt" in found


def test_x_mixup_models_are_adapted(spm, forks, tmp_path):
    setting = SimpleNamespace(
        task="multimix_xnli",
        data=write_data("multimix_xnli", tmp_path / "bin", spm),
        lm=write_lm(tmp_path / "lm", spm),
        schedule="simultaneous",
    )
    options = ["--x-mixup", "--epochs=1", "--distill-factor=100,100,100"]
    options.append("--precision=bf16")
    out = run(setting, tmp_path / "out", *options)
    command = json.loads((out / "epoch1/step1/model3.stage.json").read_text())[
        "command"
    ]
    assert "--training-set=pairs" in command and "--criterion=xmixup" in command
    # The precision is that of every command that runs a model.
    for path in out.rglob("*.stage.json"):
        command = json.loads(path.read_text())["command"]
        assert ("--bf16" in command) == ("--cpu" in command), path


@on_the_shorter
def test_mberts_learn_from_what_an_xlmr_generates(setting, forks, tmp_path):
    lines = [" ".join(words) for words in WORDS.values()]
    model = write_mbert(tmp_path / "mbert", lines)
    files = [model.parent / "tokenizer.json", model.parent / "dict.txt"]
    data = tmp_path / "bin"
    options = [f"--tokenizer={files[0]}", f"--dict={files[1]}", f"--destdir={data}"]
    retokenize.main(retokenize.build_parser().parse_args([str(setting.data), *options]))
    mbert = SimpleNamespace(**{**vars(setting), "data": data, "lm": model})
    options = [
        f"--lm-path={setting.lm}", f"--lm-data={setting.data}", "--epochs=2",
        "--arch=xmixup_mbert_mini", "--distill-factor=100,100,100", "--no-agreement",
        "--co-teaching=simultaneous",
    ]  # fmt: skip
    out = run(mbert, tmp_path / "out", *options)
    augmented = Manifest.load(out / "augmented/target")
    generated = Manifest.load(out / "augmented-lm/target")
    assert (augmented.tokenizer, generated.tokenizer) == ("wordpiece", "sentencepiece")
    assert augmented.augmentation == generated.augmentation
    (split,) = augmented.splits
    texts = []
    for folder, manifest in (("augmented", augmented), ("augmented-lm", generated)):
        reader = Reader(out / folder / "target", manifest)
        rows = reader.open((split, "de"), "input")
        texts.append(["".join(reader.text(tokens).split()) for tokens in rows])
    assert texts[0] == texts[1]
    for model in (1, 2, 3):
        # Without agreement all of one peer's labels are trained on.
        selected = Manifest.load(out / f"epoch1/step1/selected/target/{model}")
        assert selected.splits[split]["de"].rows == ROWS
        assert len(selected.selection["peers"]) == 1
        selected = Manifest.load(out / f"epoch2/step1/selected/target-aug/{model}")
        assert selected.tokenizer == "wordpiece"


@on_one_task
def test_pools_of_other_data_are_refused(setting, settings, tmp_path):
    other = settings["multimix_xnli"].data
    with refused("--lm-data .*: holds other data than"):
        run(setting, tmp_path / "out", f"--lm-data={other}")


@on_one_task
def test_charts_compare_with_a_model_without_penalty(setting, reference, monkeypatch):
    # In a process of its own: scikit-learn's threads do not outlive a fork.
    start = subprocess.run

    def fork_training(command, **more):
        is_training = Path(command[0]).name == "fairseq-train"
        return (run_stage if is_training else start)(command, **more)

    monkeypatch.setattr(stages.subprocess, "run", fork_training)
    before = contents(reference)
    run(setting, reference, "--charts")
    names = {path.name for path in (reference / "charts").iterdir()}
    charts = ("classes", "loss-by-length", "losses", "selected-lengths")
    assert names == {*(f"{name}.png" for name in charts), "charts.json"}
    found = json.loads((reference / "charts/charts.json").read_text())
    assert [one["name"] for one in found] == ["with penalty", "without penalty"]
    assert all(one["samples"] == 8 for one in found)
    shutil.rmtree(reference / "charts")
    for path in (reference / "warm-up").glob("model1-without-penalty*"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    (reference / "charts.stage.json").unlink()
    assert contents(reference) == before


@on_one_task
def test_a_share_of_the_data_is_trained_on(setting, forks, tmp_path):
    options = ["--train-percentage=50", "--epochs=1", "--co-teaching=simultaneous"]
    out = run(setting, tmp_path / "out", *options)
    splits = Manifest.load(out / "sampled").splits
    assert splits["train"]["en"].rows == ROWS // 2 and splits["valid"]["de"].rows == 8
    source, target = (
        [
            Path(stream_prefix(out / name, split, lang, "input") + ".bin").read_bytes()
            for name in ("sampled", "sampled-2", "sampled-3")
        ]
        for split, lang in (("train", "en"), ("supervised", "de"))
    )
    assert len(set(source)) == 1 and len(set(target)) == 3
    command = json.loads((out / "warm-up/model1.stage.json").read_text())["command"]
    assert str(out / "sampled") in command


@on_one_task
@pytest.mark.parametrize("way, shares", [("each", 3), ("shared", 1)])
def test_each_model_learns_from_a_share_of_its_own(setting, tmp_path, way, shares):
    options = ["--train-percentage=50", f"--target-sample={way}"]
    args = multimix.build_parser().parse_args(arguments(setting, tmp_path, *options))
    plan = multimix.make_plan(args)
    sampling = plan.sampling(50, range(1, shares + 1))
    names = ["sampled", "sampled-2", "sampled-3"][:shares]
    assert [stage.folder.name for stage in sampling] == names
    assert len({str(stage.command) for stage in sampling}) == shares
    assert all("--seed=1" in stage.command for stage in sampling)
    read = {stage.folder.name: stage.command[1] for stage in plan.generation()}
    targets = ["target", "target-2", "target-3"][:shares]
    assert read == {
        "source": str(tmp_path / "sampled"),
        **{x: str(tmp_path / name) for x, name in zip(targets, names)},
    }
    for number, place in ((1, "{}"), (2, "augmented/{}")):
        epoch = Epoch(plan, number)
        for step in epoch.steps:
            made = {x.folder: x.command for x in epoch.distillation(step)}
            for stage in epoch.agreements(step):
                learner = int(stage.folder.name) if shares > 1 else 1
                folder = names if number == 1 else targets
                pool = str(tmp_path / place.format(folder[learner - 1]))
                assert stage.command[1] == pool
                for labels in map(Path, stage.command[2:4]):
                    assert made[labels][1] == pool and labels.name != stage.folder.name


@on_one_task
def test_another_runs_folder_is_refused(setting, reference, forks):
    with refused("made with other settings .*--seed=5"):
        run(setting, reference, "--seed=5")


@on_the_shorter
def test_changed_input_is_noticed(setting, reference, forks):
    before = setting.lm.read_bytes()
    state = torch.load(setting.lm, weights_only=False)  # The test's own file.
    state["model"]["encoder.lm_head.bias"] += 1
    torch.save(state, setting.lm)
    message = f"made with other settings .*{setting.lm} changed"
    try:
        with refused(message):
            run(setting, reference)
    finally:
        setting.lm.write_bytes(before)


@on_one_task
def test_a_failing_command_is_told_in_one_line(setting, forks, tmp_path):
    with refused("warm-up, model 1: .*heads.*log.txt"):
        run(
            setting,
            tmp_path / "out",
            "--epochs=0",
            "--warmup-options=--encoder-attention-heads 3",
        )


@pytest.mark.parametrize(
    "options, message",
    [
        (["--target-lang=en"], "--target-lang en: is the source language"),
        (["--target-lang=fr"], "no split train in fr; it has"),
        (["--train-percentage=0"], "--train-percentage 0: give a value above 0"),
        (["--precision=fp16"], "--precision fp16: needs a GPU"),
        (["--target-sample=each"], "give a --train-percentage below 100"),
        (["--jobs=0"], "--jobs 0: give 1 or more"),
        (["--distill-factor=80,100"], "--distill-factor 80,100: give 3 percentages"),
        (["--distill-factor=80,100,x"], "give 3 percentages"),
        (["--adaptation-options=--lr none"], "--adaptation-options: argument --lr:"),
        (["--train-options=--max-tokens 9"], "--max-tokens: an epoch's updates cannot"),
        (["--distill-factor=0,100,100"], "give 3 percentages above 0"),
        (["--results-path=a:b"], "--results-path a:b: fairseq takes :"),
        (["--pretrained=none.pt"], "none.pt: not found; give a checkpoint"),
    ],
)
def test_wrong_option_is_refused(setting, tmp_path, options, message):
    with refused(message):
        run(setting, tmp_path / "out", *options)
    assert not (tmp_path / "out").exists()
