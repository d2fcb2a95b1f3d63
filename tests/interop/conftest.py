"""Hugging Face folders that tests convert or copy."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from hf_models import to_fairseq, write_hf


@pytest.fixture(scope="session")
def converted(spm, tmp_path_factory):
    """Hugging Face's model of a backbone and class, its folder and ours, made once."""
    made = {}

    def make(backbone: str, ending: str = "ForMaskedLM") -> SimpleNamespace:
        if (backbone, ending) not in made:
            source = tmp_path_factory.mktemp(backbone) / "hf"
            model = write_hf(backbone, ending, source, spm)
            made[backbone, ending] = SimpleNamespace(
                model=model, source=source, folder=to_fairseq(source, ending)
            )
        return made[backbone, ending]

    return make


@pytest.fixture
def copy(converted, tmp_path):
    """Copies of these folders, to be changed."""

    def make(backbone: str, ending: str = "ForMaskedLM") -> Path:
        source = converted(backbone, ending).source
        return Path(shutil.copytree(source, tmp_path / backbone))

    return make
