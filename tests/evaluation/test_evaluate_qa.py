"""xling-evaluate on question answering, and several tasks at once: Table 3."""

import json
import re
import string
import sys
import unicodedata
from collections import Counter

import numpy as np
import pytest
import torch
from evaluated import LANGUAGES, arguments, evaluate
from fairseq.data.indexed_dataset import MMapIndexedDataset
from raw_questions import question_file, read_questions
from refusals import refused

from fairseq_xling.checkpoints.task_model import load_task_model
from fairseq_xling.cli.evaluate import build_parser, main
from fairseq_xling.cli.options import batch_options
from fairseq_xling.evaluation.evaluate import predict_split
from fairseq_xling.evaluation.score_table import benchmark_tables
from fairseq_xling.families.row_file import RowFile

PUNCTUATION = {
    chr(i)
    for i in range(sys.maxunicode)
    if unicodedata.category(chr(i)).startswith("P")
} | set(string.punctuation)


def squad_normal(text, lang):
    """evaluate-v1.1.py, by which XTREME scores XQuAD in all languages."""
    text = "".join(c for c in text.lower() if c not in set(string.punctuation))
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", text).split())


def mlqa_normal(text, lang):
    """mlqa_evaluation_v1.py."""
    text = "".join(c for c in text.lower() if c not in PUNCTUATION)
    if lang == "en":
        text = re.sub(r"\b(a|an|the)\b", " ", text)
    if lang == "de":
        articles = r"\b(ein|eine|einen|einem|eines|einer|der|die|das|den|dem|des)\b"
        text = re.sub(articles, " ", text)
    if lang == "zh":
        text = re.sub("([\u4e00-\u9fa5])", r" \1 ", text)
    return " ".join(text.split())


def scores_of(predictions, path, lang, normal):
    """Exact match and F1 in percent of a dictionary from ids to texts."""
    exact = f1 = total = 0
    for entry in read_questions(path):
        total += 1
        mine = normal(predictions[entry["id"]], lang)
        golds = [normal(answer["text"], lang) for answer in entry["answers"]]
        exact += max(mine == gold for gold in golds)
        best = 0.0
        for gold in golds:
            common = Counter(mine.split()) & Counter(gold.split())
            same = sum(common.values())
            if same:
                precision = same / len(mine.split())
                recall = same / len(gold.split())
                best = max(best, 2 * precision * recall / (precision + recall))
        f1 += best
    return 100 * exact / total, 100 * f1 / total


@pytest.mark.parametrize(
    "split, raw_split, normal, other",
    [
        ("test", "test", squad_normal, mlqa_normal),
        ("valid", "dev", mlqa_normal, squad_normal),
    ],
)
def test_scores_are_the_metrics_of_the_prediction_files(
    asked, tmp_path, split, raw_split, normal, other
):
    results = evaluate(asked.data, asked.mixed, tmp_path, "--split", split)
    model = results["models"]["mixed"]
    wanted, others = {}, {}
    for lang in LANGUAGES:
        path = tmp_path / f"predictions/mixed/{split}-{lang}.json"
        predictions = json.loads(path.read_text(encoding="utf-8"))
        raw = asked.raw / question_file(raw_split, lang)
        assert list(predictions) == [entry["id"] for entry in read_questions(raw)]
        wanted[lang] = scores_of(predictions, raw, lang, normal)
        others[lang] = scores_of(predictions, raw, lang, other)
    # The one benchmark's rules are not the other's.
    assert wanted != others
    for lang, (exact, f1) in wanted.items():
        assert model["exact_match"]["target"][lang] == pytest.approx(exact)
        assert model["f1"]["target"][lang] == pytest.approx(f1)
        assert model["scores"]["target"][lang] == pytest.approx((exact + f1) / 2)
    for name, place in (("exact_match", 0), ("f1", 1)):
        average = sum(pair[place] for pair in wanted.values()) / 3
        assert model[name]["target"]["average"] == pytest.approx(average)


@pytest.fixture(scope="module")
def uneven(asked, tmp_path_factory):
    """Results in which German is answered perfectly, so that all scores differ."""
    folder = tmp_path_factory.mktemp("uneven")
    from fairseq_xling.families.questions.predictions import AnswerPredictions

    original = AnswerPredictions.__init__

    def perfect(self, rows, labels):
        found = RowFile()
        for row in rows:
            if row.lang == 1:  # German
                row.answers = [row.answers[0]._replace(text=row.example.answers[0])]
                row.scores = (1.0, 1.0)
            found.add(row)
        original(self, found, labels)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(AnswerPredictions, "__init__", perfect)
        return evaluate(asked.data, asked.mixed, folder), folder


def test_transfer_gap_is_that_of_the_exact_match(uneven):
    results, folder = uneven
    model = results["models"]["mixed"]
    exact, f1 = model["exact_match"]["target"], model["f1"]["target"]
    assert exact["de"] == f1["de"] == 100
    gap = exact["en"] - (exact["de"] + exact["zh"]) / 2
    assert model["scores"]["target"]["gap"] == exact["gap"] == pytest.approx(gap)
    f1_gap = f1["en"] - (f1["de"] + f1["zh"]) / 2
    assert f1["gap"] == pytest.approx(f1_gap) and abs(f1_gap - gap) > 0.1
    lines = (folder / "results.txt").read_text().splitlines()
    assert [line.split()[3] for line in lines[1:3]] == ["F1", "EM"]
    assert lines[2].split()[-1] == f"{gap:.1f}"
    assert (folder / "scores.png").read_bytes()[1:4] == b"PNG"


