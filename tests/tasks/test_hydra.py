"""fairseq-hydra-train trains as fairseq-train does, and its checkpoints are alike."""

import json
import re
from pathlib import Path

import pytest
import torch
import yaml
from augment_data import write_lm
from family_data import pair_folder, question_folder, tag_folder
from forked import call
from pages import blocks
from parallel_data import preprocess, raw_parallel
from training import ROOT, check_equal, parameters, train_command

from fairseq_xling import from_pretrained

UPDATES = 3
MODEL = {
    "_name": "xmixup_xlmr_mini", "encoder_layers": 2, "encoder_embed_dim": 16,
    "encoder_ffn_embed_dim": 32, "encoder_attention_heads": 2,
}  # fmt: skip


def parallel_folder(folder, spm):
    return preprocess(raw_parallel(folder), spm, folder.with_name("parallel"))


# What makes the data, the criterion, and options of the task and of the model.
RUNS = {
    "xmixup_xnli": (pair_folder, "xmixup", {"scheduled_sampling_midpoint": 0.5}, {}),
    "xmixup_udpos": (
        *(tag_folder, "xmixup", {"word_pooling": "mean", "training_set": "source"}),
        {"mixup_layer": 2, "ratio_scores": "hidden"},
    ),
    "xmixup_xquad": (
        *(question_folder, "xmixup"),
        *({"doc_stride": 6, "max_question_length": 9}, {"dropout": 0.3}),
    ),
    "multimix_xnli": (pair_folder, "confidence_penalty", {}, {"pooler_dropout": 0.1}),
    "xmixup_tlm": (parallel_folder, "xmixup_tlm", {"tlm_kind": "mixup"}, {}),
}


def write_config(folder, task, data, save_dir, criterion, options, model):
    folder.mkdir(parents=True, exist_ok=True)
    config = {
        "common": {"user_dir": str(ROOT / "fairseq_xling"), "cpu": True},
        "checkpoint": {"save_dir": str(save_dir)},
        "task": {"_name": task, "data": str(data), "max_positions": 64, **options},
        "criterion": {"_name": criterion},
        "model": {**MODEL, **model},
        "dataset": {"batch_size": 8, "num_workers": 0},
        "optimization": {"max_update": UPDATES, "lr": [0.002]},
        "optimizer": {"_name": "adam"},
    }
    (folder / "run.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    command = ["fairseq-hydra-train", "--config-dir", str(folder)]
    return [*command, "--config-name", "run", f"hydra.run.dir={folder}"]


def as_options(values):
    return [f"--{name.replace('_', '-')}={value}" for name, value in values.items()]


@pytest.fixture(scope="module")
def data(spm, tmp_path_factory):
    """Binarized data by what makes them, once each."""
    made = {}

    def make(maker):
        if maker not in made:
            folder = tmp_path_factory.mktemp("hydra") / "raw"
            made[maker] = maker(folder, spm)
        return made[maker]

    return make


def check(done):
    assert done.returncode == 0, done.stdout[-4000:]


@pytest.mark.parametrize("task", RUNS)
def test_yaml_file_trains_as_the_command_line_does(tmp_path, data, task):
    make, criterion, options, model = RUNS[task]
    folder = data(make)
    run = (task, folder, tmp_path / "yaml", criterion, options, model)
    check(call(write_config(tmp_path / "config", *run)))
    further = [f"--task={task}", f"--criterion={criterion}", f"--max-update={UPDATES}"]
    further += [*as_options(options), *as_options(model), "--max-epoch=0"]
    command = [
        option
        for option in train_command(folder, tmp_path / "typed", *further)
        if "best-checkpoint-metric" not in option and "no-epoch" not in option
    ]
    check(call(command))
    check_equal(parameters(tmp_path / "yaml"), parameters(tmp_path / "typed"))


def test_checkpoint_of_a_yaml_file_is_evaluated_and_predicts(tmp_path, data):
    make, criterion, options, model = RUNS["xmixup_xnli"]
    folder, saved = data(make), tmp_path / "yaml"
    run = ("xmixup_xnli", folder, saved, criterion, options, model)
    check(call(write_config(tmp_path / "config", *run)))
    path = saved / "checkpoint_last.pt"
    user_dir = f"--user-dir={ROOT / 'fairseq_xling'}"
    more = ["--batch-size=8", "--cpu", f"--path={path}", "--num-workers=0"]
    validate = ["fairseq-validate", str(folder), user_dir, "--task=xmixup_xnli", *more]
    done = call(validate)
    check(done)
    assert "accuracy_de" in done.stdout
    done = call(
        ["xling-evaluate", str(folder), "--path", str(path), "--cpu", "--split=valid"]
    )
    check(done)
    results = json.loads((saved / "results-valid/results.json").read_text())
    assert results["languages"] == ["en", "de"]
    found = from_pretrained(path, data=folder)
    assert found.model.encoder.sentence_encoder.mixup_layers == [1]
    assert found.predict([("the dog", "the cat")])


def test_yaml_file_of_the_page_trains(tmp_path, data, spm):
    written = [b.text for b in blocks("fairseq_xling/tasks/README.md", "sh")]
    (text,) = (text for text in written if "fairseq-hydra-train" in text)
    lines, command = re.findall(r"<<END\n(.*?)^END\n(.*)", text, re.M | re.S)[0]
    lines = lines.replace("$PWD/fairseq_xling", str(ROOT / "fairseq_xling"))
    config = yaml.safe_load(lines.replace("$PWD", str(tmp_path)))
    # A small model, and no GPU.
    config["common"].update(fp16=False, cpu=True)
    config["model"].update(MODEL)
    shape = {k: v for k, v in MODEL.items() if k != "_name"}
    write_lm(tmp_path / "xlmr.large", spm, **shape, max_positions=128)
    (tmp_path / "data-bin").mkdir()
    (tmp_path / "data-bin/xnli").symlink_to(data(pair_folder))
    (tmp_path / "run.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    words = command.replace("$PWD", str(tmp_path)).split()
    check(call([*words, f"hydra.run.dir={tmp_path}"]))
    state = torch.load(tmp_path / "checkpoints/checkpoint_best.pt", weights_only=True)
    assert state["cfg"]["lr_scheduler"]["total_num_update"] == 368160
    assert state["cfg"]["task"]["truncate_sequence"]


@pytest.mark.parametrize(
    "model, message",
    [
        ({"mixup_layr": 1}, "model.mixup_layr: not an option of the model"),
        ({"ratio_scores": "tails"}, "--ratio-scores: invalid choice: 'tails'"),
        ({"encoder_layers": "many"}, "--encoder-layers: invalid int value: 'many'"),
        ({"mixup_max_ratio": 2}, "--mixup-max-ratio 2: give a value above 0"),
    ],
)
def test_wrong_model_option_is_refused_in_one_line(tmp_path, data, model, message):
    run = ("xmixup_xnli", data(pair_folder), tmp_path / "out", "xmixup", {}, model)
    done = call(write_config(tmp_path / "config", *run))
    assert done.returncode and "Traceback" not in done.stdout
    (line,) = re.findall("^error: .*", done.stdout, re.MULTILINE)
    assert message in line
    assert not list(Path(tmp_path / "out").glob("*.pt"))
