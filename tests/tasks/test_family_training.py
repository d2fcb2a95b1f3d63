"""Tagging and questions by fairseq-train: logs, resuming, processes, refusals."""

import json
import re
import shutil

import pytest
import torch
from family_data import (
    NO_DROPOUT,
    SAMPLING,
    TAGS,
    UPDATES,
    copy_with,
    logged,
    tag_folder,
    train,
    training,
)
from forked import kill_and_resume, run_in_fork, train_in_two
from refusals import refused
from training import ROOT, check_equal, command, parameters

from fairseq_xling import from_pretrained
from fairseq_xling.cli.evaluate import build_parser, main
from fairseq_xling.data.binarize import StreamWriter
from fairseq_xling.errors import UserError


def losses(log):
    return [float(entry["loss"]) for entry in logged(log, "train_inner")]


def evaluated(data, checkpoint, folder, *options):
    arguments = [str(data), "--path", str(checkpoint), "--cpu", *options]
    return main(build_parser().parse_args([*arguments, "--results-path", str(folder)]))


def validate(task, data, checkpoint):
    arguments = [command("fairseq-validate"), str(data), f"--task={task}"]
    arguments += [f"--user-dir={ROOT / 'fairseq_xling'}", f"--path={checkpoint}"]
    return run_in_fork([*arguments, "--batch-size=8", "--cpu", "--valid-subset=test"])


