"""Engines for tests: functions that ``python:toy_engines...`` names."""

from fairseq_xling.errors import UserError

CALLS = []
# The number of calls after which it fails, if there is one.
LIMIT = []


def upper(sentences, source, target):
    """Notes what it is asked for."""
    if LIMIT and len(CALLS) >= LIMIT[0]:
        raise UserError("out of luck")
    CALLS.append((source, target, list(sentences)))
    return [sentence.upper() for sentence in sentences]


def empty_at_times(sentences, source, target):
    return ["" if len(sentence) % 3 == 0 else sentence[::-1] for sentence in sentences]


def one_too_few(sentences, source, target):
    return list(sentences)[1:]


def no_texts(sentences, source, target):
    return [sentence.encode() for sentence in sentences]
