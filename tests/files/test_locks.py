"""Processes that write into one folder wait for each other, or say so."""

import os

from refusals import refused

from fairseq_xling.files.locks import claim, locked


def test_changes_of_two_processes_are_both_kept(tmp_path):
    counter = tmp_path / "counter"
    counter.write_text("0")
    children = []
    for _ in range(2):
        children.append(os.fork())
        if children[-1] == 0:
            for _ in range(200):
                with locked(tmp_path):
                    counter.write_text(str(int(counter.read_text()) + 1))
            os._exit(0)
    for child in children:
        os.waitpid(child, 0)
    assert counter.read_text() == "400"
    assert [path.name for path in tmp_path.iterdir()] == ["counter"]


def test_file_of_another_process_is_not_written(tmp_path):
    with open(tmp_path / "one", "ab") as first, open(tmp_path / "one", "ab") as second:
        claim(first, tmp_path, "wait")
        with refused("another process is writing there; wait$"):
            claim(second, tmp_path, "wait")
        first.close()
        claim(second, tmp_path, "wait")
