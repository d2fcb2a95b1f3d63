"""The script of every benchmark, called from another folder."""

import os

import pytest
from forked import call
from raw_data import write_rows
from raw_questions import answer, write_questions
from training import ROOT

from fairseq_xling.data.labels import LABELS
from fairseq_xling.data.manifest import Manifest

QUESTION = {"id": "1", "question": "the cat", "context": "the dog"}


@pytest.mark.parametrize("task", [*LABELS, "xquad", "mlqa", "tydiqa"])
def test_script_runs_from_anywhere(spm, tmp_path, task):
    labels = LABELS.get(task, ())
    if not labels:
        rows = [{**QUESTION, "answers": [answer("dog", 4)]}]
        write_questions(tmp_path / "raw/train-en.json", rows)
    else:
        texts = ["the dog", "the cat"] if task in ("xnli", "pawsx") else ["dog"]
        write_rows(tmp_path / "raw/train-en.tsv", [[*texts, labels[0]]])
    done = call(
        [str(ROOT / f"preprocess/{task}.py"), "raw"]
        + ["--spm", spm.model, "--dict", spm.dictionary, "--destdir", "out"],
        before=lambda: os.chdir(tmp_path),
    )
    assert done.returncode == 0, done.stdout
    manifest = Manifest.load(tmp_path / "out")
    assert (manifest.task, manifest.labels) == (task, list(labels))
    assert manifest.splits["train"]["en"].rows == 1
