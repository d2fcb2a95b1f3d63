"""Raw folders translated, and read back by preprocessing."""

import json
import os
import shutil
import signal

import pytest
import toy_engines
from bad_input import check_refusal
from binarized import preprocess
from raw_data import files, write_rows
from raw_questions import answer, read_questions, write_questions
from raw_tags import read_tags, write_tags
from refusals import refused

from fairseq_xling.cli.translate import translate
from fairseq_xling.families.tagging.raw import split_words
from fairseq_xling.preprocessing import translate as module
from fairseq_xling.preprocessing.translations import MANIFEST
from fairseq_xling.translation.command_engine import CommandEngine
from fairseq_xling.translation.memory import FOLDER, TranslationMemory

MADE = [f"translate-{x}" for x in ("train", "train-en", "dev", "test")]
UPPER = "python:toy_engines.upper"
NONE_LOST = {"empty": 0, "unchanged": 0}


@pytest.fixture
def bare(raw):
    """Raw pairs without translations."""
    for name in MADE:
        shutil.rmtree(raw / name)
    return raw


@pytest.fixture(autouse=True)
def calls():
    toy_engines.CALLS.clear()
    return toy_engines.CALLS


def run(raw, to="de,zh", engine=UPPER, *options):
    translate([str(raw), "--to", to, "--engine", engine, *options])


def rows(path):
    return [line.split("\t") for line in path.read_text("utf-8").split("\n")[:-1]]


def counts(raw, name):
    return json.loads((raw / MANIFEST).read_text("utf-8"))[name]["counts"]


def test_pairs_are_translated_and_read_back(bare, spm, tmp_path, capsys):
    run(bare)
    english, german = rows(bare / "train-en.tsv"), rows(bare / "dev-de.tsv")
    there = rows(bare / "translate-train/en-de-translated.tsv")
    assert there == [[a, b, a.upper(), b.upper(), x] for a, b, x in english]
    back = rows(bare / "translate-train-en/en-de-en-translated.tsv")
    assert [row[2:] for row in back] == [row[2:] for row in there]
    dev = rows(bare / "translate-dev/dev-de-en-translated.tsv")
    assert dev == [[a, b, a.upper(), b.upper(), x] for a, b, x in german]
    manifest = preprocess("xnli", bare, spm, tmp_path / "bin")
    for lang in ("de", "zh"):
        assert manifest.splits["train"][lang].rows == len(english)
        assert "backtranslation" in manifest.splits["train"][lang].streams
        for split in ("valid", "test"):
            assert "source" in manifest.splits[split][lang].streams
    table = capsys.readouterr().out.splitlines()
    assert table[0].split() == ["file", "rows", "empty", "unchanged"]
    assert len(table) == 9
    name = "translate-train-en/en-zh-en-translated.tsv"
    assert table[6].split() == [name, "30", "0", "30"]


def test_each_sentence_is_translated_once(bare, calls):
    run(bare)
    for direction in {call[:2] for call in calls}:
        asked = [x for call in calls if call[:2] == direction for x in call[2]]
        assert len(asked) == len(set(asked))
    before, count = files(bare), len(calls)
    # A second run finds all of it; so does one whose files are gone.
    run(bare)
    shutil.rmtree(bare / "translate-train")
    run(bare)
    assert len(calls) == count and files(bare) == before


def test_what_others_have_made_is_kept(raw, calls):
    before = files(raw)
    run(raw)
    assert not calls and files(raw) == before


def test_rows_with_ids_and_quotes_keep_them(bare, spm, tmp_path):
    (bare / "train-en.tsv").unlink()
    lines = [
        ["id", "premise", "hypothesis", "label"],
        ["r1", '"a ""b"" c"', "small dog", "neutral"],
        ["r2", '"', "red cat", "entailment"],
    ]
    write_rows(bare / "train-en.tsv", lines)
    run(bare, "de", UPPER, "--only", "translate-train")
    # The first field is a CSV writer's, which stays one.
    assert rows(bare / "translate-train/en-de-translated.tsv") == [
        lines[0],
        ["r1", 'A "B" C', "SMALL DOG", "neutral"],
        ["r2", '"', "RED CAT", "entailment"],
    ]
    manifest = preprocess("xnli", bare, spm, tmp_path / "bin", "--target-langs=de")
    assert manifest.splits["train"]["de"].rows == 2


