"""A small SentencePiece model and a raw folder, made by the tests."""

import os

# Before torch is imported: small models run faster on one thread, and a process with a
# pool of threads must not be forked, as some tests do.
os.environ["OMP_NUM_THREADS"] = "1"

import gc
import logging
import random
import signal
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import List

import hypothesis
import pytest
import torch
from fairseq.dataclass import utils
from pair_data import write_pair_data
from quick_options import Composer
from raw_data import WORDS, sentence, write_pairs
from small_spm import train_spm

# The garbage collector is to leave alone what all tests load: it would walk over
# millions of objects of torch, fairseq and transformers again and again.
gc.disable()

# No test fails for being slow, on a busy machine either.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")


def pytest_collection_finish() -> None:
    """From here on there is garbage to collect, of the tests' own objects alone."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    gc.enable()


@pytest.fixture(scope="session", autouse=True)
def quick_options(tmp_path_factory):
    """Options are composed as ever in processes of their own alone."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:  # its parent is all workers'
        folder = folder.parent
    folder = folder / "options"
    folder.mkdir(exist_ok=True)
    composer = Composer(utils.compose, folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(utils, "compose", composer)
        yield composer


@pytest.fixture(scope="session", autouse=True)
def seeds_of_the_cpu_alone():
    """Where there is no GPU, no seed is kept for one.

    torch would note each with the stack of its call, in every update.
    """
    with pytest.MonkeyPatch.context() as patch:
        for kind in (torch.cuda, torch.xpu, torch.mtia):
            if not kind.is_available():
                patch.setattr(kind, "manual_seed_all", lambda seed: None)
        yield


@pytest.fixture(autouse=True)
def process_as_before():
    """Undo what commands, and torch's process groups, set for a whole process."""
    hook = sys.excepthook
    # As Python starts; xling-predict ends where its reader does.
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    yield
    sys.excepthook = hook
    for name in ("fairseq", "fairseq.models.roberta"):
        logging.getLogger(name).setLevel(logging.NOTSET)


@pytest.fixture
def opened(monkeypatch) -> List[str]:
    """The files that torch loads, in their order."""
    load, paths = torch.load, []

    def note(file, *args, **kwargs):
        paths.append(str(getattr(file, "name", file)))
        return load(file, *args, **kwargs)

    monkeypatch.setattr(torch, "load", note)
    return paths


@pytest.fixture(scope="session")
def spm(tmp_path_factory) -> SimpleNamespace:
    """Paths of a SentencePiece model and of its fairseq dictionary."""
    generator = random.Random(0)
    lines = [sentence(generator, lang) for lang in WORDS for _ in range(200)]
    return train_spm(tmp_path_factory.mktemp("spm"), lines, 150)


@pytest.fixture(scope="session")
def pair_data(tmp_path_factory) -> Path:
    rows = {"train": 40, "valid": 12, "test": 12}
    return write_pair_data(tmp_path_factory.mktemp("pair_data") / "bin", rows=rows)


@pytest.fixture(scope="session")
def tagged(spm, tmp_path_factory) -> SimpleNamespace:
    """Trained taggers, with their raw and binarized data."""
    from family_data import tagging

    return tagging(spm, tmp_path_factory.mktemp("udpos"))


@pytest.fixture(scope="session")
def asked(spm, tmp_path_factory) -> SimpleNamespace:
    """Trained models that answer questions."""
    from family_data import questions

    return questions(spm, tmp_path_factory.mktemp("xquad"))


@pytest.fixture(scope="session")
def paired(spm, tmp_path_factory) -> SimpleNamespace:
    """A trained classifier of pairs."""
    from family_data import pairs

    return pairs(spm, tmp_path_factory.mktemp("xnli"))


@pytest.fixture
def raw(tmp_path) -> Path:
    """A raw XNLI folder in XTREME's layout, with German, Russian and Chinese."""
    sizes = {"train": 30, "dev": 8, "test": 9}
    return write_pairs(tmp_path / "raw", 1, sizes, ("de", "ru", "zh"))


@pytest.fixture
def simulated_gpu():
    """A GPU that computes on the CPU; see the module of that name."""
    from simulated_gpu import DEVICE, pretend

    with pretend():
        yield DEVICE
