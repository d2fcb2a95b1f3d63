"""Marks around parts of sentences, put in and taken out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairseq_xling.families.marks import KINDS, Marks, choose_marks, mark, unmark
from fairseq_xling.families.scripts import join_words

BRACKETS = Marks(*KINDS[0])
WORDS = st.lists(
    st.text("abcdé.,'狗猫ไทย", min_size=1, max_size=4), min_size=1, max_size=6
)


@given(WORDS, st.data())
def test_marks_that_survive_show_what_they_showed(words, data):
    text, spans = join_words(words)
    places = sorted(data.draw(st.sets(st.sampled_from(range(len(words))))))
    parts = [spans[place] for place in places]
    marks = choose_marks(text)
    found = unmark(mark(text, parts, marks), marks, len(parts))
    assert found == (text, parts)


@pytest.mark.parametrize(
    "translation, text, parts",
    [
        ("[ París ] brilla.", "París brilla.", ["París"]),
        ("visitó[ París ]y [ Roma ].", "visitó París y Roma.", ["París", "Roma"]),
        ("[París]'te", "París'te", ["París"]),
        ("他［ 巴黎 ］。", "他巴黎。", ["巴黎"]),
        ("「【東京 】へ", "「東京へ", ["東京"]),
        ("ab[ c ]d", "ab c d", ["c"]),
        ("ab[c]d", "abcd", ["c"]),
    ],
)
def test_spaces_around_marks(translation, text, parts):
    found = unmark(translation, BRACKETS, len(parts))
    assert found.text == text
    assert [text[begin:end] for begin, end in found.spans] == parts


@pytest.mark.parametrize(
    "lost",
    ["París", "[ París", "París ]", "] París [", "[ [ a ] ]", "[ ] a", "[a] [b]"],
)
def test_marks_that_are_lost(lost):
    assert unmark(lost, BRACKETS, 1) is None


def test_marks_that_a_sentence_has_are_not_used():
    assert choose_marks("a [1] b").opening[0] == "{"
    assert choose_marks("a [1] {b}").opening[0] == "<"
    assert choose_marks("x】 }").opening[0] == "<"
    assert choose_marks("[ { <") is None


def test_words_of_scripts_without_spaces_are_joined_without():
    words = ["Er", "mag", "北", "京", "!", "Ja", "ไท", "ย"]
    text, spans = join_words(words)
    assert text == "Er mag北京! Jaไทย"
    assert [text[begin:end] for begin, end in spans] == words
