"""Outputs appear whole or not at all."""

import errno
import os

import pytest
from refusals import refused

from fairseq_xling.errors import one_line_errors
from fairseq_xling.files.atomic import atomic_file, atomic_folder


def test_file_appears_only_at_the_end(tmp_path):
    path = tmp_path / "deep" / "out.txt"
    with atomic_file(path) as file:
        file.write("ü")
        assert not path.exists()
    assert path.read_text(encoding="utf-8") == "ü"
    assert path.stat().st_mode & 0o444


def test_failed_file_leaves_the_old_one_and_nothing_else(tmp_path):
    path = tmp_path / "out.bin"
    path.write_bytes(b"old")
    with pytest.raises(RuntimeError):
        with atomic_file(path, "wb") as file:
            file.write(b"new")
            raise RuntimeError
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["out.bin"]


def test_folder_replaces_the_old_one(tmp_path):
    path = tmp_path / "out"
    path.mkdir()
    (path / "old").touch()
    with atomic_folder(path) as folder:
        (folder / "new").touch()
        assert [p.name for p in path.iterdir()] == ["old"]
    assert [p.name for p in path.iterdir()] == ["new"]


def test_failed_folder_leaves_nothing(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        with atomic_folder(tmp_path / "out") as folder:
            (folder / "half").touch()
            raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_folders_made_for_a_failed_output_are_removed(tmp_path):
    for opened in (atomic_file, atomic_folder):
        with pytest.raises(RuntimeError):
            with opened(tmp_path / "a" / "b" / "out"):
                raise RuntimeError
        assert list(tmp_path.iterdir()) == []


def test_old_folder_stays_where_the_new_one_cannot_take_its_name(tmp_path, monkeypatch):
    path = tmp_path / "out"
    path.mkdir()
    (path / "old").touch()
    rename, calls = os.replace, []

    def fail_second(*names):
        calls.append(names)
        if len(calls) == 2:
            raise OSError(errno.EBUSY, "Device or resource busy", str(names[0]))
        rename(*names)

    monkeypatch.setattr(os, "replace", fail_second)
    with pytest.raises(OSError):
        with atomic_folder(path) as folder:
            (folder / "new").touch()
    assert [p.name for p in path.iterdir()] == ["old"]
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_full_disk_names_the_file(tmp_path):
    with refused("out: no space left on device; free some"):
        with one_line_errors(), atomic_file(tmp_path / "out"):
            raise OSError(errno.ENOSPC, "No space left on device")
    assert list(tmp_path.iterdir()) == []
