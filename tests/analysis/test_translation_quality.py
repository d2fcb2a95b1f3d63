"""xling-analyze translation: its numbers, by naive loops and sacrebleu itself."""

import json
import random
import shutil
import statistics

import numpy as np
import pytest
import sacrebleu
from analyzed import run
from family_data import draw_questions
from raw_data import write_rows
from raw_questions import read_questions, write_questions
from refusals import refused
from scipy import stats

from fairseq_xling.analysis.translated_rows import read_sets
from fairseq_xling.analysis.translation_mixing import (
    Mixed,
    mixing_ratios,
    numbers,
    open_mixer,
)
from fairseq_xling.analysis.translation_quality import Choice, analyze_translation
from fairseq_xling.cli.translate import translate
from fairseq_xling.errors import UserError
from fairseq_xling.families.prediction import BatchOptions
from fairseq_xling.preprocessing.benchmarks import BENCHMARKS
from fairseq_xling.preprocessing.raw_layout import RawLayout
from fairseq_xling.preprocessing.translations import MANIFEST

# Source, translation and back-translation, of both sentences of a row.
ROWS = [
    ("Two men eat warm bread.", "Zwei Männer essen warmes Brot.", "Two men eat bread."),
    ("The shop is open.", "Der Laden ist offen.", "The store is open."),
    ("The store is open.", "Der Laden ist offen.", "The store is open."),
    ("Anna reads in the garden.",) * 3,
    ("A child laughs loudly.", "Ein Kind" + " Kind" * 12 + ".", "A child."),
    ("A dog runs after the ball.", "", ""),
]


@pytest.fixture
def written(tmp_path):
    """A folder of three rows, each of two of the sentences."""
    raw = tmp_path / "raw"
    pairs = [(ROWS[i], ROWS[i + 1], "neutral") for i in (0, 2, 4)]
    for name, part in (
        ("train-en", 0),
        ("translate-train/en-de-translated", 1),
        ("translate-train-en/en-de-en-translated", 2),
    ):
        rows = [[one[part], two[part], label] for one, two, label in pairs]
        write_rows(raw / f"{name}.tsv", rows)
    return raw


def of(found, title="translate-train, de"):
    (one,) = [entry for entry in found.numbers["files"] if entry["title"] == title]
    return one


def test_numbers_are_those_of_a_naive_loop(written, tmp_path):
    found = run(tmp_path / "out", "translation", written)
    entry = of(found)
    assert entry["counts"] == {"rows": 3, "empty": 1, "unchanged": 0}
    # Of the row that lacks a sentence, the other one has no back-translation, either.
    whole = [row for row in ROWS if row[1]]
    assert entry["texts"] == 5 and entry["texts_with_chrf"] == 4
    for unit, length in (("characters", len), ("words", lambda x: len(x.split()) + 1)):
        ratios = [length(made) / length(source) for source, made, _ in whole]
        assert entry["length_ratio"][unit]["p50"] == statistics.median(ratios)
    median = statistics.median(len(made) / len(x) for x, made, _ in whole)
    odd = [x for x, made, _ in whole if not 0.5 < len(made) / len(x) / median < 2]
    assert odd == ["A child laughs loudly."] and entry["outlying"] == 1
    assert entry["sharing_a_translation"] == 2
    # Anna is a name; "the" and "in" are short: reads, garden.
    words = "warm bread shop open store open reads garden child laughs loudly".split()
    assert entry["source_words"] == len(words) and entry["source_words_kept"] == 2
    scores = [sacrebleu.sentence_chrf(back, [x]).score for x, _, back in whole[:4]]
    assert entry["chrf"]["p50"] == pytest.approx(statistics.median(scores))
    assert found.numbers["chrf"].startswith("nrefs:1|case:mixed|eff:yes|nc:6|nw:0")
    assert found.pictures == {"translation-train"} and entry["engine"] is None
    assert "\n- 2, line 1: The shop is open. → Der Laden ist offen." in found.table
    assert "\n- 3.14, line 3: A child laughs loudly. → Ein Kind" in found.table


