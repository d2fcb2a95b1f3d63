"""Which characters each token covers, and answers found through tokens."""

import random
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from fairseq.data import Dictionary
from hypothesis import given, settings
from hypothesis import strategies as st
from question_data import covered_text
from small_spm import train_spm

from fairseq_xling.families.questions.encode import (
    QuestionEncoder,
    token_span,
)
from fairseq_xling.families.questions.raw import Question

SCRIPTS = {
    "latin": "the Dog was born in 1998, Málaga größer Đồng",
    "greek": "ο σκύλος γεννήθηκε στην Αθήνα",
    "cyrillic": "собака родилась в Москве",
    "arabic": "وُلد الكلب في القاهرة",
    "hebrew": "הכלב נולד בירושלים",
    "devanagari": "कुत्ता दिल्ली में पैदा हुआ",
    "bengali": "কুকুর ঢাকায় জন্মেছে",
    "telugu": "కుక్క హైదరాబాద్ లో",
    "thai": "สุนัข เกิดที่ กรุงเทพ น้ำ",
    "hangul": "개가 서울에서 태어났다",
    "han": "狗 出生 在 北京",
    "kana": "いぬ は トウキョウ で",
    "georgian": "ძაღლი თბილისში დაიბადა",
    "amharic": "ውሻ በአዲስ አበባ",
}
# Normalisation changes these in number of characters, or leaves nothing of them.
CHANGED = [
    "１２３",  # full-width digits
    "ﬁsh oﬀer",  # ligatures
    "2½",
    "น้ำ",  # sara am comes apart, around the tone mark
    "ﻼ ﷺ",  # Arabic presentation forms: one character becomes two, eighteen
    "Ma\u0301laga M\u00e1laga",  # decomposed and composed
    "\u1112\u1161\u11ab 한",  # jamo that become one syllable
    "zero\u200bwidth \u200bin\u200b front\u200b \u200b",
    "non\u200cjoiner \ufeffmark",
    "a\u00b4b",  # an accent by itself becomes a space and a mark
    "run   of    spaces",
    "two\nlines \n\n and\ttabs\u00a0and\u3000more",
    "next\x85line\x85 \x85",  # white space to Python, but not to SentencePiece
    "😀 👩\u200d👧 🇩🇪",
    "① ㍿ Å ™",
    "\u200b",
]


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> SimpleNamespace:
    """A model of all these scripts, with pieces of several characters."""
    folder = Path(tmp_path_factory.mktemp("scripts"))
    generator = random.Random(0)
    words = [text.split() for text in SCRIPTS.values()]
    lines = [
        " ".join(generator.choices(generator.choice(words), k=6)) for _ in range(3000)
    ]
    trained = train_spm(folder, lines, 400)
    dictionary = Dictionary.load(trained.dictionary)
    return SimpleNamespace(
        processor=trained.processor,
        dictionary=dictionary,
        path=trained.model,
        encoder=QuestionEncoder(trained.model, dictionary),
    )


def survives(model, character) -> bool:
    return bool(model.processor.encode(character))


def left_of(model, text) -> str:
    """The characters that normalisation leaves something of."""
    return "".join(c for c in text if not c.isspace() and survives(model, c))


def check_characters(model, text):
    """What must hold of the characters of every passage's tokens."""
    [context] = model.encoder.encode_contexts([text])
    pieces = model.processor.encode(text, out_type=str)
    ids = [model.dictionary.index(piece) for piece in pieces]
    assert context.ids.tolist() == ids
    assert len(context.begins) == len(context.ends) == len(ids)
    covered = set()
    before = (0, 0)
    for begin, end in zip(context.begins.tolist(), context.ends.tolist()):
        assert 0 <= begin <= end <= len(text)
        assert before <= (begin, end) and before[1] <= end
        assert before[1] <= begin  # nothing is covered twice
        before = (begin, end)
        if begin < end:
            assert not text[begin].isspace() and survives(model, text[begin])
        covered.update(range(begin, end))
    lost = [c for i, c in enumerate(text) if i not in covered]
    assert left_of(model, "".join(lost)) == ""


@pytest.mark.parametrize("text", [*SCRIPTS.values(), *CHANGED])
def test_characters_of_every_script_are_covered_in_order(model, text):
    for variant in (text, f"  {text} ", f"{text}\n{text}", text.upper(), text[::-1]):
        check_characters(model, variant)


ANY_TEXT = st.lists(
    st.one_of(
        st.sampled_from([*" \n\u00a0\u200b", *SCRIPTS.values(), *CHANGED]),
        st.sampled_from("".join([*SCRIPTS.values(), *CHANGED])),
        st.characters(exclude_categories=("Cs",)),
    ),
    max_size=12,
).map("".join)


@given(text=ANY_TEXT)
@settings(max_examples=300)
def test_characters_of_any_text_are_covered_in_order(model, text):
    check_characters(model, text)


@pytest.mark.parametrize(
    "text, covered",
    [
        ("  a \n b ", ["a", "b"]),
        ("x ½", ["x", "½"]),
        ("ﬁsh", ["ﬁ", "s", "h"]),
        ("zz\u200b zz", ["z", "z", "z", "z"]),
    ],
)
def test_white_space_and_what_is_left_out_belongs_to_no_token(model, text, covered):
    [context] = model.encoder.encode_contexts([text])
    ranges = zip(context.begins, context.ends)
    # The model knows few Latin words, so that most characters are pieces.
    joined = "".join(text[begin:end] for begin, end in ranges)
    assert joined == "".join(covered)


def naive_span(context, start, end):
    """First and last token with a character of the answer."""
    hit = [
        i
        for i, (begin, stop) in enumerate(zip(context.begins, context.ends))
        if any(start <= place < end for place in range(begin, stop))
    ]
    return (hit[0], hit[-1]) if hit else ()


