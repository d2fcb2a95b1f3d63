"""Hugging Face folders that tests convert or copy from."""

import shutil
from pathlib import Path

import pytest
from hf_models import to_fairseq, write_hf


@pytest.fixture(scope="session")
def made(spm, tmp_path_factory):
    """One folder of each kind that the tests copy from."""
    folder = tmp_path_factory.mktemp("made")
    for family in ("xlmr", "mbert"):
        write_hf(family, "ForMaskedLM", folder / family, spm)
        to_fairseq(folder / family, "ForMaskedLM")
        ending = "ForSequenceClassification"
        write_hf(family, ending, folder / f"{family}-tuned", spm)
    return folder


@pytest.fixture
def copy(made, tmp_path):
    def make(name: str) -> Path:
        return Path(shutil.copytree(made / name, tmp_path / name))

    return make