def test_rows_that_come_back_empty_are_told_of(bare, spm, tmp_path, capsys):
    run(bare, "de", "python:toy_engines.empty_at_times")
    english = rows(bare / "train-en.tsv")
    lacking = sum(len(a) % 3 == 0 or len(b) % 3 == 0 for a, b, _ in english)
    name = "translate-train/en-de-translated.tsv"
    assert 0 < lacking < 30 and counts(bare, name)["empty"] == lacking
    told = f"{lacking} rows have come back empty in part; preprocess them with --skip-"
    assert f"{name}: {told}" in capsys.readouterr().err
    with refused("--skip-empty-rows"):
        preprocess("xnli", bare, spm, tmp_path / "bin", "--target-langs=de")
    options = ["--target-langs=de", "--skip-empty-rows"]
    manifest = preprocess("xnli", bare, spm, tmp_path / "bin", *options)
    assert manifest.splits["train"]["de"].rows == 30 - lacking


def test_engine_that_returns_its_input_is_told_of(bare, capsys):
    run(bare, "de", "command:cat", "--only", "translate-test")
    name = "translate-test/test-de-en-translated.tsv"
    assert counts(bare, name) == {"rows": 9, "empty": 0, "unchanged": 9}
    assert (
        f"{name}: 9 of 9 rows have come back unchanged; does --engine"
        in capsys.readouterr().err
    )


@pytest.fixture
def sentences(tmp_path):
    """Raw PAN-X of three sentences, and a German test set."""
    train = [
        ("the big dog runs in Paris .", "O O O O O B-LOC O"),
        ("Big Cat sleeps in New York", "B-PER I-PER O O B-LOC I-LOC"),
        ("dog [ 1 ]", "O O O O"),
    ]
    test = [("der Hund im Haus", "O O O B-LOC")]
    for name, rows in (("train-en.tsv", train), ("test-de.tsv", test)):
        tagged = [list(zip(words.split(), tags.split())) for words, tags in rows]
        write_tags(tmp_path / "panx" / name, tagged)
    return tmp_path / "panx"


def test_sentences_are_translated_as_running_text(sentences, spm, tmp_path):
    run(sentences, "de", UPPER, "--task", "panx")
    there = (sentences / "translate-train/en-de-translated.txt").read_text("utf-8")
    assert there.split("\n") == [
        "THE BIG DOG RUNS IN PARIS .",
        "BIG CAT SLEEPS IN NEW YORK",
        "DOG [ 1 ]",
        "",
    ]
    manifest = preprocess("panx", sentences, spm, tmp_path / "bin")
    entry = manifest.splits["train"]["de"]
    assert entry.rows == 3 and "backtranslation" in entry.streams
    assert "tags" not in entry.streams and "source_tags" in entry.streams
    assert "source" in manifest.splits["test"]["de"].streams


def test_entities_are_carried_over_by_marks(sentences, spm, tmp_path):
    options = ["--task", "panx", "--mark-entities"]
    run(sentences, "de", UPPER, *options)
    name = "translate-train/en-de-translated.tsv"
    assert read_tags(sentences / name) == [
        ("THE BIG DOG RUNS IN PARIS .".split(), "O O O O O B-LOC O".split()),
        ("BIG CAT SLEEPS IN NEW YORK".split(), "B-PER I-PER O O B-LOC I-LOC".split()),
        (split_words("DOG [ 1 ]"), ["O"] * 4),
    ]
    entities = {"rows with entities": 2, "entities carried over": 3, "dropped": 0}
    assert counts(sentences, name) == {**NONE_LOST, "rows": 3, **entities}
    manifest = preprocess("panx", sentences, spm, tmp_path / "bin")
    assert "tags" in manifest.splits["train"]["de"].streams


def test_sentences_that_lose_marks_are_left_out(sentences, spm, tmp_path):
    options = ["--task", "panx", "--mark-entities", "--only", "translate-train"]
    # One of two marks is gone where there are two entities.
    run(sentences, "de", "command:sed s/].*]/]/", *options)
    name = "translate-train/en-de-translated.tsv"
    assert "_\tO\n" in (sentences / name).read_text("utf-8")
    assert counts(sentences, name)["dropped"] == 1
    manifest = preprocess("panx", sentences, spm, tmp_path / "bin")
    assert manifest.splits["train"]["de"].rows == 2
    assert manifest.splits["train"]["en"].rows == 3


