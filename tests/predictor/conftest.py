"""Predictors of every family."""

import pytest

from fairseq_xling import from_pretrained


@pytest.fixture(scope="session")
def tagger(tagged):
    return from_pretrained(tagged.mixed.parent)


@pytest.fixture(scope="session")
def reader(asked):
    return from_pretrained(asked.mixed)


@pytest.fixture(scope="session")
def classifier(paired):
    return from_pretrained(str(paired.mixed.parent), "checkpoint_best.pt")
