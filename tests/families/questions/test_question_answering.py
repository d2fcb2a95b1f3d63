"""Answers' scores against transformers (SQuAD) and a naive reading of MLQA's rules."""

import random
import string
import unicodedata

import pytest

from fairseq_xling.families.questions.metric import (
    answer_f1,
    answer_tokens,
    exact_match,
    score_answer,
)

CASES = 400
ARTICLES = {
    "en": "a an the",
    "es": "un una unos unas el la los las",
    "hi": "",
    "vi": "của là cái chiếc những",
    "de": "ein eine einen einem eines einer der die das den dem des",
    "ar": "",
    "zh": "",
}
WORDS = {
    "en": "theatre Another 1,000 A.D. it's an-other Ｆｕｌｌ naïve the2",
    "es": "ELLA él último niño Las-Vegas unas1 la\u0301 ¿qué? «los»",
    "hi": "भारत की राजधानी दिल्ली है। क१ ॥ हिन्दी",
    "vi": "Hà Nội LÀ thủ đô những-người la\u0300 Việt",
    "de": "Straße GROẞ DER-Zug einerseits derselbe ÄRGER „das“",
    "ar": "السلام البال ال و،ال والكتاب كتاب؟ ألمانيا ٣٫٥ مال",
    "zh": "北京 龥 龦 一 㐀 𠀀 中文abc 第1章 ，。 《书》 ア 한국",
}
PIECES = [*string.punctuation, *"。،؟।–—…“”«»·‿€©²", "x", "7", "İ", "ΟΔΟΣ", "É", "_"]
BLANKS = [" ", " ", "  ", "\t", "\n", "\u00a0", "\u3000", "\u200b", ""]


def answer(generator, lang):
    """Words, articles and signs of the language, now and then nothing at all."""
    pieces = WORDS[lang].split() + ARTICLES[lang].split()
    text = ""
    for _ in range(generator.choice([0, 1, 1, 2, 3, 5, 8, 12])):
        if generator.random() < 0.2:
            pieces = [generator.choice(PIECES), *pieces]
        if generator.random() < 0.05:
            pieces = [*pieces, generator.choice(list(WORDS.values()))]
        piece = generator.choice(pieces)
        piece = piece.title() if generator.random() < 0.2 else piece
        text += piece + generator.choice(BLANKS)
    return text


def pairs(lang):
    """Two answers that often have tokens in common, sometimes all."""
    generator = random.Random(f"answers in {lang}")
    for _ in range(CASES):
        gold = answer(generator, lang)
        kind = generator.random()
        if kind < 0.3:
            other = answer(generator, lang)
        elif kind < 0.6:
            other = gold.swapcase() + generator.choice([".", "", " !", "…"])
        else:
            words = gold.split(" ")
            generator.shuffle(words)
            other = " ".join(words[: generator.randint(0, len(words))])
        yield gold, other


def naive_words(text):
    """Runs of word characters and the single characters between them."""
    runs = [""]
    for char in text:
        if char.isalnum() and runs[-1][-1:].isalnum():
            runs[-1] += char
        else:
            runs.append(char)
    return runs


def naive_mlqa_tokens(text, lang):
    kept = ""
    for char in text.lower():
        if unicodedata.category(char)[0] != "P" and char not in string.punctuation:
            kept += char
    if lang == "ar":
        kept = " ".join(kept.split("ال"))
    articles = ARTICLES[lang].split()
    kept = "".join(" " if run in articles else run for run in naive_words(kept))
    tokens = []
    for blank_free in kept.split():
        if lang != "zh":
            tokens.append(blank_free)
            continue
        run = ""
        for char in blank_free:
            if 0x4E00 <= ord(char) <= 0x9FA5:
                tokens += [run, char]
                run = ""
            else:
                run += char
        tokens.append(run)
    return [token for token in tokens if token]


