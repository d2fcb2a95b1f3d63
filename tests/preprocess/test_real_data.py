"""Real aligned pairs through preprocessing, where they are at hand."""

import os
from pathlib import Path

import pytest
from real_data import TRAINING_PAIRS, lay_out
from training import ROOT

from fairseq_xling.cli.preprocess_pairs import main
from fairseq_xling.data.manifest import Manifest

DATA = Path(os.environ.get("XLING_REAL_DATA", ROOT.parent / "shared" / "data"))
TASKS = {
    "xnli": (["contradiction", "entailment", "neutral"], "sw", 5010),
    "pawsx": (["0", "1"], "fr", 2000),
}


@pytest.mark.skipif(
    not (DATA / "nli" / "xnli").is_dir() or not (DATA / "pawsx").is_dir(),
    reason="no real data: set XLING_REAL_DATA to a folder with nli/xnli and pawsx",
)
@pytest.mark.parametrize("task", sorted(TASKS))
def test_real_pairs_are_laid_out_and_binarized(task, spm, tmp_path):
    labels, lang, rows = TASKS[task]
    lay_out(task, DATA, tmp_path / "raw", rate=0.2, noisy_source=True)
    arguments = [str(tmp_path / "raw"), "--spm", spm.model, "--dict", spm.dictionary]
    main(task, labels, None, [*arguments, "--destdir", str(tmp_path / "bin")])
    manifest = Manifest.load(tmp_path / "bin")
    for target in manifest.languages[1:]:
        entry = manifest.splits["train"][target]
        assert entry.rows == TRAINING_PAIRS[task]
        assert {"source", "backtranslation"} <= set(entry.streams)
    assert manifest.splits["test"][lang].rows == rows
    assert "source" in manifest.splits["test"][lang].streams