def test_marks_are_for_named_entities(tmp_path):
    rows = [[("the", "DET"), ("dog", "NOUN")]]
    write_tags(tmp_path / "raw/train-en.tsv", rows)
    with refused("--mark-entities"):
        run(tmp_path / "raw", "de", UPPER, "--task", "udpos", "--mark-entities")


CONTEXT = "The dog runs in the red house. It is big.\nThe cat sleeps! It is small."


@pytest.fixture
def questions(tmp_path):
    """Raw questions: the answers stand once or twice, and one nowhere."""
    answers = [("a", "red house", 20), ("b", "The cat", 42), ("c", "is", 61)]
    rows = [asked(*one) for one in (*answers, ("d", "is", 3))]
    write_questions(tmp_path / "qa/train-en.json", rows)
    write_questions(tmp_path / "qa/test-de.json", rows[:3])
    return tmp_path / "qa"


def asked(name, text, start):
    row = {"id": name, "question": f"what is {name}", "context": CONTEXT}
    return {**row, "answers": [answer(text, start)]}


def test_questions_are_translated_with_their_answers(questions, spm, tmp_path):
    run(questions, "de", UPPER, "--task", "xquad")
    name = "translate-train/en-de-translated.json"
    want = [asked("a", "RED HOUSE", 20), asked("b", "THE CAT", 42)]
    want.append(asked("c", "IS", 61))
    for row in want:
        row.update({key: row[key].upper() for key in ("question", "context")})
    assert read_questions(questions / name) == want
    ways = {"answers by marks": 3, "exact": 0, "near": 0, "dropped": 1}
    assert counts(questions, name) == {**NONE_LOST, "rows": 4, **ways}
    skip = "--skip-misplaced-answers"
    manifest = preprocess("xquad", questions, spm, tmp_path / "bin", skip)
    assert manifest.splits["train"]["de"].rows == 3
    assert "backtranslation" in manifest.splits["train"]["de"].streams
    assert "source" in manifest.splits["test"]["de"].streams


def test_answers_without_marks_are_searched_for(questions):
    options = ["--task", "xquad", "--only", "translate-train"]
    run(questions, "de", "command:tr -d []", *options)
    name = "translate-train/en-de-translated.json"
    assert [row["id"] for row in read_questions(questions / name)] == ["a", "b", "c"]
    ways = {"answers by marks": 0, "exact": 3, "near": 0, "dropped": 1}
    assert counts(questions, name).items() >= ways.items()


def refusal(raw, *arguments):
    argv = ["translate.py", raw, *arguments]
    return check_refusal(lambda: translate(), argv, raw)


@pytest.mark.parametrize(
    "arguments, told",
    [
        (["--to", "en"], "--to en: is the source language"),
        (["--to", "de,de"], "--to 'de,de': give different languages"),
        (["--to", "../x"], "--to ../x: no language"),
        (["--to", "de", "--only", "train"], "--only train: give some of translate-"),
        (["--to", "sw", "--only", "translate-test"], "has no test file of sw"),
        (["--to", "sw", "--only", "translate-train-en"], "no translate-train file of"),
        (["--to", "de", "--lang-code", "de"], "--lang-code de: give a language"),
        (["--to", "de", "--timeout", "0"], "--timeout 0: give a value above 0"),
        (["--to", "de", "--workers", "0"], "--workers 0: give 1 or more"),
        (["--to", "de", "--distributed-rank", "1"], "--distributed-rank 1: give 0"),
        (["--to", "de", "--mark-entities"], "--mark-entities: has no meaning for"),
        (["--to", "de", "--source-lang", "sw"], "train-sw.tsv: not found"),
    ],
)  # fmt: skip
def test_wrong_options_are_one_line(bare, arguments, told):
    assert told in refusal(bare, *arguments, "--engine", UPPER)


def test_folder_that_is_not_there(tmp_path):
    told = refusal(tmp_path / "no", "--to", "de", "--engine", UPPER)
    assert "no such folder" in told


