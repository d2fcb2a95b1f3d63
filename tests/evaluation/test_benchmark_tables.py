"""X-Mixup's Tables 3 and 8 from results.json files: its printed figures, and dashes."""

import json
import sys

import pytest
from refusals import refused

from fairseq_xling.cli.benchmark_tables import cli_main
from fairseq_xling.evaluation.result_files import load_results
from fairseq_xling.evaluation.score_table import benchmark_tables

# X-Mixup's row of Table 3, and its transfer gaps of Table 8.
PRINTED = {
    "xnli": (85.3, 4.9),
    "pawsx": (91.8, 5.2),
    "udpos": (78.4, 18.1),
    "panx": (69.0, 15.9),
    "xquad": ((82.6, 69.3), 6.7),
    "mlqa": ((76.5, 58.1), 13.9),
    "tydiqa": ((69.0, 52.8), 9.6),
}


def results_of(task, value, gap, name="X-Mixup"):
    """As xling-evaluate writes it."""
    way = "mean" if task in ("xnli", "pawsx") else "target"
    model = {"predict": way}
    if isinstance(value, tuple):
        f1, exact = value
        model["f1"] = {way: {"en": 90.0, "average": f1, "gap": 1.0}}
        model["exact_match"] = {way: {"en": 80.0, "average": exact, "gap": gap}}
        value = (f1 + exact) / 2
    model["scores"] = {way: {"en": 85.0, "average": value, "gap": gap}}
    if way == "mean":
        model["scores"]["target"] = {"en": 1.0, "average": 1.0, "gap": 99.0}
    return {"task": task, "metric": "what it is", "models": {name: model}}


def row_of_gaps(lines):
    """The only model's row of the second table."""
    headers = [i for i, line in enumerate(lines) if line[:1] == ["model"]]
    assert len(headers) == 2
    return lines[headers[1] + 1]


@pytest.fixture
def folders(tmp_path):
    for task, (value, gap) in PRINTED.items():
        (tmp_path / task).mkdir()
        text = json.dumps(results_of(task, value, gap))
        (tmp_path / task / "results.json").write_text(text)
    return tmp_path


def words(table):
    return [line.split() for line in table.splitlines()]


def test_papers_scores_give_the_papers_average_over_tasks(folders):
    # Half as files, half as folders, in any order.
    paths = [str(folders / task / "results.json") for task in list(PRINTED)[:3]]
    paths += [str(folders / task) for task in reversed(list(PRINTED)[3:])]
    lines = words(benchmark_tables(load_results(paths)))
    assert lines[0] == "model XNLI PAWS-X POS NER XQuAD MLQA TyDiQA Avg.".split()
    assert lines[1] == (
        "X-Mixup 85.3 91.8 78.4 69.0 82.6/69.3 76.5/58.1 69.0/52.8 75.5".split()
    )
    gaps = row_of_gaps(lines)
    average = sum(gap for _, gap in PRINTED.values()) / 7
    assert gaps == "X-Mixup 4.9 5.2 18.1 15.9 6.7 13.9 9.6".split() + [f"{average:.1f}"]


def test_missing_tasks_are_dashes_and_leave_no_average(folders):
    loaded = load_results([str(folders / "xnli"), str(folders / "xquad")])
    lines = words(benchmark_tables(loaded))
    assert lines[1] == "X-Mixup 85.3 - - - 82.6/69.3 - - -".split()
    assert row_of_gaps(lines) == "X-Mixup 4.9 - - - 6.7 - - -".split()
    table = benchmark_tables(loaded, markdown=True)
    assert "| X-Mixup | 85.3 | - | - | - | 82.6/69.3 | - | - | - |" in table


def test_models_have_a_row_each_over_all_files():
    loaded = [results_of("udpos", 60.0, 1.0, "a"), results_of("panx", 50.0, 2.0, "a")]
    loaded += [results_of("udpos", 70.0, 3.0, "b"), results_of("udpos", 61.0, 4.0, "a")]
    lines = words(benchmark_tables(loaded))
    # Of two results of a task and model the last counts.
    assert lines[1] == "a - - 61.0 50.0 - - - -".split()
    assert lines[2] == "b - - 70.0 - - - - -".split()


def test_model_without_scores_has_no_row():
    loaded = [results_of("udpos", 60.0, 1.0, "a"), results_of("panx", 50.0, 2.0, "b")]
    loaded[1]["models"]["b"]["scores"] = {}
    assert "\nb " not in benchmark_tables(loaded)


def test_language_alone_has_a_score_and_no_gap():
    alone = results_of("udpos", 60.0, 1.0)
    del alone["models"]["X-Mixup"]["scores"]["target"]["gap"]
    lines = words(benchmark_tables([alone]))
    assert lines[1][3] == "60.0" and row_of_gaps(lines)[1:] == ["-"] * 8


GOOD = results_of("xquad", (50.0, 40.0), 1.0)


def without(*path):
    changed = json.loads(json.dumps(GOOD))
    place = changed
    for name in path[:-1]:
        place = place[name]
    del place[path[-1]]
    return json.dumps(changed)


@pytest.mark.parametrize(
    "text",
    [
        *("", "[]", "{}", "3", "not JSON", '{"task": []}', '{"task": "xnli"}'),
        "\xff\xfe",
        '{"task": "squad", "metric": "accuracy", "models": {}}',
        '{"task": "xnli", "metric": "accuracy", "models": ["a"]}',
        '{"task": "xnli", "metric": "accuracy", "models": {"a": 1}}',
        without("models"),
        without("models", "X-Mixup", "predict"),
        without("models", "X-Mixup", "scores", "target", "average"),
        without("models", "X-Mixup", "f1"),
        without("models", "X-Mixup", "exact_match", "target", "average"),
    ],
)
def test_files_that_are_no_results_are_refused_in_one_line(tmp_path, text):
    path = tmp_path / "results.json"
    path.write_bytes(text.encode("latin-1"))
    with refused("results.json: not the results of xl"):
        load_results([str(path)])


@pytest.mark.parametrize("name", ["missing", "folder"])
def test_missing_files_are_named(tmp_path, name):
    (tmp_path / "folder").mkdir()
    with refused(f"{name}.*: No such file.*give results.json"):
        load_results([str(tmp_path / name)])


def test_command_prints_both_tables(folders, capsys, monkeypatch):
    paths = [str(folders / task) for task in PRINTED]
    for options, row in (([], "X-Mixup  85.3"), (["--markdown"], "| X-Mixup | 85.3")):
        monkeypatch.setattr(sys, "argv", ["xling-table", *paths, *options])
        cli_main()
        printed = capsys.readouterr().out
        loaded = load_results(paths)
        assert printed == benchmark_tables(loaded, bool(options)) and row in printed
