"""Real data and models, where they are at hand."""

import os
from pathlib import Path
from typing import Any

import pytest
from training import ROOT

SHARED = ROOT.parent / "shared"
DATA = Path(os.environ.get("XLING_REAL_DATA", SHARED / "data"))
MODELS = Path(os.environ.get("XLING_REAL_MODELS", SHARED / "models"))


def needs(*folders: str, root: Path = DATA) -> Any:
    """A mark of tests that are skipped where one of these folders is not there."""
    kind = "data" if root == DATA else "models"
    return pytest.mark.skipif(
        not all((root / name).is_dir() for name in folders),
        reason=f"no real {kind}: set XLING_REAL_{kind.upper()} to a folder with "
        + " and ".join(folders),
    )
