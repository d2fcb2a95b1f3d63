"""Reading questions: answers that stand elsewhere, ids, languages, and bad files."""

import json

import pytest
from refusals import refused

from fairseq_xling.families.questions.raw import (
    QuestionFile,
    read_questions,
    shorten,
    stands_in,
)

CONTEXT = "Ana was born in Málaga. 😀 She died there."


def entry(question_id, *answers, question="Where?"):
    answers = [{"text": text, "answer_start": start} for text, start in answers]
    return {"id": question_id, "question": question, "answers": answers}


def squad(*paragraphs):
    """One article a paragraph; a paragraph is a passage and its questions."""
    articles = [
        {"title": "t", "paragraphs": [{"context": context, "qas": list(entries)}]}
        for context, *entries in paragraphs
    ]
    return {"version": "1.1", "data": articles}


def write(path, content, **options):
    path.write_text(json.dumps(content, **options), encoding="utf-8")
    return path


def test_questions_come_in_order_with_passages_and_answers(tmp_path):
    paragraphs = [
        (CONTEXT, entry("a", ("Málaga", 16), ("She", 26)), entry("b")),
        ("Other.", entry("c", ("Other", 0))),
    ]
    for ascii_only in (True, False):
        path = write(tmp_path / "a.json", squad(*paragraphs), ensure_ascii=ascii_only)
        file = QuestionFile([path, path])
        assert [
            (row.id, row.context, row.answers, row.line) for row in file.rows()
        ] == [
            ("a", CONTEXT, [("Málaga", 16), ("She", 26)], 1),
            ("b", CONTEXT, [], 2),
            ("c", "Other.", [("Other", 0)], 3),
            ("a", CONTEXT, [("Málaga", 16), ("She", 26)], 4),
            ("b", CONTEXT, [], 5),
            ("c", "Other.", [("Other", 0)], 6),
        ]
        assert file.has_labels and file.has_ids


def test_file_without_answers_has_no_labels(tmp_path):
    content = squad((CONTEXT, entry("a"), {"id": 7, "question": "x"}))
    file = QuestionFile([write(tmp_path / "a.json", content)])
    assert not file.has_labels
    assert [row.id for row in file.rows()] == ["a", "7"]


def test_rows_without_question_or_passage_are_not_whole(tmp_path):
    content = squad((CONTEXT, entry("a"), entry("b", question=" ")), ("\n", entry("c")))
    rows = QuestionFile([write(tmp_path / "a.json", content)]).rows()
    assert [row.is_whole for row in rows] == [True, False, False]


@pytest.mark.parametrize("start", [15, 17, -1, -26, 1000])
def test_misplaced_answer_is_refused_or_left_out_and_counted(tmp_path, start):
    entries = [entry("a", ("Ana", 0), ("Málaga", start), ("", 5)), entry("b")]
    path = write(tmp_path / "a.json", squad((CONTEXT, *entries)))
    message = (
        rf"a.json, question a: the answer 'Málaga' does not stand at .* {start} of"
    )
    with refused(message + ".*--skip-misplaced-answers"):
        list(QuestionFile([path]).rows())
    rows = list(QuestionFile([path], skip_misplaced=True).rows())
    assert [(row.answers, row.misplaced) for row in rows] == [
        ([("Ana", 0)], 1),
        ([], 0),
    ]


def test_answers_that_are_not_read_may_stand_anywhere(tmp_path):
    content = squad((CONTEXT, entry("a", ("Nobody", 3)), entry("b", ("x", None))))
    file = QuestionFile([write(tmp_path / "a.json", content)])
    file.reads_answers = False
    assert [(row.id, row.answers) for row in file.rows()] == [("a", []), ("b", [])]


def test_only_questions_of_the_language_are_read_and_checked(tmp_path):
    content = squad((CONTEXT, entry("fi-1", ("x", 0)), entry("en-1", ("Ana", 0))))
    path = write(tmp_path / "a.json", content)
    file = QuestionFile([path], lambda question_id: question_id.startswith("en-"))
    assert [(row.id, row.line) for row in file.rows()] == [("en-1", 1)]
    index = file.index()
    assert file.row_at(*index.find("en-1")).id == "en-1"
    assert index.find("fi-1") is None