def test_files_of_another_engine_are_not_mixed(bare):
    run(bare, "de", UPPER, "--only", "translate-dev")
    told = refusal(
        bare, "--to", "de", "--engine", "command:cat", "--only", "translate-dev"
    )
    assert "translated by python:toy_engines.upper; remove it" in told
    (bare / "dev-de.tsv").write_bytes((bare / "dev-ru.tsv").read_bytes())
    told = refusal(bare, "--to", "de", "--engine", UPPER, "--only", "translate-dev")
    assert "translated from other contents of dev-de.tsv" in told


def test_what_was_translated_before_a_failure_is_not_lost(bare, monkeypatch, calls):
    monkeypatch.setattr("fairseq_xling.translation.rows.CHUNK_ROWS", 7)
    monkeypatch.setattr(toy_engines, "LIMIT", [2])
    with refused("out of luck"):
        run(bare, "de", UPPER, "--only", "translate-train")
    assert not (bare / "translate-train").exists()
    done = [sentence for call in calls for sentence in call[2]]
    calls.clear()
    toy_engines.LIMIT.clear()
    run(bare, "de", UPPER, "--only", "translate-train")
    rest = [sentence for call in calls for sentence in call[2]]
    assert done and rest and not set(done) & set(rest)
    whole = files(bare / "translate-train")
    shutil.rmtree(bare / "translate-train")
    shutil.rmtree(bare / FOLDER)
    run(bare, "de", UPPER, "--only", "translate-train")
    assert files(bare / "translate-train") == whole


@pytest.mark.parametrize("place", ["engine", "rows", "manifest", "rename"])
def test_run_that_is_killed_goes_on(bare, place, monkeypatch, tmp_path):
    monkeypatch.setattr("fairseq_xling.translation.rows.CHUNK_ROWS", 7)
    other = shutil.copytree(bare, tmp_path / "other")
    log = tmp_path / "log"
    log.touch()
    script = tmp_path / "engine.sh"
    script.write_text('tee -a "$0.log" | tr a-z A-Z', encoding="utf-8")
    engine = f"command:sh {script}"
    run(bare, "de", engine)
    owner, name = {
        "engine": (CommandEngine, "run"),
        "rows": (TranslationMemory, "add"),
        "manifest": (module, "add_entry"),
        "rename": (os, "replace"),
    }[place]
    (tmp_path / "engine.sh.log").unlink()
    child = os.fork()
    if not child:
        called = getattr(owner, name)

        def kill(*arguments):
            done.append(called(*arguments))
            if len(done) == 2:
                os.kill(os.getpid(), signal.SIGKILL)
            return done[-1]

        done: list = []
        setattr(owner, name, kill)
        run(other, "de", engine)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    run(other, "de", engine)
    one, two = files(bare), files(other)
    assert {x: one[x] for x in one if x not in two} == {}
    assert [x for x in two if two[x] != one.get(x) and FOLDER not in x] == []
    lines = (tmp_path / "engine.sh.log").read_text("utf-8").split("\n")[:-1]
    asked_twice = len(lines) - len({*lines})
    assert asked_twice <= 14


@pytest.mark.parametrize("workers", [1, 3])
def test_shards_translate_what_one_process_would(bare, workers, monkeypatch, tmp_path):
    monkeypatch.setattr("fairseq_xling.translation.rows.CHUNK_ROWS", 4)
    monkeypatch.setattr("fairseq_xling.preprocessing.translate.CHUNK_ROWS", 4)
    options = ["command:tr a-z A-Z", f"--workers={workers}"]
    other = shutil.copytree(bare, tmp_path / "other")
    run(bare, "de", *options)
    for rank in range(3):
        shard = ["--distributed-world-size=3", f"--distributed-rank={rank}"]
        run(other, "de", *options, *shard)
        assert not (other / "translate-train").exists()
    # All is translated: the program is not started any more.
    monkeypatch.setattr(
        "fairseq_xling.translation.command_engine.CommandEngine.run", None
    )
    run(other, "de", *options)
    one, two = files(bare), files(other)
    for found in (one, two):
        for name in [x for x in found if x.startswith(FOLDER)]:
            del found[name]
    assert one == two
