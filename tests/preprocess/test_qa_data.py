"""Raw questions to binarized data: every stream, lost answers, and bad input."""

import json
import random
from operator import itemgetter

import binarized
import pytest
from binarized import check_refused, digest, naive_ids, spoilt, stream
from raw_data import WORDS
from raw_questions import answer, question_file, without_answer, write_questions
from refusals import refused

from fairseq_xling.families.questions.encode import QuestionEncoder
from fairseq_xling.preprocessing.benchmarks import TYDIQA_ALL

TRAIN_FILE, TRAINED = question_file("train", "en"), question_file("train", "de")
BACK = question_file("train", "de", "en")
DEV, TEST = question_file("dev", "de"), question_file("test", "de")


def preprocess(raw, spm, destdir, *options, task="xquad"):
    return binarized.preprocess(task, raw, spm, destdir, *options)


def draw(generator, lang, passages, prefix, each=3):
    """Questions about passages of known words; answers are runs of whole words."""
    out = []
    for i in range(passages):
        words = [generator.choice(WORDS[lang]) for _ in range(generator.randint(3, 12))]
        context = " ".join(words)
        for j in range(each):
            first = generator.randrange(len(words))
            last = generator.randrange(first, len(words))
            text, start = (
                " ".join(words[first : last + 1]),
                len(" ".join([*words[:first], ""])),
            )
            assert context[start : start + len(text)] == text
            asked = " ".join(generator.choice(WORDS[lang]) for _ in range(4))
            row = {"id": f"{prefix}{i}-{j}", "question": asked, "context": context}
            out.append({**row, "answers": [answer(text, start)]})
    return out


def naive(spm, row):
    """Tokens, length of the passage, characters of its tokens and the answer's place.

    These passages have single spaces and nothing that normalisation changes, so the
    pieces put together are the passage.
    """
    if row is None:
        return [], [], [], []
    characters, place = [], 0
    passage = row["context"]
    for piece in spm.processor.encode(" " + passage, out_type=str):
        if piece.startswith("▁"):
            place += bool(characters)  # the space before the word
            piece = piece[1:]
        characters.append((place, place + len(piece)))
        assert passage[place : place + len(piece)] == piece
        place += len(piece)
    assert place == len(passage)
    asked, context = naive_ids(spm, row["question"]), naive_ids(spm, passage)
    tokens = [0, *asked, 2, 2, *context, 2]
    span = []
    for one in row["answers"]:
        begin, text = one["answer_start"], one["text"]
        inside = range(begin, begin + len(text))
        hit = [
            3 + len(asked) + i
            for i, (begin, end) in enumerate(characters)
            if any(place in inside for place in range(begin, end))
        ]
        span = [hit[0], hit[-1]]
    return tokens, [len(context)], [x for pair in characters for x in pair], span


def check(spm, folder, split, lang, rows, names):
    """Compare streams with the four parts of the naive result; None is no stream."""
    want = [naive(spm, row) for row in rows]
    for part, name in enumerate(names):
        if name is not None:
            got = stream(folder, split, lang, name)
            assert got == [row[part] for row in want], (split, lang, name)


