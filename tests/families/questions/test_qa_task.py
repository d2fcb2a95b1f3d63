"""The question answering tasks: defaults, refusals, predicted answers, scores."""

import json

import numpy as np
import pytest
import torch
from naive_losses import validated
from question_data import question_task, write_question_data
from refusals import refused
from tag_data import predict, with_head

from fairseq_xling.families.questions.answers import WindowScores, best_answers
from fairseq_xling.families.questions.metric import score_answer
from fairseq_xling.families.questions.task import QuestionsConfig
from fairseq_xling.tasks import XMixupMLQATask, XMixupTyDiQATask, XMixupXQuADTask

TASKS = {
    "xquad": {"task": XMixupXQuADTask, "config": QuestionsConfig},
    "mlqa": {"task": XMixupMLQATask, "config": QuestionsConfig},
    "tydiqa": {"task": XMixupTyDiQATask, "config": QuestionsConfig},
}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_question_data(tmp_path_factory.mktemp("data") / "bin")


@pytest.mark.parametrize(
    "name", ["doc_stride", "max_question_length", "max_answer_length"]
)
def test_lengths_below_one_are_refused_in_one_line(data, name):
    option = "--" + name.replace("_", "-")
    with refused(f"{option} 0: give 1 or more"):
        question_task(data, **{name: 0}).load_dataset("train")


def test_missing_texts_are_refused(tmp_path):
    data = write_question_data(tmp_path / "bin")
    (data / "valid.de.examples.jsonl").unlink()
    task = question_task(data)
    with refused(r"valid\.de\.examples\.jsonl: not found"):
        task.load_dataset("valid")
    task.load_dataset("train")  # does not need them


def test_answers_that_no_window_holds_are_counted(data, caplog):
    task = question_task(data, max_positions=14, doc_stride=4)
    with caplog.at_level("INFO"):
        dataset = task.load_dataset("train")
    whole = [[] for _ in dataset.streams]
    for index in range(len(dataset)):
        [sample] = dataset[index]
        whole[sample["lang"]].append((sample["row"], sample["span"] != (0, 0)))
    total = 0
    for lang, streams, found in zip(task.languages, dataset.streams, whole):
        lost = len(streams) - len({row for row, held in found if held})
        assert dataset.answers_in_no_window(streams) == lost
        total += lost
        assert (
            f"train.{lang}: 20 questions in {len(found)} windows, {lost} answers too "
            "long for any"
        ) in caplog.text
    assert total > 0  # a stride as long as the window cuts answers


@pytest.mark.parametrize("inference", [False, True])
def test_predictions_do_not_depend_on_the_batch_size(data, inference):
    task = question_task(data, no_mixup_inference=inference)
    model, valid = with_head(task), task.load_dataset("valid")
    want = predict(task, model, valid, 1)
    assert len(want) == 24
    for size in (5, 24):
        got = predict(task, model, valid, size)
        assert got.keys() == want.keys()
        for key, row in got.items():
            assert row.example == want[key].example
            pairs = list(zip(row.answers, want[key].answers))
            assert len(row.answers) == len(want[key].answers) == len(pairs)
            for answer, other in pairs:
                assert answer[:3] == other[:3]
                assert answer.probability == pytest.approx(other.probability, rel=1e-4)


def test_answers_are_those_of_the_windows_by_themselves(data):
    task = question_task(data, no_mixup_inference=True, n_best_size=7)
    model, valid = with_head(task), task.load_dataset("valid")
    found = predict(task, model, valid, 24)
    for index in range(0, len(valid), 3):
        windows = []
        for sample in valid[index]:
            with torch.no_grad():
                logits, _ = model(sample["input"][None], token_head_name="span_head")
            context = len(sample["input"]) - sample["context"][0] - 1
            scores = logits[0, sample["context"][0] :][:context].float().numpy()
            windows.append(WindowScores(sample["context"][1], scores))
        lang, row = sample["lang"], sample["row"]
        streams = valid.streams[lang]
        offsets = streams.offsets[row].view(-1, 2).numpy()
        path = data / f"valid.{task.languages[lang]}.examples.jsonl"
        example = json.loads(path.read_text().splitlines()[row])
        want = best_answers(windows, example["context"], offsets, 7, 4)
        got = found[lang, row]
        assert got.example.id == example["id"]
        assert [a[:3] for a in got.answers] == [a[:3] for a in want]
        for answer in got.answers:
            assert example["context"][answer.begin : answer.end] == answer.text
            assert 1 <= len(answer.text.split()) <= 4


def gold_logits(dataset, batch):
    """Scores of a model that knows the answer's ends wherever a window has them."""
    logits = torch.zeros(*batch["net_input"]["src_tokens"].shape, 2)
    for position, (before, begin, end) in enumerate(batch["context"].tolist()):
        streams = dataset.streams[int(batch["lang"][position])]
        row = int(batch["row"][position])
        shift = streams.input[row].tolist().index(2) + 2
        for column, token in enumerate((streams.span[row] - shift).tolist()):
            if begin <= token < end:
                logits[position, before + token - begin, column] = 10
    return logits


# Windows whose strides overlap by more than an answer's length.
OVERLAP = {"max_positions": 24, "doc_stride": 5}