def check_log(log, scores, checkpoint, languages):
    steps = logged(log, "train_inner")
    assert len(steps) == UPDATES
    for name in ("loss", "task_target", "task_source", "mse", "lambda"):
        assert all(float(step[name]) >= 0 for step in steps if name in step), name
        assert sum(name in step for step in steps) > UPDATES / 2, name
    assert not any("kl" in step for step in steps)
    # The real source's probability falls and is one half in the middle of training.
    real = [float(step["real_source_probability"]) for step in steps]
    assert real == sorted(real, reverse=True) and real[0] > 0.6 and real[-1] < 0.4
    assert real[UPDATES // 2] == pytest.approx(0.5, abs=0.05)
    validations = logged(log, "valid")
    assert len(validations) >= 2
    for entry in validations:
        for score in scores:
            each = [float(entry[f"valid_{score}_{lang}"]) for lang in languages]
            mean = sum(each) / len(each)
            assert float(entry[f"valid_{score}"]) == pytest.approx(mean, abs=0.011)
    best = torch.load(checkpoint, weights_only=True)["extra_state"]["best"]
    values = [float(entry[f"valid_{scores[0]}"]) for entry in validations]
    assert best == pytest.approx(max(values)) and len(set(values)) > 1


def test_tagging_logs_losses_and_f1_and_keeps_the_best(tagged):
    check_log(tagged.logs["mixed"], ["f1"], tagged.mixed, ["en", "de", "zh"])


def test_question_answering_logs_losses_and_scores_and_keeps_the_best(asked):
    scores = ["score", "f1", "exact_match"]
    check_log(asked.logs["mixed"], scores, asked.mixed, ["en", "de", "zh"])
    for entry in logged(asked.logs["mixed"], "valid"):
        both = float(entry["valid_f1"]) + float(entry["valid_exact_match"])
        assert float(entry["valid_score"]) == pytest.approx(both / 2, abs=0.011)


def test_source_model_learns_tags_and_is_selected_by_the_sources_f1(tagged):
    log = tagged.logs["zero"]
    steps, validations = logged(log, "train_inner"), logged(log, "valid")
    assert not any("task_source" in step or "lambda" in step for step in steps)
    values = [float(entry["valid_f1_en"]) for entry in validations]
    best = torch.load(tagged.zero, weights_only=True)["extra_state"]["best"]
    assert best == pytest.approx(max(values)) and max(values) > values[0] + 10


def test_killed_and_resumed_run_ends_with_the_same_parameters(tagged, tmp_path):
    options = [*SAMPLING, "--save-interval-updates=2", "--keep-interval-updates=0"]
    arguments = training("xmixup_udpos", tagged.data, tmp_path, *options)
    resumed = kill_and_resume(arguments, 5)
    # An epoch has 9 updates, so the kill fell into its middle.
    assert 0 < len(losses(resumed)) < UPDATES
    check_equal(parameters(tmp_path), parameters(tagged.mixed.parent))


def test_two_processes_equal_one_with_two_micro_batches(asked, tmp_path):
    options = [*SAMPLING, *NO_DROPOUT]
    arguments = training("xmixup_xquad", asked.data, tmp_path / "two", *options)
    want, got = asked.logs["mixed"], train_in_two(arguments, tmp_path)
    assert len(losses(want)) == len(losses(got)) == UPDATES
    assert losses(got) == pytest.approx(losses(want), rel=1e-4)
    first, second = (logged(log, "valid") for log in (want, got))
    assert len(first) == len(second) > 1
    for one, two in zip(first, second):
        # Every question is scored once, whichever process reads it.
        assert float(one["valid_score"]) == pytest.approx(float(two["valid_score"]))


@pytest.mark.parametrize("family", ["tagged", "asked"])
def test_fairseq_validate_finds_the_scores_of_xling_evaluate(request, tmp_path, family):
    models = request.getfixturevalue(family)
    task = {"tagged": "xmixup_udpos", "asked": "xmixup_xquad"}[family]
    done = validate(task, models.data, models.mixed)
    assert done.returncode == 0, done.stdout[-3000:]
    results = evaluated(models.data, models.mixed, tmp_path)
    model = results["models"]["mixed"]
    tables = {"f1": model["scores"]}
    if family == "asked":
        tables = {key: model[key] for key in ("f1", "exact_match")}
        tables["score"] = model["scores"]
    for name, table in tables.items():
        for lang in ("en", "de", "zh"):
            found = re.search(rf"\| {name}_{lang} ([\d.]+)", done.stdout)
            want = table["target"][lang]
            assert float(found.group(1)) == pytest.approx(want, abs=0.006)


def test_all_languages_without_counterparts_are_trained_on(asked, tmp_path):
    options = ["--training-set=concatenated", "--max-update=9", "--train-subset"]
    log = train("xmixup_xquad", asked.data, tmp_path, *options, "supervised")
    steps = logged(log, "train_inner")
    assert len(steps) == 9 and not any("task_source" in step for step in steps)
    # Questions of all three languages with answers of their own.
    for lang, split in (("en", "train"), ("de", "supervised"), ("zh", "supervised")):
        assert f"{split}.{lang}: 24 questions in" in log


def test_pooling_of_words_is_that_of_training_when_predicting(tagged, tmp_path):
    options = ["--training-set=concatenated", "--word-pooling=mean", "--max-update=9"]
    log = train("xmixup_udpos", tagged.data, tmp_path, *options)
    steps = logged(log, "train_inner")
    assert len(steps) == 9 and not any("task_source" in step for step in steps)
    predictor = from_pretrained(tmp_path)
    assert str(predictor.task.cfg.word_pooling) == "mean"
    sentence = ["Hundekatze unter Großhaus"]
    (mean,) = predictor.predict(sentence)
    predictor.task.cfg.word_pooling = "first"
    (first,) = predictor.predict(sentence)
    assert mean["probabilities"] != pytest.approx(first["probabilities"], abs=1e-4)


@pytest.fixture(scope="module")
def other_labels(spm, tmp_path_factory):
    folder = tmp_path_factory.mktemp("other") / "raw"
    return tag_folder(folder, spm, labels=[*TAGS[:-1], "INTJ"])


def refusals(data, checkpoint, tmp_path):
    """What xling-evaluate and fairseq-validate say."""
    with pytest.raises(UserError) as error:
        evaluated(data, checkpoint, tmp_path / "results")
    assert not (tmp_path / "results").exists()
    done = validate("xmixup_udpos", data, checkpoint)
    assert done.returncode == 1 and "Traceback" not in done.stdout
    last = done.stdout.strip().splitlines()[-1]
    assert last.startswith("error: ")
    return str(error.value), last


def test_checkpoint_of_other_labels_is_refused(tagged, other_labels, tmp_path):
    # As many labels, so that nothing but their names tells them apart.
    for said in refusals(other_labels, tagged.mixed, tmp_path):
        assert "trained on the labels DET, NOUN, VERB, ADJ, X, but" in said
        assert "\n" not in said


def test_checkpoint_of_another_dictionary_is_refused(tagged, tmp_path):
    data = tmp_path / "bin"
    shutil.copytree(tagged.data, data)
    path = data / "dict.txt"
    path.write_text("\n".join(reversed(path.read_text().splitlines())) + "\n")
    manifest = json.loads((data / "manifest.json").read_text())
    manifest["dictionary_sha256"] = "another"
    (data / "manifest.json").write_text(json.dumps(manifest))
    for said in refusals(data, tagged.mixed, tmp_path):
        assert f"trained with another dict.txt than that of {data}" in said


def test_checkpoint_without_a_head_for_tags_is_refused(tagged, tmp_path):
    def drop(state):
        for key in [key for key in state["model"] if "token_heads" in key]:
            del state["model"][key]

    path = copy_with(tagged.mixed, tmp_path / "headless", drop)
    with refused("has no head for this task, the data have 5"):
        evaluated(tagged.data, path, tmp_path / "results")


def refuse_training(data, tmp_path):
    done = run_in_fork(training("xmixup_udpos", data, tmp_path / "out", *SAMPLING))
    assert done.returncode == 1 and "Traceback" not in done.stdout
    return done.stdout.strip().splitlines()[-1]


def test_training_without_pseudo_labels_names_their_command(other_labels, tmp_path):
    last = refuse_training(other_labels, tmp_path)
    assert f"xling-pseudo-label {other_labels} --path" in last


@pytest.mark.parametrize("change", ["rows", "words"])
def test_pseudo_labels_that_do_not_fit_the_text_are_refused(tagged, tmp_path, change):
    data = tmp_path / "bin"
    shutil.copytree(tagged.data, data)
    writer = StreamWriter(str(data / "train.zh.soft_tags"), 1 << 16)
    rows = 23 if change == "rows" else 24
    writer.write(torch.zeros(rows * 5).numpy(), torch.full((rows,), 5).numpy())
    writer.close()
    last = refuse_training(data, tmp_path)
    assert last.startswith("error: ") and "train.zh.soft_tags" in last
    assert "run xling-pseudo-label" in last
    if change == "rows":
        assert "23 rows, though the text has 24" in last
