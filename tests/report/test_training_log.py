"""Logs of fairseq-train: both formats, with and without prefixes, resumed, spoiled."""

import json

import pytest

from fairseq_xling.report.training_log import read_log

TIME = "2026-01-02 03:04:{:02d} | INFO | {} | "


def inner(update, loss, form, wall=None, epoch=1, **more):
    values = {"loss": loss, "ups": 2, "bsz": 16, **more, "num_updates": update}
    if wall is not None:
        values["wall"] = wall
    if form == "json":
        texts = {name: str(value) for name, value in values.items()}
        return json.dumps({"epoch": epoch, "update": update / 8, **texts})
    pairs = ", ".join(f"{name}={value}" for name, value in values.items())
    return f"epoch {epoch:03d}:  {update:5d} / 8 {pairs}"


def whole(kind, update, form, epoch=1, **values):
    values = {**values, "num_updates": update}
    if form == "json":
        texts = {f"{kind}_{name}": str(value) for name, value in values.items()}
        return json.dumps({"epoch": epoch, **texts})
    pairs = " | ".join(f"{name} {value}" for name, value in values.items())
    where = "" if kind == "train" else f"{kind} on '{kind}' subset | "
    where = where.replace(f"{kind} on", "valid on", 1)
    return f"epoch {epoch:03d} | {where}{pairs}"


def write_log(tmp_path, lines, prefix=""):
    path = tmp_path / "train.log"
    if prefix:
        lines = [TIME.format(i, prefix) + line for i, line in enumerate(lines)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def pairs_of(log, kind, name):
    return [(one.update, one.values[name]) for one in log.of(kind)]


def costs_of(log):
    return log.update, log.seconds, log.samples_a_second, log.peak_memory


@pytest.mark.parametrize("prefix", ["", "tag"])
@pytest.mark.parametrize("form", ["simple", "json"])
def test_every_kind_of_line_is_read(tmp_path, form, prefix):
    lines = [
        inner(4, 1.5, form, wall=3),
        whole("valid", 8, form, loss=1.25, accuracy=60.5),
        whole("other", 8, form, loss=9),
        whole(
            "train", 8, form, loss=1.0, bsz=16, train_wall=4, wall=6, peak_memory=1.5
        ),
        inner(12, 0.5, form, wall=8, epoch=2),
        whole("train", 16, form, epoch=2, loss=0.4, bsz=8, train_wall=2, wall=11),
    ]
    log = read_log(write_log(tmp_path, lines, prefix))
    assert pairs_of(log, "train_inner", "loss") == [(4, 1.5), (12, 0.5)]
    assert pairs_of(log, "valid", "accuracy") == [(8, 60.5)]
    assert pairs_of(log, "train", "loss") == [(8, 1.0), (16, 0.4)]
    assert log.subsets == ["valid", "other"]
    assert [one.epoch for one in log.records] == [1, 1, 1, 1, 2, 2]
    # 8 updates of 16 in 4 seconds, then 8 of 8 in 2.
    assert costs_of(log) == (16, 11, 192 / 6, 1.5)


@pytest.mark.parametrize("form", ["simple", "json"])
def test_of_a_resumed_run_the_later_lines_count(tmp_path, form):
    lines = [
        "{'_name': None, 'common': {}}",
        *(inner(update, update, form, wall=update) for update in (2, 4, 6, 8)),
        whole("valid", 6, form, loss=6),
        "{'_name': None, 'common': {}}",
        inner(6, 60, form, wall=2),
        whole("valid", 6, form, loss=61),
    ]
    log = read_log(write_log(tmp_path, lines))
    assert pairs_of(log, "train_inner", "loss") == [(2, 2), (4, 4), (6, 60)]
    assert pairs_of(log, "valid", "loss") == [(6, 61)]
    assert log.seconds == 8 + 2


def test_seconds_of_a_resumption_are_those_between_its_lines(tmp_path):
    # fairseq logs a wall of 0 after it.
    first = [inner(2, 1, "simple", wall=5), inner(4, 1, "simple", wall=7)]
    again = [inner(x, 1, "simple", wall=0) for x in (4, 8, 10)]
    path = write_log(tmp_path, [*first, *again])
    # 4 and 2 updates at 2 a second; what came before the first line is not known.
    assert read_log(path).seconds == 7 + 3
    beginning = "{'_name': None, 'common': {}}"
    path = write_log(tmp_path, [beginning, *first, beginning, *again], "tag")
    assert read_log(path).seconds == 7 + 3
    last = TIME.format(30, "fairseq_cli.train") + "done training in 20.5 seconds"
    path.write_text(path.read_text() + last + "\n")
    assert read_log(path).seconds == 7 + (30 - 3)


def test_lines_written_twice_count_once(tmp_path):
    line = inner(2, 1, "simple", wall=5)
    log = read_log(write_log(tmp_path, [line, line, line]))
    assert len(log.records) == 1 and log.seconds == 5


def test_garbage_is_skipped(tmp_path):
    path = tmp_path / "train.log"
    good = inner(2, 1.0, "simple", wall=5).encode()
    path.write_bytes(
        b"\xff\xfe\x00 | | \n"
        b"epoch 001:  10%|#   | 1/10 [00:01<00:09, loss=2, num_updates=1]\r"
        b'{"epoch": "x", "update": 1}\n{"epoch": 1}\n{"epoch": 1, "update": 2}\n'
        b"[1]\n{" + b"[" * 100000 + b"\n"
        b"epoch 001:      1 / 10 loss=1\n"  # no update
        b"epoch 001:      1 / 10 loss=nan, num_updates=nan, a=b=c\n"
        b'{"epoch": 1, "update": 1, "num_updates": 1e999, "loss": "1"}\n'
        b'{"epoch": 1, "update": 1, "num_updates": -3, "loss": null}\n'
        b"2026-99-99 00:00:00 | INFO | x | epoch 001 | loss\n" + good + b"\n"
    )
    log = read_log(path)
    assert pairs_of(log, "train_inner", "loss") == [(2, 1.0)]
    assert log.seconds == 5


@pytest.mark.parametrize("content", ["", "nothing here\n"])
def test_a_log_without_progress_costs_nothing_known(tmp_path, content):
    path = tmp_path / "log"
    path.write_text(content)
    assert costs_of(read_log(path)) == (0, 0, None, None)


def test_speed_of_a_run_that_was_stopped_is_that_of_its_lines(tmp_path):
    log = read_log(write_log(tmp_path, [inner(x, 1, "simple") for x in (4, 8)]))
    assert log.samples_a_second == 2 * 16
