"""What checkpoints of strangers are compared with."""

from types import SimpleNamespace

import pytest
from augment_data import draw_pairs, write_lm, write_pairs
from forked import call


@pytest.fixture(scope="session")
def files(spm, tmp_path_factory) -> SimpleNamespace:
    """Binarized data, a language model, and a checkpoint of ours."""
    from test_hostile_checkpoints import TRAIN, fill

    folder = tmp_path_factory.mktemp("trusted")
    splits = {
        split: {lang: draw_pairs(lang, 8, seed) for lang in ("en", "de")}
        for seed, split in enumerate(("train", "valid"))
    }
    data = write_pairs(folder / "bin", spm, splits)
    done = call(fill(TRAIN, data=data, out=folder / "good"))
    assert done.returncode == 0, done.stdout[-4000:]
    good = folder / "good" / "checkpoint_last.pt"
    return SimpleNamespace(data=data, lm=write_lm(folder / "lm", spm), good=good)
