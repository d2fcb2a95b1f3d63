"""Hugging Face folders that tests convert or copy from."""

import shutil
from pathlib import Path

import pytest
from hf_models import CLASSES, to_fairseq, write_hf


@pytest.fixture(scope="session")
def made(spm, tmp_path_factory):
    """One folder of each kind that the tests copy from."""
    folder = tmp_path_factory.mktemp("made")
    for backbone in CLASSES:
        write_hf(backbone, "ForMaskedLM", folder / backbone, spm)
        to_fairseq(folder / backbone, "ForMaskedLM")
        ending = "ForSequenceClassification"
        write_hf(backbone, ending, folder / f"{backbone}-tuned", spm)
    return folder


@pytest.fixture
def copy(made, tmp_path):
    def make(name: str) -> Path:
        return Path(shutil.copytree(made / name, tmp_path / name))

    return make