@given(text=ANY_TEXT.filter(bool), places=st.tuples(st.integers(0), st.integers(0)))
@settings(max_examples=200)
def test_span_is_the_first_and_last_token_of_the_answer(model, text, places):
    [context] = model.encoder.encode_contexts([text])
    start, end = sorted(place % (len(text) + 1) for place in places)
    want = naive_span(context, start, end)
    found = token_span(context, start, end)
    assert found == want
    if want:
        given = covered_text(text, context, *found)
        assert given in text
        assert left_of(model, text[start:end]) in left_of(model, given)
    else:
        assert not left_of(model, text[start:end])


WORD = st.one_of(
    st.sampled_from([word for text in SCRIPTS.values() for word in text.split()]),
    st.sampled_from([word for text in CHANGED for word in text.split()]),
)
SPACE = st.sampled_from([" ", "  ", "\n", " \n ", "\t", "\u00a0", "\u3000 "])


@given(words=st.lists(st.tuples(WORD, SPACE), min_size=1, max_size=12), data=st.data())
@settings(max_examples=400)
def test_answer_of_whole_words_is_given_back(model, words, data):
    text, places = "", []
    for word, space in words:
        places.append((len(text), len(text) + len(word)))
        text += word + space
    first = data.draw(st.integers(0, len(words) - 1))
    last = data.draw(st.integers(first, len(words) - 1))
    start, end = places[first][0], places[last][1]
    [context] = model.encoder.encode_contexts([text])
    answer = text[start:end]
    if not left_of(model, answer):
        return
    found = covered_text(text, context, *token_span(context, start, end))
    if survives(model, answer[0]) and survives(model, answer[-1]):
        assert found == answer
    else:  # zero-width characters at the ends may be lost
        gone = "".join(c for c in answer if not survives(model, c))
        assert found.strip(gone) == answer.strip(gone)


def question(context, *answers, question_id="q", asked="the Dog"):
    return Question(question_id, asked, context, list(answers), 1, Path("x"))


def encode(encoder, rows):
    """Tokens, the answer's place and the passage's characters of each row."""
    found = encoder.encode({"input": rows}, ["input", "span", "offsets"])
    return zip(*(found[name].split() for name in ("input", "span", "offsets")))


def test_sequence_is_question_and_passage_with_the_first_answers_place(model):
    context = "the Dog was born in Málaga"
    row = question(context, ("Málaga", 20), ("Dog", 4))
    rows = {"input": [question(context), row, row], "source": [row, None, row]}
    names = ["source", "source_span", "span", "offsets"]
    encoded = model.encoder.encode(rows, names)
    assert list(encoded) == names
    source, none, other = encoded["source"].split()
    assert len(none) == 0 and np.array_equal(source, other)
    assert encoded["span"].lengths.tolist() == [0, 2, 2]
    assert encoded["source_span"].lengths.tolist() == [2, 0, 2]
    (bare, nothing, _), (found, span, _) = encode(model.encoder, rows["input"][:2])
    pieces = model.processor.encode(context, out_type=str)
    ids = [model.dictionary.index(piece) for piece in pieces]
    asked = ids[: len(model.processor.encode("the Dog"))]
    assert source.tolist() == bare.tolist() == found.tolist()
    assert bare.tolist() == [*(0, *asked, 2, 2), *(*ids, 2)]
    assert len(nothing) == 0
    first, last = span - len(asked) - 3
    [passage] = model.encoder.encode_contexts([context])
    assert covered_text(context, passage, first, last) == "Málaga"


def test_answer_that_is_lost_has_no_span(model):
    row = question("the \u200b Dog", ("\u200b", 4))
    [(_, span, _)] = encode(model.encoder, [row])
    assert len(span) == 0


def test_question_that_is_of_no_use_has_no_counterpart(model):
    lost, good = question("the \u200b Dog", ("\u200b", 4)), question("the", ("the", 0))
    rows = {"input": [lost, good], "source": [good, good]}
    streams = model.encoder.encode(rows, ["input", "span", "source", "source_span"])
    assert (streams["source"].lengths > 0).tolist() == [False, True]
    remarks = Counter()
    assert model.encoder.kept(streams, remarks).tolist() == [False, True]
    assert list(remarks.values()) == [1]


def test_passage_without_visible_characters_has_no_tokens(model):
    for text in ("\u200b", "", " "):
        [context] = model.encoder.encode_contexts([text])
        assert [len(part) for part in context] == [0, 0, 0]
        assert token_span(context, 0, len(text)) == ()
    assert list(encode(model.encoder, [])) == []


def test_passage_of_many_questions_is_encoded_once(model, monkeypatch):
    encoded = []
    passages = model.encoder.encode_contexts

    def noting(texts):
        encoded.extend(texts)
        return passages(texts)

    monkeypatch.setattr(model.encoder, "encode_contexts", noting)
    rows = [question(text) for text in ("one", "one", "two", "one", "three", "two")]
    found = encode(model.encoder, rows)
    assert encoded == ["one", "two", "three"]
    for row, (tokens, _, offsets) in zip(rows, found):
        [context] = passages([row.context])
        assert np.array_equal(tokens[-len(context.ids) - 1 : -1], context.ids)
        assert np.array_equal(offsets[::2], context.begins)


def test_number_of_threads_does_not_matter(model):
    texts = [*SCRIPTS.values(), *CHANGED]
    threaded = QuestionEncoder(model.path, model.dictionary, threads=3)
    ours = encode(model.encoder, [question(text) for text in texts])
    theirs = encode(threaded, [question(text) for text in texts])
    for one, other in zip(ours, theirs):
        assert all(map(np.array_equal, one, other))
