"""Tagging F1 against seqeval's own score."""

import random
import warnings

import numpy as np
import pytest
from seqeval.metrics import f1_score

from fairseq_xling.families.tagging.metric import (
    chunk_counts,
    f1_from_counts,
    sentence_counts,
    tagging_f1,
)

NER = "O O O B-PER I-PER B-LOC I-LOC B-ORG I-ORG".split()
POS = (
    "ADJ ADP ADV AUX CCONJ DET INTJ NOUN NUM PART PRON PROPN PUNCT SCONJ SYM VERB X"
).split()
SCHEMES = {
    "NER": NER,
    "NER of any scheme": [*NER, "E-PER", "S-PER", "I", "B"],
    "POS": POS,
    "few POS": ["NOUN", "SCONJ", "CCONJ", "X", "INTJ"],
    "POS without X": POS[:-1],
}
# Where chunks of a sentence do not depend on the sentence before.
SEPARATE = ["NER", "NER of any scheme", "POS without X"]


def corpora(scheme, count=300):
    """Gold and predicted sentences, often alike, with broken chunks."""
    generator = random.Random(scheme)
    tags = SCHEMES[scheme]
    for _ in range(count):
        gold = [
            generator.choices(tags, k=generator.choice([0, 1, 2, 3, 6, 12]))
            for _ in range(generator.choice([0, 1, 2, 5]))
        ]
        errors = generator.choice([0, 0.1, 0.5, 1])
        predicted = [
            [generator.choice(tags) if generator.random() < errors else x for x in one]
            for one in gold
        ]
        yield gold, predicted


def seqeval_f1(gold, predicted):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return 100 * f1_score(gold, predicted) if gold else 0


@pytest.mark.parametrize("scheme", SCHEMES)
def test_f1_is_that_of_seqeval_and_of_the_counts_of_sentences(scheme):
    scores = set()
    for gold, predicted in corpora(scheme):
        want = seqeval_f1(gold, predicted)
        assert tagging_f1(gold, predicted) == pytest.approx(want)
        counts = sentence_counts(gold, predicted)
        assert counts.shape == (len(gold), 3)
        assert (counts[:, :1] <= counts[:, 1:]).all()
        assert f1_from_counts(*counts.sum(axis=0)) == pytest.approx(want)
        scores.add(want)
    assert {0, 100} < scores and len(scores) > 50


@pytest.mark.parametrize("scheme", SEPARATE)
def test_a_sentence_counts_the_same_alone(scheme):
    for gold, predicted in corpora(scheme):
        together = sentence_counts(gold, predicted).tolist()
        alone = [list(chunk_counts(*pair)) for pair in zip(gold, predicted)]
        assert together == alone


def test_one_sentence_counts_what_seqeval_does():
    for gold, predicted in corpora("few POS"):
        for pair in zip(gold, predicted):
            got = f1_from_counts(*chunk_counts(*pair))
            assert got == pytest.approx(seqeval_f1([pair[0]], [pair[1]]))


@pytest.mark.parametrize(
    "gold, predicted, counts",
    [
        ("B-PER I-PER O B-LOC", "B-PER I-PER O O", (1, 1, 2)),
        ("B-PER I-PER O", "B-PER O O", (0, 1, 1)),
        ("O I-LOC I-LOC", "O B-LOC I-LOC", (1, 1, 1)),  # begins with I-
        ("B-LOC I-PER", "B-LOC B-PER", (2, 2, 2)),  # changes its type
        ("NOUN NOUN VERB", "NOUN ADJ VERB", (1, 3, 2)),  # neighbours are one chunk
        ("NOUN CCONJ", "NOUN SCONJ", (2, 2, 2)),  # seqeval 1.2.2 sees "CONJ" twice
        ("", "", (0, 0, 0)),
    ],
)
def test_counts_of_examples(gold, predicted, counts):
    assert chunk_counts(gold.split(), tuple(predicted.split())) == counts


def test_chunks_do_not_join_over_the_end_of_a_sentence():
    counts = sentence_counts([["I-PER"], ["I-PER"]], [["I-PER"], ["O"]])
    np.testing.assert_array_equal(counts, [[1, 1, 1], [0, 0, 1]])


def test_pos_tags_do_not_warn():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert tagging_f1([["NOUN", "VERB"]], [["NOUN", "VERB"]]) == 100


@pytest.mark.parametrize(
    "predicted, complaint",
    [
        ([["O"]], "2 gold sentences, 1 predicted"),
        ([["O"], ["O"]], "sentence 1: 2 gold tags, 1 predicted"),
    ],
)
def test_tags_that_do_not_correspond_are_refused(predicted, complaint):
    with pytest.raises(ValueError, match=complaint):
        tagging_f1([["O"], ["O", "O"]], predicted)


def test_f1_is_zero_where_nothing_is_to_be_found():
    assert f1_from_counts(0, 0, 0) == tagging_f1([], []) == tagging_f1([[]], [[]]) == 0
