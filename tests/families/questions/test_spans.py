"""The best answers against an exhaustive search over all spans of all windows."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from naive_losses import naive_windows

from fairseq_xling.families.questions.answers import (
    WindowScores,
    best_answers,
    most_context,
)


def passage(words):
    """A text of words, one token each; an empty word is a token without characters."""
    text, offsets = "", []
    for word in words:
        text += " " if text and word else ""
        offsets.append((len(text), len(text) + len(word)))
        text += word
    return text, np.array(offsets, np.int64).reshape(-1, 2)


def naive_owner(windows, token):
    """The window in which the token stands furthest from both ends, as BERT has it."""
    best = None
    for number, (begin, end) in enumerate(windows):
        if not begin <= token < end:
            continue
        before, after = token - begin, end - 1 - token
        score = 100 * min(before, after) + (end - begin)
        if best is None or score > best[0]:
            best = (score, number)
    return best[1]


def naive_answers(windows, context, offsets, count, max_length):
    bounds = [(w.begin, w.begin + len(w.scores)) for w in windows]
    spans = []
    for number, window in enumerate(windows):
        scores = window.scores.tolist()
        for i in range(len(scores)):
            if naive_owner(bounds, window.begin + i) != number:
                continue
            for j in range(i, len(scores)):
                if j - i + 1 <= max_length:
                    first, last = window.begin + i, window.begin + j
                    spans.append((-(scores[i][0] + scores[j][1]), first, last))
    answers = []
    for score, first, last in sorted(spans):
        begin, end = offsets[first][0], offsets[last][1]
        while begin < end and context[begin].isspace():
            begin += 1
        while begin < end and context[end - 1].isspace():
            end -= 1
        text = context[begin:end]
        if text and text not in [answer[1] for answer in answers]:
            answers.append((-score, text, begin, end))
    answers = answers[:count]
    if not answers:
        return [("", 0, 0, 1.0)]
    total = sum(math.exp(answer[0] - answers[0][0]) for answer in answers)
    return [(*a[1:], math.exp(a[0] - answers[0][0]) / total) for a in answers]


@st.composite
def problems(draw):
    # Few different words and scores, so that texts repeat and scores are the same.
    words = draw(st.lists(st.sampled_from(["a", "b", "", "ab", "c"]), max_size=25))
    capacity = draw(st.integers(2, 25))
    bounds = naive_windows(len(words), capacity, draw(st.integers(1, capacity)))
    generator = np.random.default_rng(draw(st.integers(0, 10**6)))
    precision = draw(st.sampled_from([0, 6]))
    windows = [
        WindowScores(
            begin, generator.normal(size=(end - begin, 2)).round(precision) * 3
        )
        for begin, end in bounds
    ]
    count, max_length = draw(st.integers(1, 20)), draw(st.integers(1, 30))
    return windows, *passage(words), count, max_length


@given(problem=problems())
@settings(max_examples=300)
def test_best_answers_are_those_of_an_exhaustive_search(problem):
    got, want = best_answers(*problem), naive_answers(*problem)
    assert [answer[:3] for answer in got] == [answer[:3] for answer in want]
    assert [a.probability for a in got] == pytest.approx([a[3] for a in want], rel=1e-5)


@given(problem=problems())
def test_answers_are_different_texts_of_the_passage_best_first(problem):
    windows, context, offsets, count, max_length = problem
    answers = best_answers(*problem)
    texts = [answer.text for answer in answers]
    assert 1 <= len(answers) <= count and len(set(texts)) == len(texts)
    assert sum(answer.probability for answer in answers) == pytest.approx(1)
    found = [answer.probability for answer in answers]
    assert found == sorted(found, reverse=True)
    for answer in answers:
        assert context[answer.begin : answer.end] == answer.text == answer.text.strip()


def scores(*pairs):
    return np.array(pairs, float)


def test_span_of_the_best_first_and_last_token_wins():
    context, offsets = passage("the big dog runs".split())
    window = WindowScores(0, scores((0, 0), (5, 0), (1, 4), (0, 1)))
    [best, second] = best_answers([window], context, offsets, count=2)
    assert best[:3] == ("big dog", 4, 11) and second.text == "big dog runs"
    assert best.probability == pytest.approx(1 / (1 + math.exp(-3)))


def test_last_token_never_stands_before_the_first_and_answers_are_not_too_long():
    context, offsets = passage("a b c d".split())
    window = WindowScores(0, scores((0, 8), (0, 0), (5, 0), (0, 4)))
    assert best_answers([window], context, offsets)[0].text == "c d"
    assert best_answers([window], context, offsets, max_length=1)[0].text == "a"


def test_spans_begin_in_the_window_with_most_context_around_their_first_token():
    context, offsets = passage("a b c d e f".split())
    # The third token is not the second window's own, nor the fourth the first's.
    windows = [
        WindowScores(0, scores((0, 0), (0, 0), (0, 0), (9, 0))),
        WindowScores(2, scores((9, 0), (0, 0), (1, 1), (0, 0))),
    ]
    assert best_answers(windows, context, offsets)[0].text == "e"


def test_same_text_elsewhere_is_listed_once_with_its_best_score():
    context, offsets = passage("x y x".split())
    window = WindowScores(0, scores((1, 1), (0, 0), (2, 2)))
    answers = best_answers([window], context, offsets, max_length=1)
    assert [answer[:3] for answer in answers] == [("x", 4, 5), ("y", 2, 3)]


def test_many_equal_texts_do_not_push_other_answers_out():
    context, offsets = passage(["x"] * 200 + ["y"])
    window = WindowScores(0, scores(*[(1, 1)] * 200, (0, 0)))
    answers = best_answers([window], context, offsets, count=2, max_length=1)
    assert [answer.text for answer in answers] == ["x", "y"]


def test_tokens_without_characters_are_no_answers_however_many():
    context, offsets = passage([""] * 200 + ["y"])
    window = WindowScores(0, scores(*[(1, 1)] * 200, (0, 0)))
    assert best_answers([window], context, offsets, 2, 1)[0].text == "y"


def test_white_space_around_an_answer_does_not_belong_to_it():
    # The second token begins with the blank before it.
    offsets = np.array([(0, 1), (1, 4), (4, 5)])
    window = WindowScores(0, scores((0, 0), (3, 0), (0, 3)))
    assert best_answers([window], "a  b c", offsets)[0][:3] == ("b", 3, 4)


@pytest.mark.parametrize("words", [[], ["", "", ""]])
def test_where_no_span_is_left_the_answer_is_the_empty_text(words):
    context, offsets = passage(words)
    window = WindowScores(0, np.ones((len(words), 2)))
    assert best_answers([window], context, offsets) == [("", 0, 0, 1.0)]


def test_scores_that_are_no_numbers_give_a_probability_that_is_none():
    context, offsets = passage("a b".split())
    for bad in (float("nan"), float("inf")):
        window = WindowScores(0, scores((0, 0), (bad, 0)))
        [answer] = best_answers([window], context, offsets)
        assert answer.text == "" and math.isnan(answer.probability)


@given(
    length=st.integers(1, 400),
    capacity=st.integers(1, 200),
    share=st.floats(0.05, 1),
)
@settings(max_examples=60)
def test_window_with_most_context_is_that_of_loops(length, capacity, share):
    windows = naive_windows(length, capacity, max(1, int(capacity * share)))
    want = [naive_owner(windows, token) for token in range(length)]
    assert most_context(windows).tolist() == want


def test_length_of_a_window_counts_a_hundredth_of_a_token_of_context():
    # The same context: the longer window.
    assert most_context([(0, 7), (4, 20)])[5] == 1
    # One token more in the second, which is less than 100 shorter.
    assert most_context([(0, 110), (100, 125)])[105] == 1
    # The same, but it is 125 shorter.
    assert most_context([(0, 150), (140, 165)])[145] == 0