def test_subsets_of_a_file_are_read_and_looked_up_by_their_own_places(tmp_path):
    entries = [entry(name) for name in "abcdef"]
    file = QuestionFile([write(tmp_path / "a.json", squad((CONTEXT, *entries)))])
    ids = frozenset("be")
    inside, outside = file.only(ids.__contains__), file.only(lambda x: x not in ids)
    assert [row.id for row in inside.rows()] == ["b", "e"]
    assert [row.id for row in outside.rows()] == ["a", "c", "d", "f"]
    for subset in (inside, outside):
        index = subset.index()
        for row in subset.rows():
            assert subset.row_at(*index.find(row.id)) == row


def broken(change):
    content = squad((CONTEXT, entry("a"), entry("b", ("Ana", 0))))
    change(content["data"][0]["paragraphs"][0])
    return content


@pytest.mark.parametrize(
    "content, message",
    [
        ([], "line 1: no list of articles under 'data'"),
        ({"data": {}}, "line 1: no list of articles under 'data'"),
        ({"data": ["x"]}, "article 1: no list 'paragraphs'"),
        ({"data": [{"context": "x"}]}, "article 1: no list 'paragraphs'"),
        (broken(lambda p: p.pop("context")), "paragraph 1: no text 'context'"),
        (broken(lambda p: p.update(context=[])), "paragraph 1: no text 'context'"),
        (broken(lambda p: p.pop("qas")), "article 1, paragraph 1: no list 'qas'"),
        (broken(lambda p: p["qas"][1].pop("id")), "question 2: no text 'id'"),
        (broken(lambda p: p["qas"].insert(0, 3)), "question 1: no text 'id'"),
        (
            broken(lambda p: p["qas"][0].update(question=None)),
            "article 1, paragraph 1, question 1: no text 'question'",
        ),
        # As the data sets library of Hugging Face has it.
        (
            broken(lambda p: p["qas"][0].update(answers={"text": ["Ana"]})),
            "question 1: no list 'answers'",
        ),
        (
            broken(lambda p: p["qas"][1]["answers"][0].pop("text")),
            "question 2: no text 'text'",
        ),
        (
            broken(lambda p: p["qas"][1]["answers"][0].update(answer_start="0")),
            "question 2: no number 'answer_start'",
        ),
        (
            broken(lambda p: p.update(context="\ud83d")),
            r"paragraph 1: half a character \(a lone surrogate\) in 'context'",
        ),
    ],
)
def test_json_of_another_shape_is_refused_by_place(tmp_path, content, message):
    path = write(tmp_path / "a.json", content)
    with refused(f"a.json, .*{message}.*SQuAD 1.1"):
        list(read_questions(path))


def test_json_cut_anywhere_is_refused(tmp_path):
    text = json.dumps(squad((CONTEXT, entry("a", ("Ana", 0)))), indent=1)
    path = tmp_path / "a.json"
    for end in range(0, len(text) - 1, 7):
        path.write_text(text[:end])
        with refused(r"a.json, line \d+: not JSON .*cut off"):
            list(read_questions(path))


def test_place_of_an_answer_and_its_beginning_in_messages():
    assert stands_in("abc", "bc", 1)
    assert not stands_in("abc", "bc", -2) and not stands_in("abc", "bcd", 1)
    assert shorten("x" * 40) == "x" * 40
    assert shorten("x" * 41) == "x" * 37 + "..."


FLAT = [
    {
        "id": str(number),
        "question": "Where?",
        "context": CONTEXT,
        "answers": {"text": ["Málaga"], "answer_start": [16]} if number else {},
    }
    for number in range(3)
]


@pytest.mark.parametrize("count", [1, 3])
def test_json_lines_are_read(tmp_path, count):
    path = tmp_path / "train-v1.1.json"
    path.write_text("".join(json.dumps(one) + "\n" for one in FLAT[:count]))
    answers = [[], [("Málaga", 16)], [("Málaga", 16)]]
    want = [(str(n), "Where?", CONTEXT, answers[n]) for n in range(count)]
    assert list(read_questions(path)) == want


@pytest.mark.parametrize(
    "line, said",
    [
        ("{oops", "line 3: not JSON"),
        ('{"id": "b"}', "question 3: no text 'question'"),
        (
            json.dumps({**FLAT[1], "answers": {"text": ["a"], "answer_start": []}}),
            "question 3: not as many 'answer_start' as 'text'",
        ),
    ],
)
def test_wrong_json_lines_are_refused_by_their_number(tmp_path, line, said):
    path = tmp_path / "train-v1.1.json"
    lines = [json.dumps(one) for one in FLAT[:2]]
    path.write_text("\n".join([*lines, line]))
    with refused(said):
        list(read_questions(path))
