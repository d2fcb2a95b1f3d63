"""Real aligned pairs through preprocessing, where they are at hand."""

import sys

import pytest
from binarized import preprocess
from real_files import DATA, needs
from training import ROOT

sys.path.insert(0, str(ROOT / "examples" / "replicate"))

from real_data import TRAINING_PAIRS, lay_out, read  # noqa: E402
from real_text import write_text  # noqa: E402

TASKS = {
    "xnli": (["contradiction", "entailment", "neutral"], "sw", 5010),
    "pawsx": (["0", "1"], "fr", 2000),
}


@needs("nli/xnli", "pawsx")
@pytest.mark.parametrize("task", sorted(TASKS))
def test_real_pairs_are_laid_out_and_binarized(task, spm, tmp_path):
    labels, lang, rows = TASKS[task]
    lay_out(task, DATA, tmp_path / "raw", rate=0.2, noisy_source=True)
    manifest = preprocess(task, tmp_path / "raw", spm, tmp_path / "bin")
    for target in manifest.languages[1:]:
        entry = manifest.splits["train"][target]
        assert entry.rows == TRAINING_PAIRS[task]
        assert {"source", "backtranslation"} <= set(entry.streams)
    assert manifest.splits["test"][lang].rows == rows
    assert "source" in manifest.splits["test"][lang].streams


@needs("nli/xnli", "parallel")
def test_text_to_pretrain_on_holds_no_test_sentence(tmp_path):
    lay_out("xnli", DATA, tmp_path / "raw", rate=0.2, noisy_source=True)
    write_text(DATA, tmp_path / "text")
    for lang in ("en", "es", "sw"):
        lines = (tmp_path / f"text/{lang}.txt").read_text(encoding="utf-8").split("\n")
        train, dev, test = (
            {sentence for row in rows for sentence in row[:2]}
            for rows in (
                read(DATA / f"nli/xnli/dev-{lang}.tsv")[: TRAINING_PAIRS["xnli"]],
                read(tmp_path / f"raw/dev-{lang}.tsv"),
                read(tmp_path / f"raw/test-{lang}.tsv"),
            )
        )
        assert train <= set(lines)
        # Short sentences ("Yes.") come up by chance.
        for held_out in (dev, test):
            long = {x for x in held_out - train if len(x) > 40}
            assert len(long & set(lines)) <= len(long) / 100
    sides = [
        (tmp_path / f"text/train.en-sw.{lang}.txt").read_text(encoding="utf-8")
        for lang in ("en", "sw")
    ]
    assert sides[0].count("\n") == sides[1].count("\n") > 5000
    # The text of one language is the same when it is asked for alone.
    write_text(DATA, tmp_path / "one", ["sw"])
    found = {x.name: x.read_bytes() for x in (tmp_path / "one").iterdir()}
    assert set(found) == {"sw.txt", "train.en-sw.en.txt", "train.en-sw.sw.txt"}
    for name, content in found.items():
        assert content == (tmp_path / "text" / name).read_bytes()
