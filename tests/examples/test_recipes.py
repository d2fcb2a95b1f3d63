"""The recipes: every method prints commands that fairseq understands."""

import json
import shlex
import subprocess
from pathlib import Path

import pytest
from fairseq import options
from fairseq.tasks import TASK_REGISTRY
from recipe_calls import BIN, UPDATES, call_recipe, counted, dry_run
from training import ROOT, environment

import fairseq_xling  # noqa: F401
from fairseq_xling.cli.evaluate import build_parser

PAIRS = ["xnli", "pawsx"]
TAGGING = ["udpos", "panx"]
QUESTIONS = ["xquad", "mlqa", "tydiqa"]
METRICS = {
    **dict.fromkeys(PAIRS, "accuracy"),
    **dict.fromkeys(TAGGING, "f1"),
    **dict.fromkeys(QUESTIONS, "score"),
}
# What a method adds for each family's metric, and the stream it predicts from.
METHODS = {
    "xmixup": ("", "mean"),
    "no-mixup": ("--mixup-layer 0", "mean"),
    "no-mixup-inference": ("--no-mixup-inference", "mean"),
    "no-scheduled-sampling": ("--scheduled-sampling-decay 0", "mean"),
    "constant-ratio": ("--mixup-ratio constant", "mean"),
    "no-mse": ("--representation-loss-weight 0", "mean"),
    "no-kl": ("--prediction-loss-weight 0", "mean"),
    "no-consistency": (
        "--representation-loss-weight 0 --prediction-loss-weight 0",
        "mean",
    ),
    "zero-shot": (
        "--training-set source --best-checkpoint-metric {metric}_en",
        "target",
    ),
    "translate-test": (
        "--training-set source --best-checkpoint-metric {metric}_en",
        "source",
    ),
    "translate-train": ("--training-set concatenated", "target"),
    "supervised": (
        "--training-set concatenated --train-subset supervised",
        "target",
    ),
}
PAIRS_ONLY = ["no-kl", "no-consistency", "translate-test"]
LENGTHS = {
    **dict.fromkeys(PAIRS, {"max-positions": "128", "truncate-sequence": ""}),
    **dict.fromkeys(TAGGING, {"max-positions": "128"}),
    **dict.fromkeys(QUESTIONS, {"max-positions": "384", "doc-stride": "128"}),
}
TRAINING = {
    **dict.fromkeys(PAIRS + TAGGING, {"lr": "5e-6", "max-epoch": "4"}),
    **dict.fromkeys(["xquad", "mlqa"], {"lr": "5e-6", "max-epoch": "2"}),
    "tydiqa": {"lr": "3e-5", "max-epoch": "4"},
}
# What is set by the number of updates, and what has no say in it.
SCHEDULE = {
    *("total-num-update", "warmup-updates", "validate-interval-updates"),
    *("save-interval-updates", "keep-interval-updates", "no-epoch-checkpoints"),
    "batch-size-valid",
}
# Tasks set these themselves; all but some methods leave them alone.
OWN_DEFAULTS = ["mixup-layer", "source-loss-weight", "scheduled-sampling-decay"]


def name_of(words):
    """``fairseq-train``, or the script that Python runs."""
    first, second = (Path(word).name for word in words[:2])
    return second if first == "python" else first


def settings_of(words):
    """The options of a command; of one that is given twice, the last."""
    found, option = {}, None
    for word in words[1:]:
        if word.startswith("--"):
            option = word[2:]
            found[option] = ""
        elif option:
            found[option] = f"{found[option]} {word}".strip()
    return found


def parse(words):
    return options.parse_args_and_arch(options.get_training_parser(), words[1:])


def write_manifest(out, soft_tags=False):
    """An output folder whose data are binarized already, as far as recipes look."""
    streams = ["input", "tags", *(["soft_tags"] if soft_tags else [])]
    train = {"en": {"streams": ["input", "tags"]}, "de": {"streams": streams}}
    (out / "data-bin").mkdir(parents=True)
    manifest = {"source_lang": "en", "splits": {"train": train}}
    (out / "data-bin" / "manifest.json").write_text(json.dumps(manifest))
    return out


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    return write_manifest(tmp_path_factory.mktemp("out"), soft_tags=True)


