"""Small data for the tests that run whole commands."""

from pathlib import Path

import pytest
from pair_data import write_pair_data


@pytest.fixture(scope="session")
def pair_data(tmp_path_factory) -> Path:
    rows = {"train": 40, "valid": 12, "test": 12}
    return write_pair_data(tmp_path_factory.mktemp("pair_data") / "bin", rows=rows)
