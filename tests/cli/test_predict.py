"""xling-predict: lines in, lines out, and errors that name the line."""

import io
import json
import subprocess
import sys
from types import SimpleNamespace

import pytest
from refusals import refused
from training import ROOT, command, environment

from fairseq_xling import from_pretrained
from fairseq_xling.cli import predict
from fairseq_xling.predictor import lines as lines_of_file


@pytest.fixture
def call(tmp_path, capsys, monkeypatch):
    """Run the command on a text and return what it prints."""

    def run(models, text, *options, stdin=False):
        path = tmp_path / "lines"
        content = text if isinstance(text, bytes) else text.encode("utf-8")
        path.write_bytes(content)
        given = [] if stdin else [str(path)]
        if stdin:
            buffer = SimpleNamespace(buffer=io.BytesIO(content))
            monkeypatch.setattr(sys, "stdin", buffer)
        given += ["--path", str(models.mixed.parent), "--cpu", *options]
        predict.main(predict.build_parser().parse_args(given))
        return capsys.readouterr().out

    return run


def parsed(text):
    return [json.loads(line) for line in text.splitlines()]


SENTENCES = ["der Hund läuft.", "the dog", "狗睡"]
PAIRS = [("der Hund", "läuft im Haus"), ("wer?", "die Katze schläft")]


def test_sentences_give_json_lines(tagged, call):
    got = parsed(call(tagged, "\n".join(SENTENCES)))
    assert got == from_pretrained(tagged.mixed).predict(SENTENCES)
    assert got[0]["words"] == ["der", "Hund", "läuft", "."]
    assert got[2]["words"] == ["狗", "睡"]


@pytest.mark.parametrize("family", ["asked", "paired"])
def test_tabs_stand_between_two_texts(request, call, family):
    models = request.getfixturevalue(family)
    got = parsed(call(models, "".join("\t".join(pair) + "\r\n" for pair in PAIRS)))
    assert got == from_pretrained(models.mixed).predict(PAIRS)


def test_json_lines_take_words_sources_and_other_fields(tagged, call):
    lines = [
        {"id": 7, "words": ["New York", "läuft"], "more": {"a": [1]}},
        {"text": "der Hund", "source": "the dog", "note": "ä"},
        {"text": "der Hund", "source": {"words": ["the", "dog"]}},
        {"text": "der Hund", "source": None},
        {"text": "der Hund", "source": ""},
    ]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    got = parsed(call(tagged, text + "der Hund\n"))
    tagger = from_pretrained(tagged.mixed)
    inputs = [["New York", "läuft"], *["der Hund"] * 5]
    sources = [None, "the dog", "the dog", None, None, None]
    want = tagger.predict(inputs, sources)
    want[0].update(id=7, more={"a": [1]})
    want[1].update(note="ä")
    assert got == want
    # Other fields come first, the source is not copied.
    assert list(got[0]) == ["id", "more", "words", "tags", "probabilities"]
    assert got[1]["probabilities"] != pytest.approx(got[3]["probabilities"], abs=1e-5)


@pytest.mark.parametrize("family", ["asked", "paired"])
def test_json_lines_name_both_texts(request, call, family):
    models = request.getfixturevalue(family)
    names = ("question", "context") if family == "asked" else ("premise", "hypothesis")
    first = dict(zip(names, PAIRS[0]))
    lines = [{**first, "source": ["the dog", "runs"]}, {"id": "x", **first}]
    got = parsed(call(models, "\n".join(map(json.dumps, lines))))
    sources = [("the dog", "runs"), None]
    want = from_pretrained(models.mixed).predict([PAIRS[0]] * 2, sources)
    assert got == [want[0], {"id": "x", **want[1]}]


def test_text_format_has_a_word_a_line_and_an_empty_line_between(tagged, call):
    got = call(tagged, "\n".join(SENTENCES), "--format", "text")
    blocks = got.split("\n\n")
    assert blocks.pop() == ""
    for block, row in zip(blocks, from_pretrained(tagged.mixed).predict(SENTENCES)):
        columns = zip(row["words"], row["tags"], row["probabilities"])
        assert block.splitlines() == [f"{w}\t{t}\t{p:.4f}" for w, t, p in columns]


def test_text_format_has_a_label_or_an_answer_a_line(asked, paired, call):
    text = "\n".join("\t".join(pair) for pair in PAIRS)
    got = call(paired, text, "--format", "text").splitlines()
    for line, row in zip(got, from_pretrained(paired.mixed).predict(PAIRS)):
        assert line == f"{row['label']}\t{row['probabilities'][row['label']]:.4f}"
    got = call(asked, text, "--format", "text").splitlines()
    for line, row in zip(got, from_pretrained(asked.mixed).predict(PAIRS)):
        assert line == f"{row['answer']}\t{row['probability']:.4f}"


def test_text_format_keeps_rows_and_columns_apart():
    # An answer may go over lines of its passage, and words of JSON hold anything.
    answer = {"answer": "the dog\nand\tthe\n\ncat", "probability": 0.5}
    assert lines_of_file.as_text(answer) == "the dog and the cat\t0.5000"
    tags = {"words": ["New\tYork", "a"], "tags": ["X", "Y"], "probabilities": [1, 0.25]}
    assert lines_of_file.as_text(tags) == "New York\tX\t1.0000\na\tY\t0.2500\n"