def test_listed_answers_stand_in_the_passage_and_their_chances_sum_to_one(
    asked, tmp_path
):
    evaluate(asked.data, asked.mixed, tmp_path)
    for lang in LANGUAGES:
        files = [
            json.loads((tmp_path / f"{name}/mixed/test-{lang}.json").read_text())
            for name in ("n-best", "predictions")
        ]
        passages = {
            entry["id"]: entry["context"]
            for entry in read_questions(asked.raw / question_file("test", lang))
        }
        assert list(files[0]) == list(files[1]) == list(passages)
        for question, answers in files[0].items():
            assert files[1][question] == answers[0]["text"]
            for answer in answers:
                end = answer["start"] + len(answer["text"])
                assert passages[question][answer["start"] : end] == answer["text"]
            chances = [answer["probability"] for answer in answers]
            assert chances == sorted(chances, reverse=True)
            assert sum(chances) == pytest.approx(1) and 1 < len(chances) <= 20


@pytest.fixture(scope="module")
def three(asked, tagged, paired):
    """A model of every family."""
    return [asked, tagged, paired]


def several(three, folder, *options):
    given = [one.data for one in three]
    given += ["--path", *(one.mixed for one in three), "--cpu", *options]
    given += ["--results-path", folder] if folder else []
    return build_parser().parse_args([str(option) for option in given])


def test_several_tasks_give_table_3(three, tmp_path, capsys):
    by_task = main(several(three, tmp_path, "--names", "ours"))
    assert list(by_task) == ["xquad", "udpos", "xnli"]
    text = (tmp_path / "tables.txt").read_text()
    assert text in capsys.readouterr().out
    assert text == benchmark_tables(list(by_task.values()))
    header, ours = (line.split() for line in text.splitlines()[:2])
    assert header == "model XNLI PAWS-X POS NER XQuAD MLQA TyDiQA Avg.".split()
    models = {task: one["models"]["ours"] for task, one in by_task.items()}
    both = [models["xquad"][x]["target"]["average"] for x in ("f1", "exact_match")]
    cells = [
        f"{models['xnli']['scores']['mean']['average']:.1f}",
        "-",
        f"{models['udpos']['scores']['target']['average']:.1f}",
        *("-", "/".join(f"{value:.1f}" for value in both), "-", "-", "-"),
    ]
    assert ours == ["ours", *cells]
    table = (tmp_path / "tables.md").read_text()
    assert f"| ours | {' | '.join(cells)} |" in table
    for task, results in by_task.items():
        kept = json.loads((tmp_path / task / "results.json").read_text())
        assert kept == results and (tmp_path / task / "predictions/ours").is_dir()


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda a: a.path.pop(), "--path: 2 checkpoints for 3 data folders"),
        (lambda a: a.data.pop(), "--path: 3 checkpoints for 2 data folders"),
        (lambda a: setattr(a, "compare", ["x.pt"]), "compare models of one task"),
        (lambda a: setattr(a, "results_path", None), "give --results-path"),
        (lambda a: setattr(a, "names", ["a", "b", "c"]), "--names a b c: give one"),
        (lambda a: a.data.__setitem__(2, a.data[0]), "xquad is among the data already"),
        (lambda a: a.path.__setitem__(2, "no.pt"), "no.pt: not found"),
    ],
)
def test_several_tasks_are_refused_before_any_is_evaluated(
    three, tmp_path, change, message
):
    args = several(three, tmp_path / "out")
    change(args)
    with refused(message):
        main(args)
    assert not (tmp_path / "out").exists()


def test_answer_is_the_best_span_of_the_models_logits_row_by_row(asked):
    task, model = load_task_model(str(asked.mixed), str(asked.data))
    args = arguments(asked.data, "x", "y")
    found = predict_split(task, model, "test", batch_options(args))["en"]
    dataset = task.load_dataset("test")
    offsets = MMapIndexedDataset(str(asked.data / "test.en.offsets"))
    asked_en = read_questions(asked.raw / question_file("test", "en"))
    checked = 0
    for row in range(9):
        (window, *more) = dataset[row]
        if more:
            continue
        batch = dataset.collater([[window]])
        with torch.no_grad():
            logits, _ = task.family.forward(model, batch)
        before, begin, end = window["context"]
        scores = logits[0, before : before + end - begin].numpy()
        spans = scores[:, None, 0] + scores[None, :, 1]
        spans[np.tril_indices(len(spans), -1)] = -np.inf
        first, last = np.unravel_index(np.argmax(spans), spans.shape)
        places = offsets[row].view(-1, 2)
        text = asked_en[row]["context"][places[first, 0] : places[last, 1]]
        assert list(found.rows)[row].answers[0].text == text.strip()
        checked += 1
    assert checked > 2