def examples(folder, split, lang):
    text = (folder / f"{split}.{lang}.examples.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def translated(generator, lang, rows):
    """The same questions in another language, as a translator would leave them."""
    out = []
    for row, other in zip(rows, draw(generator, lang, len(rows) // 3, "")):
        out.append({**other, "id": row["id"]})
    return out


@pytest.fixture
def data():
    generator = random.Random(6)
    sizes = {"train": 10, "dev": 3, "test": 4}
    drawn = {}
    for split, passages in sizes.items():
        drawn[split, "en"] = draw(generator, "en", passages, split)
        for lang in ("de", "zh"):
            rows = translated(generator, lang, drawn[split, "en"])
            back = translated(generator, "en", rows)
            drawn[split, lang] = rows
            drawn[split, lang, "en"] = list(map(without_answer, back))
    return drawn


@pytest.fixture
def raw(tmp_path, data):
    for key, rows in data.items():
        write_questions(tmp_path / "raw" / question_file(*key), rows)
    return tmp_path / "raw"


FULL = ("input", "context_length", "offsets", "span")
TRAIN = ("input", "context_length", None, "span")
SOURCE = ("source", None, None, "source_span")


def test_every_stream_is_that_of_a_loop_over_characters(raw, data, spm, tmp_path):
    folder = tmp_path / "bin"
    manifest = preprocess(raw, spm, folder)
    assert manifest.task == "xquad" and manifest.labels == []
    assert manifest.languages == ["en", "de", "zh"]
    for lang in ("en", "de", "zh"):
        train = data["train", lang]
        check(spm, folder, "train", lang, train, TRAIN)
        streams = ["input", "context_length", "span"]
        if lang != "en":
            check(spm, folder, "train", lang, data["train", "en"], SOURCE)
            back = data["train", lang, "en"]
            check(spm, folder, "train", lang, back, ["backtranslation"])
            streams += ["source", "source_span", "backtranslation"]
        assert manifest.splits["train"][lang].streams == streams
        assert manifest.splits["train"][lang].rows == len(train) == 30
        for split, kind in (("valid", "dev"), ("test", "test")):
            rows = data[kind, lang]
            check(spm, folder, split, lang, rows, FULL)
            streams = ["input", "context_length", "span", "offsets"]
            if lang != "en":
                check(spm, folder, split, lang, data[kind, lang, "en"], ["source"])
                streams.append("source")
            assert manifest.splits[split][lang].streams == streams
            assert examples(folder, split, lang) == [
                {**row, "answers": [one["text"] for one in row["answers"]]}
                for row in rows
            ]
    assert not list(folder.glob("train.*.jsonl"))


def test_streams_are_readable_whatever_their_numbers(raw, spm, tmp_path):
    # Passages of more than 65,535 characters do not fit into 16 bits.
    long = "the dog " * 9000 + "cat"
    answers = [answer("cat", len(long) - 3)]
    row = {"id": "x", "question": "the cat", "context": long, "answers": answers}
    write_questions(raw / question_file("test", "en"), [row])
    preprocess(raw, spm, tmp_path / "bin")
    check(spm, tmp_path / "bin", "test", "en", [row], FULL)


def test_passages_are_encoded_once_whatever_workers_and_chunks(
    raw, data, spm, tmp_path, monkeypatch
):
    encoded = []
    encode = QuestionEncoder.encode_contexts

    def noting(encoder, texts):
        encoded.extend(texts)
        return encode(encoder, texts)

    monkeypatch.setattr(QuestionEncoder, "encode_contexts", noting)
    preprocess(raw, spm, tmp_path / "one", "--workers=1", "--target-langs=en")
    splits = ("train", "dev", "test")
    passages = {row["context"] for split in splits for row in data[split, "en"]}
    assert sorted(encoded) == sorted(passages)
    preprocess(raw, spm, tmp_path / "all", "--workers=1")
    monkeypatch.setattr("fairseq_xling.preprocessing.binarize.CHUNK_ROWS", 7)
    preprocess(raw, spm, tmp_path / "four", "--workers=4")
    assert digest(tmp_path / "all") == digest(tmp_path / "four")


def test_mlqas_own_test_files_are_read(raw, data, spm, tmp_path):
    for lang in ("en", "de"):
        name = f"mlqa/MLQA_V1/test/test-context-{lang}-question-{lang}.json"
        write_questions(raw / name, data["test", lang])
    name = "mlqa/translate-test/mlqa.translate.test.de-en.json"
    write_questions(raw / name, data["test", "de", "en"])
    manifest = preprocess(raw, spm, tmp_path / "bin", task="mlqa")
    assert set(manifest.splits["test"]) == {"en", "de"}
    check(spm, tmp_path / "bin", "test", "de", data["test", "de"], FULL)
    check(spm, tmp_path / "bin", "test", "de", data["test", "de", "en"], ["source"])


def test_counterparts_are_found_by_id(raw, data, spm, tmp_path, capfd):
    german = data["train", "de"]
    by_id = {row["id"]: row for row in data["train", "en"]}
    back = {row["id"]: row for row in data["train", "de", "en"]}
    del back[german[4]["id"]]
    german[7]["id"] = "nobody"
    write_questions(raw / TRAINED, german[::-1])
    write_questions(raw / BACK, sorted(back.values(), key=itemgetter("question")))
    folder = tmp_path / "bin"
    preprocess(raw, spm, folder, "--target-langs=de")
    check(spm, folder, "train", "de", german[::-1], TRAIN)
    source = [by_id.get(row["id"]) for row in german[::-1]]
    assert source.count(None) == 1
    check(spm, folder, "train", "de", source, SOURCE)
    found = [back.get(row["id"]) for row in german[::-1]]
    assert found.count(None) == 2
    check(spm, folder, "train", "de", found, ["backtranslation"])
    log = capfd.readouterr().err
    assert "train.de: 30 rows, 1 without source, 2 without backtranslation" in log


def test_training_questions_whose_answer_is_lost_are_left_out(
    raw, data, spm, tmp_path, capfd
):
    german, english = data["train", "de"], data["train", "en"]
    for i in (2, 3, 11):
        german[i] = without_answer(german[i])
    german[20]["context"] += " \u200b"
    german[20]["answers"] = [answer("\u200b", len(german[20]["context"]) - 1)]
    write_questions(raw / TRAINED, german)
    test = data["test", "de"]
    test[5] = without_answer(test[5])
    write_questions(raw / TEST, test)
    folder = tmp_path / "bin"
    manifest = preprocess(raw, spm, folder)
    kept = [i for i in range(30) if i not in (2, 3, 11, 20)]
    assert manifest.splits["train"]["de"].rows == 26
    check(spm, folder, "train", "de", [german[i] for i in kept], TRAIN)
    check(spm, folder, "train", "de", [english[i] for i in kept], SOURCE)
    back = [data["train", "de", "en"][i] for i in kept]
    check(spm, folder, "train", "de", back, ["backtranslation"])
    # Evaluation keeps every question.
    check(spm, folder, "test", "de", test, FULL)
    assert examples(folder, "test", "de")[5]["answers"] == []
    log = capfd.readouterr().err
    assert "train.de: 26 rows, 4 whose answer is lost, left out" in log
    assert "train.de: 26 rows, but train.en has 30" in log


def test_source_without_an_answer_has_an_empty_span(raw, data, spm, tmp_path):
    english = data["train", "en"]
    english[1] = without_answer(english[1])
    write_questions(raw / TRAIN_FILE, english)
    folder = tmp_path / "bin"
    manifest = preprocess(raw, spm, folder)
    check(spm, folder, "train", "de", english, SOURCE)
    assert stream(folder, "train", "de", "source_span")[1] == []
    assert manifest.splits["train"]["en"].rows == 29
    assert manifest.splits["train"]["de"].rows == 30


def test_test_questions_without_answers_have_no_spans(raw, data, spm, tmp_path):
    bare = list(map(without_answer, data["test", "de"]))
    write_questions(raw / TEST, bare)
    manifest = preprocess(raw, spm, tmp_path / "bin")
    streams = ["input", "context_length", "offsets", "source"]
    assert manifest.splits["test"]["de"].streams == streams


def test_answers_that_are_not_used_may_stand_anywhere(raw, data, spm, tmp_path):
    preprocess(raw, spm, tmp_path / "plain")
    for split in ("train", "dev", "test"):
        rows = [
            {**x, "answers": [answer("nowhere", 5)]} for x in data[split, "de", "en"]
        ]
        write_questions(raw / question_file(split, "de", "en"), rows)
    preprocess(raw, spm, tmp_path / "moved")
    assert digest(tmp_path / "plain") == digest(tmp_path / "moved")


def test_misplaced_answers_are_left_out_when_told_and_counted(
    raw, data, spm, tmp_path, capfd
):
    german = data["train", "de"]
    german[8]["answers"][0]["answer_start"] += 1
    write_questions(raw / TRAINED, german)
    test = data["test", "de"]
    test[2]["answers"][0]["answer_start"] = 10**6
    write_questions(raw / TEST, test)
    with refused(f"question {german[8]['id']}: the answer .*--skip"):
        preprocess(raw, spm, tmp_path / "bin")
    preprocess(raw, spm, tmp_path / "bin", "--skip-misplaced-answers")
    kept = german[:8] + german[9:]
    check(spm, tmp_path / "bin", "train", "de", kept, TRAIN)
    test[2] = without_answer(test[2])
    check(spm, tmp_path / "bin", "test", "de", test, FULL)
    log = capfd.readouterr().err
    assert "train.de: 29 rows, 1 whose answer is lost, left out" in log
    assert "test.de: 12 rows, 1 answers not where the file says, left out" in log


def test_labelled_target_questions_become_the_supervised_split(
    raw, data, spm, tmp_path
):
    write_questions(raw / "squad/train-de.json", data["test", "de"])
    manifest = preprocess(raw, spm, tmp_path / "bin")
    assert manifest.splits["supervised"]["de"].streams == list(filter(None, TRAIN))
    check(spm, tmp_path / "bin", "supervised", "de", data["test", "de"], TRAIN)


def test_held_out_questions_are_the_dev_set_in_every_language(raw, data, spm, tmp_path):
    for lang in ("en", "de", "zh"):
        (raw / question_file("dev", lang)).unlink()
    # Of Chinese, only the beginning is translated.
    write_questions(raw / question_file("train", "zh"), data["train", "zh"][:9])
    folder = tmp_path / "bin"
    manifest = preprocess(raw, spm, folder, "--held-out=0.25")
    # The last quarter of 30 questions begins with question 22 (from 0); the passage
    # that this is about has questions 21 to 23.
    cut = 21
    english, german = data["train", "en"], data["train", "de"]
    check(spm, folder, "train", "en", english[:cut], TRAIN)
    check(spm, folder, "train", "de", german[:cut], TRAIN)
    check(spm, folder, "train", "de", english[:cut], SOURCE)
    back = data["train", "de", "en"][:cut]
    check(spm, folder, "train", "de", back, ["backtranslation"])
    check(spm, folder, "valid", "en", english[cut:], FULL)
    check(spm, folder, "valid", "de", german[cut:], FULL)
    check(spm, folder, "valid", "de", english[cut:], ["source"])
    assert set(manifest.splits["valid"]) == {"en", "de"}
    assert manifest.splits["train"]["zh"].rows == 9
    ids = [row["id"] for row in examples(folder, "valid", "de")]
    assert ids == [row["id"] for row in german[cut:]]


def test_tydiqas_file_of_all_languages_is_read_by_language(spm, tmp_path):
    raw, folder = tmp_path / "raw", tmp_path / "bin"
    generator = random.Random(3)
    # The words do not matter here, only the language that an id names.
    drawn = {
        lang: draw(generator, "en", 4, f"{name}-")
        for lang, name in (("en", "english"), ("fi", "finnish"), ("ko", "korean"))
    }
    everything = sum(drawn.values(), [])
    passages = [everything[i : i + 3] for i in range(0, len(everything), 3)]
    generator.shuffle(passages)
    write_questions(raw / TYDIQA_ALL, sum(passages, []))
    test = draw(generator, "en", 2, "finnish-t")
    write_questions(raw / "tydiqa/tydiqa-goldp-v1.1-dev/tydiqa.goldp.fi.dev.json", test)
    translations = translated(generator, "de", drawn["en"])
    order = [x["id"] for x in sum(passages, []) if x["id"].startswith("english")]
    name = "tydiqa/translate-train/tydiqa.translate.train.en-fi.json"
    write_questions(raw / name, translations)
    manifest = preprocess(raw, spm, folder, task="tydiqa")
    assert manifest.languages == ["en", "fi", "ko"]
    assert manifest.splits["supervised"].keys() == {"fi", "ko"}
    by_id = {row["id"]: row for row in everything}
    english = [by_id[question_id] for question_id in order]
    check(spm, folder, "train", "en", english, TRAIN)
    check(spm, folder, "train", "fi", translations, TRAIN)
    check(spm, folder, "train", "fi", drawn["en"], SOURCE)
    for lang, name in (("fi", "finnish"), ("ko", "korean")):
        rows = [row for row in sum(passages, []) if row["id"].startswith(name)]
        check(spm, folder, "supervised", lang, rows, TRAIN)
    check(spm, folder, "test", "fi", test, FULL)


def test_rows_without_question_or_passage_are_left_out(raw, data, spm, tmp_path, capfd):
    rows = data["train", "de"]
    rows[4]["question"] = " "
    back = data["train", "de", "en"]
    back[6]["question"] = ""
    write_questions(raw / TRAINED, rows)
    write_questions(raw / BACK, back)
    preprocess(raw, spm, tmp_path / "bin")
    back[6] = None
    del back[4]
    check(spm, tmp_path / "bin", "train", "de", back, ["backtranslation"])
    log = capfd.readouterr().err
    assert ", 1 without question or passage, left out" in log


def test_questions_to_be_judged_by_are_not_left_out(raw, data, spm, tmp_path):
    rows = data["test", "de"]
    rows[4]["question"] = " "
    write_questions(raw / TEST, rows)
    with refused("question .*: empty question or context"):
        preprocess(raw, spm, tmp_path / "bin")
    assert not (tmp_path / "bin").exists()


def edit(change):
    """Change the first paragraph of a file."""

    def spoil(path):
        content = json.loads(path.read_text(encoding="utf-8"))
        change(content["data"][0]["paragraphs"][0])
        path.write_text(json.dumps(content, indent=1), encoding="utf-8")

    return spoil


def replace_content(content):
    return lambda path: path.write_text(json.dumps(content))


def cut(path):
    text = path.read_bytes()
    path.write_bytes(text[: len(text) // 2])


def drop_answers(path):
    content = json.loads(path.read_text(encoding="utf-8"))
    for paragraph in content["data"][0]["paragraphs"]:
        for entry in paragraph["qas"]:
            entry["answers"] = []
    path.write_text(json.dumps(content))


def spoil_utf8(path):
    path.write_bytes(path.read_bytes().replace(b'"context": "', b'"context": "\xff', 1))


def repeat_id(paragraph):
    paragraph["qas"][2]["id"] = paragraph["qas"][0]["id"]


def move_answer(paragraph):
    paragraph["qas"][1]["answers"][0]["answer_start"] += 1


NOT_JSON = r", line \d+: not JSON \(.*\); the file may be cut off, fetch it again"
REPEATED = (
    edit(repeat_id),
    r": question id \w+0-0 occurs twice \(questions 1 and 3\); give",
)
UNANSWERED = (drop_answers, ": no question has an answer, which training needs; give")
# Of each file some; all that may be wrong in one is tested where files are read.
SPOILT = {
    TRAIN_FILE: [
        REPEATED,
        UNANSWERED,
        (
            edit(move_answer),
            ", question train0-1: the answer .* does not stand at char.*mend answer_st",
        ),
        (lambda p: p.unlink(), ": not found; it must"),
    ],
    TRAINED: [
        (cut, NOT_JSON),
        UNANSWERED,
        (edit(move_answer), ", question train0-1: the answer .*--skip-misplaced-answ"),
        (
            replace_content([{"context": "x"}]),
            ", line 1: no list of articles under 'data'; the file mu",
        ),
    ],
    BACK: [REPEATED],
    DEV: [(cut, NOT_JSON)],
    question_file("test", "de", "en"): [REPEATED],
    TEST: [
        (edit(move_answer), ", question test0-1: the answer"),
        (lambda p: p.write_bytes(b""), NOT_JSON),
        (
            edit(lambda p: p.pop("context")),
            ", article 1, paragraph 1: no text 'context'; the file must",
        ),
        (replace_content({"data": []}), ": has no questions; give it some, or remove"),
    ],
    question_file("test", "zh"): [
        (spoil_utf8, r", line \d+: not UTF-8 \(byte \d+ of the file\); convert"),
    ],
}


@pytest.mark.parametrize("file, spoil, message", spoilt(SPOILT))
def test_bad_input_is_one_line_and_leaves_nothing(
    raw, spm, tmp_path, file, spoil, message
):
    spoil(raw / file)
    check_refused("xquad", raw, spm, tmp_path, message)


@pytest.mark.parametrize(
    "option, message",
    [
        (
            "--held-out=0.1",
            r"--held-out 0.1: .*raw has dev files; leave the option out",
        ),
        ("--held-out=1", r"--held-out 1.0: give a share from 0 to below 1"),
        ("--held-out=-0.5", r"--held-out -0.5: give a share from 0 to below 1"),
        ("--held-out=nan", r"--held-out nan: give a share from 0 to below 1"),
    ],
)
def test_wrong_option_is_one_line_and_leaves_nothing(
    raw, spm, tmp_path, option, message
):
    check_refused("xquad", raw, spm, tmp_path, message, option)


@pytest.mark.parametrize("share", [0.95, 1e-9, 1e-17])
def test_held_out_share_leaves_something_on_both_sides(raw, spm, tmp_path, share):
    for lang in ("en", "de", "zh"):
        (raw / question_file("dev", lang)).unlink()
    if share == 0.95:
        message = (
            r"--held-out 0.95: no passage of .*train-v1.1.json is left to train on"
        )
        with refused(message):
            preprocess(raw, spm, tmp_path / "bin", f"--held-out={share}")
    else:
        manifest = preprocess(raw, spm, tmp_path / "bin", f"--held-out={share}")
        assert manifest.splits["valid"]["en"].rows == 3
        assert manifest.splits["train"]["en"].rows == 27
