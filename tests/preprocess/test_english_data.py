"""Real sets labelled in English, as the replication lays them out, where at hand."""

import json
import sys

import pytest
from real_files import DATA, needs
from training import ROOT

sys.path.insert(0, str(ROOT / "examples" / "replicate"))

from english_data import LAY_OUT, OTHER_TEST, PASSAGE, TEST, UNSEEN  # noqa: E402
from english_data import WORDS as MOST_WORDS  # noqa: E402
from real_data import read, read_sentences  # noqa: E402


def sentences(path):
    """Each sentence's words."""
    return [tuple(line.split("\t")[0] for line in x) for x in read_sentences(path)]


@needs("nli/xnli", "nli/mnli_dev_en")
def test_pairs_are_short_and_no_test_row_is_seen_before(tmp_path):
    LAY_OUT["xnli"](DATA, tmp_path)
    train, dev, test = (
        read(tmp_path / f"{x}-en.tsv") for x in ("train", "dev", "test")
    )
    assert len(train) > 10000 and len(test) == OTHER_TEST
    assert max(len(" ".join(row[:2]).split()) for row in train) <= MOST_WORDS
    assert len(read(tmp_path / "test-es.tsv")) == TEST
    pairs = [{tuple(row[:2]) for row in rows} for rows in (train, dev, test)]
    assert not pairs[0] & pairs[2] and not pairs[1] & pairs[2]
    # Test rows of other languages are no translations of dev rows.
    dev = {tuple(row[:2]) for row in read(tmp_path / "dev-es.tsv")}
    held = [tuple(row[:2]) for row in read(DATA / "nli/xnli/dev-es.tsv")]
    for lang in UNSEEN["xnli"]:
        count = len(read(tmp_path / f"test-{lang}.tsv"))
        assert count == OTHER_TEST and not dev & set(held[:count])


@needs("nli/xnli")
def test_people_translated_the_same_rows(tmp_path):
    LAY_OUT["xnli-human"](DATA, tmp_path)
    held = {part: read(DATA / f"nli/xnli/{part}-en.tsv") for part in ("dev", "test")}
    for lang in ["es", *UNSEEN["xnli"]]:
        rows = read(tmp_path / f"test-{lang}.tsv")
        source = read(tmp_path / f"translate-test/test-{lang}-en-translated.tsv")
        assert source == held["test" if lang == "es" else "dev"][: len(rows)]
        assert len(rows) == 400  # as many as states are compared of elsewhere
        assert [row[2] for row in rows] == [row[2] for row in source]


@needs("ner/panx", "ner/masakhaner_swa", "pos/ewt", "pos/pud")
@pytest.mark.parametrize("task", ["udpos", "panx", "xner-es", "xner-sw"])
def test_sentences_to_select_on_are_not_tested_on(task, tmp_path):
    LAY_OUT[task](DATA, tmp_path)
    langs = ["en", "es", *UNSEEN[task]] if task in UNSEEN else [task[-2:]]
    for lang in langs:
        test = set(sentences(tmp_path / f"test-{lang}.tsv"))
        assert 400 < len(test) <= TEST
        for other in (tmp_path / f"{x}-{lang}.tsv" for x in ("train", "dev")):
            seen = {x for x in sentences(other) if len(x) > 5} if other.exists() else ()
            # Headlines and proverbs come up twice.
            assert len(test & set(seen)) <= len(test) / 20
    tags = {line.split("\t")[1] for path in tmp_path.glob("*.tsv")
            for one in read_sentences(path) for line in one}  # fmt: skip
    if task != "udpos":
        assert tags == {"O"} | {f"{x}-{y}" for x in "BI" for y in ("LOC", "ORG", "PER")}


@needs("qa/xquad", "qa/tydiqa_goldp")
def test_articles_to_select_on_are_not_tested_on(tmp_path):
    LAY_OUT["xquad"](DATA, tmp_path)

    def contexts(path):
        found = json.loads((tmp_path / path).read_text(encoding="utf-8"))["data"]
        return [x["context"] for one in found for x in one["paragraphs"]]

    train = contexts("squad/train-v1.1.json")
    assert 1000 < len(train) and max(map(len, train)) <= PASSAGE
    for lang in ("en", "es"):
        name = f"mlqa/MLQA_V1/dev/dev-context-{lang}-question-{lang}.json"
        dev, test = contexts(name), contexts(f"xquad/xquad.{lang}.json")
        assert len(test) > len(dev) / 10 and not set(test) & {*dev, *train}