def check_method(task, method, train, evaluate):
    metric = METRICS[task]
    own, predicting = METHODS[method]
    wanted = settings_of(["", *own.format(metric=metric).split()])
    found = settings_of(train)
    batch_size = "4" if task in QUESTIONS else "16"
    expected = {
        "task": f"xmixup_{task}",
        "arch": "xmixup_xlmr",
        "criterion": "xmixup",
        "batch-size": batch_size,
        "update-freq": "8" if task in QUESTIONS else "2",
        "total-num-update": str(UPDATES),
        "validate-interval-updates": str(-(-UPDATES // 20)),
        "save-interval-updates": str(-(-UPDATES // 20)),
        "batch-size-valid": str(8 * int(batch_size)),
        "keep-interval-updates": "0",
        "best-checkpoint-metric": metric,
        **LENGTHS[task],
        **TRAINING[task],
        **wanted,
    }
    assert {name: found.get(name) for name in expected} == expected
    for name in ("truncate-sequence", "doc-stride", *OWN_DEFAULTS):
        assert (name in found) == (name in expected), name
    if task in QUESTIONS:
        assert int(found["warmup-updates"]) == -(-UPDATES // 10)
    else:
        assert "warmup-updates" not in found
    # Counted were the updates of this very training.
    about = settings_of(["", *counted])
    assert {name: found[name] for name in about} == about
    assert found.keys() - about.keys() <= SCHEDULE
    if f"xmixup_{task}" in TASK_REGISTRY:
        parse(train)
    args = build_parser().parse_args(evaluate[1:])
    assert args.path == [f"{found['save-dir']}/checkpoint_best.pt"]
    assert args.split == "test" and args.names == [method]
    if task in PAIRS:
        assert args.predict == [predicting]
    else:
        assert "--predict" not in evaluate


@pytest.mark.parametrize("task", METRICS)
def test_every_method_sets_its_options(prepared, task):
    for method in METHODS:
        if method in PAIRS_ONLY and task not in PAIRS:
            continue
        given = ("raw", prepared, "--method", method, "--gpus", 2)
        train, evaluate = dry_run(task, *given)
        check_method(task, method, train, evaluate)


def test_defaults_are_the_papers(prepared):
    args = parse(dry_run("xnli", "raw", prepared)[0])
    assert args.task == "xmixup_xnli" and args.update_freq == [4]
    assert args.lr == [5e-6] and args.scheduled_sampling_decay == 1000
    assert args.max_positions == 128 and args.truncate_sequence and args.fp16


@pytest.mark.parametrize(
    "task, batch_size, shares",
    [
        ("xnli", None, "16x4 16x2 7x3 16x1 12x1 10x1 9x1 8x1"),
        ("udpos", None, "16x4 16x2 7x3 16x1 12x1 10x1 9x1 8x1"),
        ("mlqa", None, "4x16 4x8 3x7 4x4 4x3 2x5 3x3 4x2"),
        ("xnli", 100, "64x1 32x1 21x1 16x1 12x1 10x1 9x1 8x1"),
        ("xnli", 3, "2x32 2x16 3x7 2x8 3x4 2x5 3x3 2x4"),
    ],
)
def test_updates_have_64_rows_on_any_number_of_gpus(tmp_path, task, batch_size, shares):
    for gpus, share in enumerate(shares.split(), 1):
        options = ["--gpus", gpus, "--method", "zero-shot"]
        if batch_size:
            options += ["--batch-size", batch_size]
        done = call_recipe(task, "raw", tmp_path, *options, "--dry-run")
        line = next(x for x in done.stdout.splitlines() if "fairseq-train" in x)
        found = settings_of(shlex.split(line))
        assert f"{found['batch-size']}x{found['update-freq']}" == share
        assert found["distributed-world-size"] == str(gpus)
        rows = gpus * int(found["batch-size"]) * int(found["update-freq"])
        assert rows == {3: 63, 5: 60, 6: 60, 7: 63}.get(gpus, 64)
        note = f"note: {rows} rows an update, as {gpus} GPUs cannot share 64 evenly"
        assert (note in done.stdout) == (rows != 64)


@pytest.mark.parametrize("task", TAGGING + QUESTIONS)
@pytest.mark.parametrize("method", PAIRS_ONLY)
def test_methods_of_sentence_pairs_are_refused_elsewhere(tmp_path, task, method):
    done = call_recipe(task, "raw", tmp_path, "--method", method, "--dry-run")
    assert done.returncode == 2
    (line,) = done.stdout.splitlines()
    assert line.startswith(f"error: --method {method}: {task} ")


@pytest.mark.parametrize("task", METRICS)
def test_preprocessing_comes_first_on_a_fresh_folder(tmp_path, task):
    first, *others = dry_run(task, "raw", tmp_path, "--model", "xlmr.base")
    assert name_of(first) == f"{task}.py" and first[2] == "raw"
    found = settings_of(first)
    assert found["model"] == "xlmr.base"
    assert found.get("held-out") == ("0.1" if task == "tydiqa" else None)
    stages = ["fairseq-train", "xling-evaluate"]
    if task in TAGGING:
        stages = ["fairseq-train", "xling-pseudo-label", *stages]
    assert [name_of(words) for words in others] == stages


def test_tagging_learns_from_pseudo_labels_of_a_source_model(tmp_path):
    write_manifest(tmp_path)
    source = tmp_path / "zero-shot-3"
    given = ("udpos", "raw", tmp_path, "--cpu", "--seed", 3)
    zero, label, train, _ = dry_run(*given)
    found = settings_of(zero)
    assert found["save-dir"] == str(source) and found["training-set"] == "source"
    assert found["best-checkpoint-metric"] == "f1_en"
    assert found["total-num-update"] == str(UPDATES)
    assert label[1:] == [
        *(str(tmp_path / "data-bin"), "--path", f"{source}/checkpoint_best.pt"),
        "--cpu",
    ]
    found = settings_of(train)
    assert "training-set" not in found and found["best-checkpoint-metric"] == "f1"
    # Without the labels, which a dry run does not make, there is nothing to count.
    assert found["total-num-update"] == "(computed from the data)"
    assert found["save-dir"] == str(tmp_path / "xmixup-3")
    for method in ("zero-shot", "supervised"):
        names = [name_of(words) for words in dry_run(*given, "--method", method)]
        assert names == ["fairseq-train", "xling-evaluate"]


def test_the_source_model_is_trained_once(tmp_path):
    write_manifest(tmp_path)
    source = tmp_path / "zero-shot-1"
    source.mkdir()

    def stages():
        return [name_of(words) for words in dry_run("panx", "raw", tmp_path)]

    rest = ["xling-pseudo-label", "fairseq-train", "xling-evaluate"]
    (source / "checkpoint_best.pt").touch()
    assert stages() == rest
    # Stopped half-way: it goes on.
    (source / "checkpoint_last.pt").touch()
    assert stages() == ["fairseq-train", *rest]
    (source / "trained").touch()
    assert stages() == rest


def test_a_training_that_came_to_its_end_is_not_begun_again(prepared):
    given = ["xnli", "raw", prepared, "--method", "zero-shot"]
    training, evaluation = dry_run(*given)
    folder = prepared / "zero-shot-1"
    folder.mkdir()
    (folder / "checkpoint_best.pt").touch()
    (folder / "trained").write_text(shlex.join(training[1:]), encoding="utf-8")
    assert dry_run(*given) == [evaluation]
    # With other options it goes on.
    names = [name_of(words) for words in dry_run(*given, "--batch-size", "8")]
    assert names == ["fairseq-train", "xling-evaluate"]


def test_stages_can_be_run_by_themselves(tmp_path):
    def stages(stage):
        done = dry_run("udpos", "raw", tmp_path, "--stage", stage)
        return [name_of(words) for words in done]

    assert stages("prepare") == ["udpos.py", "fairseq-train", "xling-pseudo-label"]
    assert stages("finetune") == ["fairseq-train", "xling-evaluate"]
    done = call_recipe("udpos", "raw", tmp_path, "--stage", "finetune")
    assert done.returncode == 2 and "--stage prepare first" in done.stdout


def test_run_and_split_name_the_results(prepared):
    def results(*given):
        return settings_of(dry_run("xnli", "raw", prepared, *given)[-1])

    found = results("--split", "valid")
    assert found["split"] == "valid"
    assert found["results-path"] == str(prepared / "results/xmixup-1-valid")
    found = results("--split", "valid", "--run", "a/b")
    assert found["results-path"] == str(prepared / "a/b/results-valid")
    assert found["path"] == str(prepared / "a/b/checkpoint_best.pt")
    assert "cpu" not in found and "cpu" in results("--cpu")


def test_more_options_are_passed_on(prepared):
    arguments = ["xnli", "raw", prepared, "--dry-run", "--cpu", "--"]
    done = call_recipe(*arguments, "--lr", "1e-4", "--source-loss-weight", "0.6")
    assert done.returncode == 0
    args = parse(shlex.split(done.stdout.splitlines()[0]))
    assert args.lr == [1e-4] and args.cpu and not args.fp16
    assert args.source_loss_weight == 0.6


def test_scripts_run_by_the_python_of_xling_bin(tmp_path):
    """What other tests run in their own process, once as a user types it."""
    done = subprocess.run(
        ["bash", str(ROOT / "examples/xnli.sh"), "raw", "out", "--method", "magic"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment(XLING_BIN=BIN),
        cwd=tmp_path,
    )
    assert done.returncode == 2
    error, usage, *_ = done.stdout.splitlines()
    assert error == "error: unknown method magic"
    assert usage.startswith("usage: bash examples/TASK.sh RAW_DIR OUT_DIR")


TORCHRUN = {"MASTER_ADDR": "n1", "MASTER_PORT": "1", "WORLD_SIZE": "16", "RANK": "0"}
SRUN = {
    "SLURM_STEP_NODELIST": "n[1-2]",
    "SLURM_STEP_NUM_TASKS": "16",
    "SLURM_STEP_NUM_NODES": "2",
    "SLURM_PROCID": "0",
    "SLURM_JOB_ID": "70001",
}


@pytest.mark.parametrize("told, port", [(TORCHRUN, None), (SRUN, "30001")])
def test_recipes_share_the_work_of_all_machines(prepared, told, port):
    train, evaluate = (settings_of(x) for x in dry_run("xnli", "r", prepared, **told))
    assert (
        train["distributed-world-size"] == "16"
        and train.get("distributed-port") == port
    )
    assert (train["batch-size"], train["update-freq"]) == ("4", "1")
    assert evaluate["distributed-world-size"] == "16"
    rank = {name: "3" for name in ("RANK", "SLURM_PROCID") if name in told}
    done = call_recipe("xnli", "r", prepared, "--dry-run", **{**told, **rank})
    assert done.returncode == 0 and not done.stdout


def test_wrong_use_on_several_machines_is_refused(prepared, tmp_path):
    for script, given, message in (
        ("xnli", ("r", prepared, "--gpus", 8), "--gpus 8: 16 processes are started"),
        ("xnli", ("r", tmp_path), "run --stage prepare in one process first"),
        ("augment", ("data", tmp_path), "augment: torchrun and srun run the recipes"),
    ):
        done = call_recipe(script, *given, **TORCHRUN)
        assert done.returncode == 2 and message in done.stdout
