"""What the rest of the package asks of a family, whichever it is."""

import json
from types import SimpleNamespace

import pytest
from trainer import FAMILIES as DATA
from trainer import build

from fairseq_xling.families import FAMILIES

# A text of any family, as far as results look at it.
ROW = SimpleNamespace(words=[])


@pytest.mark.parametrize("name", DATA)
def test_rows_predicted_in_any_order_are_collected_by_language(name, tmp_path):
    write, task = DATA[name]
    built = build(task, write(tmp_path / "bin"))
    family, model = built.task.family, built.model
    assert family.name == name and FAMILIES[family.stored] is type(family)
    dataset = built.task.load_dataset("valid")
    rows = [dataset[i] for i in range(len(dataset))]
    batches = [dataset.collater(rows[i : i + 9]) for i in range(0, len(rows), 9)]
    found = family.collect(family.predict_step(one, model) for one in batches[::-1])
    assert list(found) == built.task.languages
    for streams, one in zip(dataset.streams, found.values()):
        assert [row.row for row in one.rows] == list(range(len(streams)))
        assert one.has_source.tolist() == streams.paired().tolist()
        assert one.is_finite and len("".join(one.submission("target"))) > len(one)
        assert len(one.results([ROW] * len(one))) == len(one)
        for way in family.ways:
            assert 0 <= one.scores(way)["score"] <= 100
            assert len(one.outcomes(way)) == len(one)
        json.dumps(one.results([ROW] * len(one)))
        n_best = one.n_best()
        assert n_best is None or len(json.loads("".join(n_best))) == len(one)
