"""Predicted rows in a file: their order, what is kept in memory, the JSON of many."""

import json

import numpy as np
import pytest

from fairseq_xling.families import row_file
from fairseq_xling.families.base import PredictedRow
from fairseq_xling.families.row_file import RowFile
from fairseq_xling.files.json_text import json_object


@pytest.mark.parametrize("in_memory", [1 << 24, 10])
def test_rows_come_back_in_the_order_of_their_numbers(monkeypatch, in_memory):
    monkeypatch.setattr(row_file, "IN_MEMORY", in_memory)
    rows = RowFile()
    numbers = np.random.default_rng(0).permutation(50).tolist()
    for number in numbers:
        rows.add(PredictedRow(3, number, has_source=number % 3 == 0))
    assert rows.file._rolled == (in_memory == 10)  # whether it is a file on disk
    wanted = [PredictedRow(3, number, number % 3 == 0) for number in range(50)]
    assert list(rows) == wanted and len(rows) == 50
    # Also two readers at a time.
    assert list(zip(rows, rows)) == list(zip(wanted, wanted))
    assert rows.has_source().tolist() == [one.has_source for one in wanted]
    assert [numbers[place] for place in rows.order()] == list(range(50))


def test_json_in_parts_is_that_of_the_whole():
    entries = {"a\n": [{"text": "ß", "start": 1}, {}], 'b"': "c", "d": None, "e": []}
    want = json.dumps(entries, ensure_ascii=False, indent=2) + "\n"
    assert "".join(json_object(entries.items())) == want
