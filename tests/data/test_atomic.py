"""Outputs appear whole or not at all."""

import pytest

from fairseq_xling.data.atomic import atomic_file, atomic_folder


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