def test_some_rows_are_scored_and_all_are_counted(written, tmp_path):
    found = of(run(tmp_path, "translation", written, "--max-rows", 1))
    assert found["counts"]["rows"] == 3 and found["texts_with_chrf"] in (0, 2)
    same = of(run(tmp_path, "translation", written, "--max-rows", 3))
    assert same["texts_with_chrf"] == 4


def test_rows_of_several_languages_and_splits(raw, tmp_path):
    found = run(tmp_path / "out", "translation", raw)
    kinds = ("train", "dev", "test")
    titles = [f"translate-{x}, {lang}" for x in kinds for lang in ("de", "ru", "zh")]
    assert [entry["title"] for entry in found.numbers["files"]] == titles
    assert found.pictures == {f"translation-{x}" for x in kinds}
    assert [of(found, title)["chrf"] is None for title in titles] == [False] * 3 + [
        True
    ] * 6
    # From English to Chinese, and from Chinese to English.
    there, back = (
        of(found, f"translate-{x}, zh")["length_ratio"]["characters"]["p50"]
        for x in ("train", "test")
    )
    assert there < 0.7 and back > 1.5
    one = run(tmp_path / "one", "translation", raw, "--langs", "ru")
    assert [entry["lang"] for entry in one.numbers["files"]] == ["ru"] * 3


def test_what_translate_has_counted(tmp_path):
    raw = tmp_path / "raw"
    questions = draw_questions(random.Random(3), "en", 12, "q")
    write_questions(raw / "train-en.json", questions)
    translate([str(raw), "--to", "de", "--task", "xquad", "--engine", "command:cat"])
    found = run(tmp_path / "out", "translation", raw, "--task", "xquad")
    entry, told = of(found), json.loads((raw / MANIFEST).read_text())
    counts = dict(told[entry["file"]]["counts"])
    rows = len(read_questions(raw / entry["file"]))
    assert entry["engine"] == "command:cat"
    assert entry["counts"] == {"rows": rows, "empty": 0, "unchanged": rows}
    assert counts.pop("rows") == rows + entry["counted_by_translate"]["dropped"]
    assert counts == {
        **entry["counted_by_translate"],
        "empty": 0,
        "unchanged": counts["unchanged"],
    }
    assert entry["counted_by_translate"]["answers by marks"] > 0
    assert entry["source_words"] == entry["source_words_kept"] > 0
    assert entry["chrf"]["p5"] == pytest.approx(100)
    # Changed since by somebody else, whose file it then is.
    path = raw / entry["file"]
    questions = read_questions(path)
    write_questions(path, questions[1:])
    entry = of(run(tmp_path / "out", "translation", raw, "--task", "xquad"))
    assert entry["counted_by_translate"] == {} and entry["engine"] is None
    assert entry["counts"]["rows"] == rows - 1


@pytest.mark.parametrize(
    "family, task", [("paired", "xnli"), ("tagged", "udpos"), ("asked", "xquad")]
)
def test_mixup_ratios_of_every_family(request, family, task):
    trained = request.getfixturevalue(family)
    batches = BatchOptions(batch_size=5, cpu=True)
    choice = Choice(trained.raw, task, langs="de")
    found = analyze_translation(choice, str(trained.mixed), None, batches)
    entry = found.numbers["files"][0]
    assert entry["counts"] == {"rows": 24, "empty": 0, "unchanged": 0}
    assert set(found.figures) >= {"translation-train", "translation-mixing"}
    (mixing,) = entry["mixing"]
    assert f"| translate-train, de | {mixing['layer']} | 24 |" in found.markdown
    assert [one["rows"] for one in mixing["bins"]] == [12, 12]
    scores = [one["chrf"] for one in mixing["bins"]]
    ratios = [one["ratio"] for one in mixing["bins"]]
    assert scores[0] < scores[1] and 0 < min(ratios) <= max(ratios) < 0.5
    assert mixing["ratio"]["mean"] == pytest.approx(np.mean(ratios))


