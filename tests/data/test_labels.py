"""Labels are matched by their names."""

from fairseq_xling.data.labels import LABELS, SPELLINGS, find_label, order_of

XNLI = LABELS["xnli"]


def test_names_are_found_but_for_case_and_spaces():
    known = {"noun": "N", "Noun ": "M", "verb": "V"}
    assert find_label("noun", known) == "N"
    assert find_label(" VERB", known) == "V"
    assert find_label("other", known) is None
    assert find_label("x", {"X": "1", "x ": "2"}) == "1"
    assert find_label("aB", {"AB": "1", "ab": "2"}) is None


def test_order_is_by_name():
    assert order_of(["Entailment", "NEUTRAL", "contradiction "], XNLI) == [2, 0, 1]
    assert order_of(["neutral", "contradictory", "entailment"], XNLI) is None
    theirs = ["neutral", "contradictory", "entailment"]
    assert order_of(theirs, XNLI, SPELLINGS["xnli"]) == [1, 2, 0]
    theirs = ["Paraphrase", "not_paraphrase"]
    assert order_of(theirs, ["0", "1"], SPELLINGS["pawsx"]) == [1, 0]
    assert order_of(["LABEL_1", "LABEL_0"], ["0", "1"], SPELLINGS["pawsx"]) == [1, 0]
    assert order_of(["entailment", "neutral"], XNLI) is None
    assert order_of(["entailment", "entailment", "neutral"], XNLI) is None