def test_standard_input_is_read(tagged, call):
    text = "\ufeffHund\nKatze"
    assert call(tagged, text, stdin=True) == call(tagged, text)
    assert [row["words"] for row in parsed(call(tagged, text))] == [["Hund"], ["Katze"]]


def test_no_lines_give_no_lines(tagged, call):
    assert call(tagged, "") == ""


def test_output_appears_whole_or_not_at_all(tagged, call, tmp_path, monkeypatch):
    monkeypatch.setattr(lines_of_file, "CHUNK_LINES", 2)
    output = tmp_path / "new" / "out.jsonl"
    options = ["--output", str(output)]
    with refused("line 4: empty"):
        call(tagged, "a\nb\nc\n\nd\n", *options)
    assert not output.parent.exists()
    assert call(tagged, "a\nb\nc\nd\n", *options) == ""
    assert [row["words"] for row in parsed(output.read_text())] == [[x] for x in "abcd"]
    with refused("line 1: empty"):
        call(tagged, "\n", *options)
    assert len(parsed(output.read_text())) == 4
    with refused("new: a folder; give the name of a file"):
        call(tagged, "a", "--output", str(output.parent))


def test_more_lines_than_are_read_at_once_keep_their_order(tagged, call, monkeypatch):
    sentences = [" ".join(["Hund"] * (1 + i % 5) + [str(i)]) for i in range(11)]
    lines = [json.dumps({"id": i, "text": x}) for i, x in enumerate(sentences)]
    lines[4] = sentences[4]
    want = parsed(call(tagged, "\n".join(lines)))
    for size in (1, 3, 11):
        monkeypatch.setattr(lines_of_file, "CHUNK_LINES", size)
        got = parsed(call(tagged, "\n".join(lines)))
        assert [row.get("id") for row in got] == [0, 1, 2, 3, None, *range(5, 11)]
        assert [row["tags"] for row in got] == [row["tags"] for row in want]
        for one, two, sentence in zip(got, want, sentences):
            assert one["words"] == sentence.split()
            near = pytest.approx(two["probabilities"], abs=1e-5)
            assert one["probabilities"] == near


@pytest.mark.parametrize(
    "family, lines, message",
    [
        ("tagged", "a\n\nb", "line 2: empty; give it text, or remove the line"),
        ("tagged", "a\n \t\r\nb", "line 2: empty; give it text"),
        ("tagged", '{"text": "a"}\n{"text": ', "line 2: not JSON .Expecting value, ch"),
        ("tagged", "{a}", "line 1: not JSON .* though it begins with a brace"),
        ("tagged", '{"id": 3}', "line 1: no words"),
        ("tagged", '{"text": "a", "source": 3}', "line 1, source: no words"),
        ("tagged", b"a\nb\n\xe4\n", "line 3: not UTF-8 .byte 1 of the line"),
        ("asked", "wer? Hund", "line 1: 0 tabs; give two texts with one between"),
        ("asked", "a\tb\nwer?\tHund\tKatze", "line 2: 2 tabs; give two texts"),
        ("asked", "wer?\t", "line 1: question and context must not be empty"),
        (
            "paired",
            '{"premise": "a", "hypothesis": "b", "source": "c"}',
            "line 1, source: give premise and hypothesis",
        ),
    ],
)
@pytest.mark.parametrize("chunk", [1, 1024])
def test_wrong_lines_are_refused_by_file_and_number(
    request, call, monkeypatch, chunk, family, lines, message
):
    monkeypatch.setattr(lines_of_file, "CHUNK_LINES", chunk)
    with refused(message) as error:
        call(request.getfixturevalue(family), lines)
    assert "/lines, line " in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    "options, message",
    [
        (["--batch-size", "0"], "--batch-size 0: give 1 or more"),
        (["--num-workers", "-1"], "--num-workers -1: give 0 or more"),
        (["--data", "/nowhere"], "dict.txt and .* not found in /nowhere"),
        (["--max-tokens", "3"], "--max-tokens 3: an item of the input takes"),
    ],
)
def test_wrong_options_are_refused(paired, call, options, message):
    with refused(message):
        call(paired, "der Hund\tläuft", *options)


def test_missing_input_is_named(tagged, tmp_path):
    for name, why in (("missing", "No such file"), ("", "Is a directory")):
        given = [str(tmp_path / name), "--path", str(tagged.mixed)]
        with refused(f"{tmp_path}.*: {why}.*; give a file"):
            predict.main(predict.build_parser().parse_args(given))


def test_command_reads_what_is_piped_and_ends_with_status_one(tagged):
    count = lines_of_file.CHUNK_LINES
    done = subprocess.run(
        [command("xling-predict"), "--path", str(tagged.mixed), "--format=text"],
        input=("Hund 狗\n" * count + "\n").encode(),
        capture_output=True,
        cwd=ROOT,
        # A locale in which the text could not be printed.
        env=environment(PYTHONIOENCODING="ascii"),
    )
    assert done.returncode == 1
    last = done.stderr.decode().strip().splitlines()[-1]
    assert last.startswith(f"error: standard input, line {count + 1}: empty;")
    assert b"Traceback" not in done.stderr
    # What was predicted before was printed, and nothing else.
    lines = done.stdout.decode("utf-8").splitlines()
    assert [line.split("\t")[0] for line in lines] == ["Hund", "狗", ""] * count