def test_a_model_that_knows_the_answers_is_right(data):
    task = question_task(data, **OVERLAP)
    valid = task.load_dataset("valid")
    batch = valid.collater([valid[i] for i in range(len(valid))])
    counts = task.family.count_scores(gold_logits(valid, batch), {}, batch)
    for lang in task.languages:
        assert counts[f"questions:{lang}"] == 8
        assert counts[f"answer_em:{lang}"] == counts[f"answer_f1:{lang}"] == 8


@pytest.mark.parametrize(
    "kind, split, rules",
    [
        ("xquad", "valid", "mlqa"),
        ("xquad", "test", "squad"),
        ("mlqa", "valid", "mlqa"),
        ("mlqa", "test", "mlqa"),
        ("tydiqa", "valid", "squad"),
        ("tydiqa", "test", "squad"),
    ],
)
def test_rules_are_those_of_the_split(tmp_path, kind, split, rules):
    data = write_question_data(tmp_path / "bin", rows={split: 8}, task=kind)
    for lang in ("en", "de"):
        # An article that only MLQA's rules for German leave out.
        path = data / f"{split}.{lang}.examples.jsonl"
        examples = [json.loads(line) for line in path.read_text().splitlines()]
        for example in examples:
            example["answers"] = ["der " + text for text in example["answers"]]
        path.write_text("".join(json.dumps(one) + "\n" for one in examples))
    task = question_task(data, **TASKS[kind], **OVERLAP)
    dataset = task.load_dataset(split)
    batch = dataset.collater([dataset[i] for i in range(len(dataset))])
    counts = task.family.count_scores(gold_logits(dataset, batch), {}, batch)
    assert counts["answer_em:de"] == (8 if rules == "mlqa" else 0)
    assert counts["answer_em:en"] == 0 < counts["answer_f1:en"]
    assert counts["answer_em:sw"] == 8


@pytest.mark.parametrize("size", [5, 24])
def test_validation_scores_are_those_of_the_predicted_answers(data, size):
    task = question_task(data)
    model, valid = with_head(task), task.load_dataset("valid")
    values = validated(task, model, valid, size)
    found, means = predict(task, model, valid, 24), []
    for index, lang in enumerate(task.languages):
        scores = [
            score_answer(row.answers[0].text, row.example.answers, lang, "mlqa")
            for (other, _), row in found.items()
            if other == index
        ]
        assert len(scores) == 8
        exact, f1 = 100 * np.mean(scores, axis=0)
        assert values[f"exact_match_{lang}"] == pytest.approx(exact, abs=0.006)
        assert values[f"f1_{lang}"] == pytest.approx(f1, abs=0.006)
        assert values[f"score_{lang}"] == pytest.approx((exact + f1) / 2, abs=0.006)
        means.append((exact, f1))
    exact, f1 = np.mean(means, axis=0)
    assert f1 > 0
    assert values["exact_match"] == pytest.approx(exact, abs=0.006)
    assert values["f1"] == pytest.approx(f1, abs=0.006)
    assert values["score"] == pytest.approx((exact + f1) / 2, abs=0.006)


def test_questions_without_gold_answer_are_answered_and_not_scored(tmp_path):
    data = write_question_data(tmp_path / "bin", without=["valid.sw.span"])
    path = data / "valid.sw.examples.jsonl"
    examples = [json.loads(line) for line in path.read_text().splitlines()]
    path.write_text("".join(json.dumps({**x, "answers": []}) + "\n" for x in examples))
    task = question_task(data)
    valid = task.load_dataset("valid", with_unlabelled=True)
    model = with_head(task)
    found = predict(task, model, valid, 24)
    assert len(found) == 24
    assert all(row.answers[0].text for row in found.values())
    with torch.no_grad():
        batch = valid.collater([valid[i] for i in range(24)])
        counts = task.family.count_scores(*task.family.forward(model, batch), batch)
    questions = [counts[f"questions:{x}"] for x in ("en", "de", "sw")]
    assert questions == [8, 8, 0]


def test_examples_in_any_script_are_read_by_row(tmp_path):
    data = write_question_data(tmp_path / "bin", rows={"valid": 5})
    path = data / "valid.de.examples.jsonl"
    examples = [json.loads(line) for line in path.read_text().splitlines()]
    for number, example in enumerate(examples):
        example["question"] = "größer 狗 😀" * number
    lines = [json.dumps(one, ensure_ascii=False) + "\n" for one in examples]
    path.write_text("".join(lines), encoding="utf-8")
    task = question_task(data)
    task.load_dataset("valid")
    for row in (3, 0, 4, 1):
        texts, _ = task.family.examples["valid"][1]
        assert texts[row]._asdict() == examples[row]


def test_splits_loaded_together_keep_their_own_texts(data):
    # fairseq loads all of --valid-subset before it validates the first.
    task = question_task(data)
    model = with_head(task)
    valid = task.load_dataset("valid")
    batch = valid.collater([valid[i] for i in range(len(valid))])
    want = [row.answers for row in task.predict_step(batch, model)]
    task.load_dataset("test")
    assert [row.answers for row in task.predict_step(batch, model)] == want


def test_split_that_is_trained_on_is_not_scored(data):
    task = question_task(data)
    dataset = task.load_dataset("train")
    batch = dataset.collater([dataset[0]])
    logits, extra = task.family.forward(with_head(task), batch)
    assert not any(task.family.count_scores(logits, extra, batch).values())