@pytest.mark.parametrize(
    "family, task", [("paired", "xnli"), ("tagged", "udpos"), ("asked", "xquad")]
)
def test_mixup_ratios_are_those_of_the_predictor(request, family, task):
    trained = request.getfixturevalue(family)
    benchmark = BENCHMARKS[task]
    files = benchmark.files.to_translate(**benchmark.settings)
    layout = RawLayout(trained.raw, "en", benchmark.places, files)
    rows = next(read_sets(layout, ["de"])).rows
    mixer = open_mixer(str(trained.mixed), None, benchmark, BatchOptions(cpu=True))
    found = mixing_ratios(mixer, rows, "rows")
    assert found.shape == (24, 1)
    parts = files.translator(is_trained=False).parts
    compared = 0
    for row, ratio in zip(rows, found[:, 0]):
        target, source = (
            {"words": one.words} if task == "udpos" else tuple(parts(one))
            for one in (row.row, row.source)
        )
        try:
            (pair,) = mixer.predictor.mix([target], [source], cpu=True)
        except UserError:  # is read in windows
            continue
        assert pair.layers[0].ratio == pytest.approx(ratio, abs=1e-6)
        compared += 1
    assert compared > 3


def test_correlations_are_those_of_scipy():
    generator = np.random.default_rng(4)
    score = generator.uniform(20, 90, 57)
    ratio = 0.4 + score / 1000 + generator.normal(0, 0.02, 57)
    words = generator.integers(3, 30, 57)
    found = numbers(Mixed(2, ratio, score, words))
    rho, line = stats.spearmanr(ratio, score), stats.pearsonr(ratio, score)
    assert found["spearman_with_chrf"] == pytest.approx({"rho": rho[0], "p": rho[1]})
    assert found["pearson_with_chrf"] == pytest.approx({"r": line[0], "p": line[1]})
    of_words = stats.spearmanr(words, ratio)[0]
    assert found["spearman_with_words"]["rho"] == pytest.approx(of_words)
    # Five bins of eleven or twelve rows, from the lowest chrF on.
    assert [one["rows"] for one in found["bins"]] == [12, 12, 11, 11, 11]
    first = np.argsort(score)[:12]
    bin_ = found["bins"][0]
    assert bin_["chrf"] == pytest.approx(score[first].mean())
    assert bin_["ratio"] == pytest.approx(ratio[first].mean())
    error = stats.sem(ratio[first], ddof=0)
    assert bin_["standard_error"] == pytest.approx(error)
    same = numbers(Mixed(2, np.full(4, 0.5), score[:4], words[:4]))
    assert np.isnan([*same["pearson_with_chrf"].values()]).all()


def refuse(told, tmp_path, *arguments):
    with refused(told):
        run(tmp_path / "out", "translation", *arguments)
    assert not (tmp_path / "out").exists()


def test_folders_and_languages_without_translations(written, tmp_path):
    told = "--langs xx: .* has translations for de alone"
    refuse(told, tmp_path, written, "--langs", "de,xx")
    refuse("no translations; make them with", tmp_path, written, "--task", "xquad")
    shutil.rmtree(written / "translate-train")
    refuse("no translations; make them with", tmp_path, written)
    refuse("no such folder", tmp_path, written / "none")
    refuse("--max-rows 0: give 1 or more", tmp_path, written, "--max-rows", 0)


def test_models_with_which_nothing_can_be_compared(written, tmp_path, tagged, paired):
    path = ["--path", tagged.mixed, "--cpu"]
    refuse("a model for udpos, which reads other rows", tmp_path, written, *path)
    path = ["--task", "udpos", "--path", tagged.zero, "--cpu"]
    refuse("does not mix", tmp_path, tagged.raw, *path)
    shutil.rmtree(written / "translate-train-en")
    path = ["--path", paired.mixed, "--cpu"]
    refuse("has no back-translations, with which", tmp_path, written, *path)