def naive_f1(predicted, gold):
    left = list(gold)
    for token in predicted:
        if token in left:
            left.remove(token)
    common = len(gold) - len(left)
    if not common:
        return 0.0
    precision, recall = common / len(predicted), common / len(gold)
    return 2 * precision * recall / (precision + recall)


@pytest.mark.parametrize("lang", WORDS)
def test_mlqa_scores_equal_the_rules_taken_one_by_one(lang):
    scores = set()
    for gold, prediction in pairs(lang):
        tokens = [naive_mlqa_tokens(text, lang) for text in (prediction, gold)]
        assert answer_tokens(prediction, lang, "mlqa") == tokens[0]
        assert answer_tokens(gold, lang, "mlqa") == tokens[1]
        got = score_answer(prediction, [gold], lang, "mlqa")
        assert got == (tokens[0] == tokens[1], pytest.approx(naive_f1(*tokens)))
        scores.add(got)
    # The cases tell something: right, wrong and many a partly right answer.
    assert {(1, 1), (0, 0), (1, 0)} < scores and len(scores) > 15


@pytest.mark.parametrize("lang", WORDS)
def test_squad_scores_equal_those_of_transformers(lang):
    reason = "transformers 5 has no scores of SQuAD; the tests' extra takes 4, too"
    name = "transformers.data.metrics.squad_metrics"
    squad_metrics = pytest.importorskip(name, reason=reason)
    for gold, prediction in pairs(lang):
        assert " ".join(answer_tokens(gold)) == squad_metrics.normalize_answer(gold)
        want = squad_metrics.compute_exact(gold, prediction)
        assert exact_match(prediction, gold, lang) == want
        if answer_tokens(gold) and answer_tokens(prediction):
            want = squad_metrics.compute_f1(gold, prediction)
            assert answer_f1(prediction, gold, lang) == pytest.approx(want)
        else:  # transformers' is SQuAD 2's there, where an answer may be empty
            assert answer_f1(prediction, gold, lang) == 0


@pytest.mark.parametrize(
    "text, lang, squad, mlqa",
    [
        ("The «theatre», a U.S. one!", "en", "«theatre» us one", "theatre us one"),
        ("El Niño y la niña", "es", "el niño y la niña", "niño y niña"),
        ("Der a-Teil, das", "de", "der ateil das", "ateil"),
        ("Những ngôi nhà của tôi", "vi", "những ngôi nhà của tôi", "ngôi nhà tôi"),
        ("दिल्ली।", "hi", "दिल्ली।", "दिल्ली"),
        ("السلالة، مال", "ar", "السلالة، مال", "سل ة م"),
        ("《北京》2008年 ok", "zh", "《北京》2008年 ok", "北 京 2008 年 ok"),
        ("《東京》2008年 the", "ja", "《東京》2008年", "東京2008年 the"),
    ],
)
def test_normalization_of_examples(text, lang, squad, mlqa):
    assert " ".join(answer_tokens(text, lang, "squad")) == squad
    assert " ".join(answer_tokens(text, lang, "mlqa")) == mlqa


def test_score_is_the_best_over_gold_answers_for_each_measure():
    golds = ["b c d", "a", "x", ""]
    assert score_answer("The", golds) == (1, 0)
    assert score_answer("b c", golds) == (0, pytest.approx(0.8))
    assert score_answer("c b d", golds) == (0, 1)
    assert score_answer("X.", golds) == (1, 1)


def test_answers_without_tokens_match_exactly_but_have_no_f1():
    for rules in ("squad", "mlqa"):
        assert score_answer("", ["the"], "en", rules) == (1, 0)
        assert score_answer("", ["them"], "en", rules) == (0, 0)


def test_missing_gold_answers_and_unknown_rules_are_refused():
    with pytest.raises(ValueError, match="no gold answer"):
        score_answer("x", [])
    with pytest.raises(ValueError, match="not one of squad, mlqa"):
        answer_tokens("x", "en", "SQuAD")
