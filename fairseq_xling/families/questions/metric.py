"""Exact match and F1 of answers to questions, by the rules of SQuAD or of MLQA.

Sources: SQuAD 1.1's ``evaluate-v1.1.py`` (Rajpurkar et al. 2016), by which XTREME also
scores XQuAD and TyDiQA in every language; MLQA's ``mlqa_evaluation_v1.py`` (Lewis et
al. 2020).
"""

import re
import string
import unicodedata
from collections import Counter
from functools import lru_cache
from typing import List, Sequence, Tuple

RULES = ("squad", "mlqa")


def _words(words: str) -> "re.Pattern[str]":
    """Pattern of any of the words, blank separated, where it stands alone."""
    return re.compile(rf"\b(?:{'|'.join(words.split())})\b")


# By language. MLQA's pattern for Arabic was to find the article as a prefix; as
# published, it finds those two letters anywhere, which is what scores are made with.
ARTICLES = {
    "en": _words("a an the"),
    "es": _words("un una unos unas el la los las"),
    "vi": _words("của là cái chiếc những"),
    "de": _words("ein eine einen einem eines einer der die das den dem des"),
    "ar": re.compile("ال"),
}
CHINESE_CHARACTER = re.compile("[\u4e00-\u9fa5]")


def answer_tokens(text: str, lang: str = "en", rules: str = "squad") -> List[str]:
    """What counts of an answer: its words in lower case, without punctuation, articles.

    Args:
        lang: its language. ``squad`` treats all as English; ``mlqa`` removes no
            articles in languages that it does not cover, and splits Chinese into
            characters.
    """
    if rules not in RULES:
        raise ValueError(f"rules {rules!r}, not one of {', '.join(RULES)}")
    multilingual = rules == "mlqa"
    text = text.lower()
    text = "".join(char for char in text if not _is_punctuation(char, multilingual))
    articles = ARTICLES.get(lang if multilingual else "en")
    if articles is not None:
        text = articles.sub(" ", text)
    if multilingual and lang == "zh":
        text = CHINESE_CHARACTER.sub(r" \g<0> ", text)
    return text.split()


@lru_cache(maxsize=None)
def _is_punctuation(char: str, multilingual: bool) -> bool:
    """Whether it is punctuation in ASCII or, if multilingual, in Unicode."""
    if char in string.punctuation:
        return True
    return multilingual and unicodedata.category(char).startswith("P")


def exact_match(
    prediction: str, gold: str, lang: str = "en", rules: str = "squad"
) -> float:
    """1 if both answers are the same once normalized, else 0.

    Args, Raises: as in :func:`answer_tokens`.
    """
    same = answer_tokens(prediction, lang, rules) == answer_tokens(gold, lang, rules)
    return float(same)


def answer_f1(
    prediction: str, gold: str, lang: str = "en", rules: str = "squad"
) -> float:
    """F1 of the prediction's tokens, 0 to 1, regardless of their order.

    It is 0 where no token is common, thus also where both answers are empty.

    Args, Raises: as in :func:`answer_tokens`.
    """
    predicted = Counter(answer_tokens(prediction, lang, rules))
    wanted = Counter(answer_tokens(gold, lang, rules))
    common = sum((predicted & wanted).values())
    if common == 0:
        return 0.0
    return 2 * common / (sum(predicted.values()) + sum(wanted.values()))


def score_answer(
    prediction: str, golds: Sequence[str], lang: str = "en", rules: str = "squad"
) -> Tuple[float, float]:
    """Exact match and F1, each the best over the gold answers.

    Raises:
        ValueError: there is no gold answer, or the rules are unknown.
    """
    if not golds:
        raise ValueError("no gold answer to score by")
    return (
        max(exact_match(prediction, gold, lang, rules) for gold in golds),
        max(answer_f1(prediction, gold, lang, rules) for gold in golds),
    )
