"""Text files in all the ways in which editors and other systems write them."""

import io

import pytest
from refusals import refused

from fairseq_xling.files.text_lines import decode_line, lines_of, open_lines, read_text

INSIDE = "a\u2028b\u2029c\u0085d\x0be\x0cf"


def lines(path):
    with open_lines(path) as file:
        return [decode_line(path, i, raw) for i, raw in enumerate(file, 1)]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("last", [True, False])
def test_lines_end_where_any_system_ends_them(tmp_path, end, mark, last):
    path = tmp_path / "a"
    rows = [f"{INSIDE}\tx", "", "y"]
    raw = (mark + end.join(rows) + end * last).encode()
    path.write_bytes(raw)
    assert lines(path) == rows
    streamed = lines_of(io.BytesIO(raw))
    assert [decode_line("a", i, x) for i, x in enumerate(streamed, 1)] == rows
    if end != "\r":
        assert read_text(path) == "\n".join(rows) + "\n" * last


def test_a_return_inside_a_text_ends_no_line(tmp_path):
    (tmp_path / "a").write_bytes(b"x\ry\nz\rw")
    assert lines(tmp_path / "a") == ["x\ry", "z\rw"]


def test_marks_of_joined_files_are_left_out_and_words_of_them_kept(tmp_path):
    (tmp_path / "a").write_text("\ufeffx\n\ufeffy\n\ufeff\tO\n", encoding="utf-8")
    assert lines(tmp_path / "a") == ["x", "y", "\ufeff\tO"]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("read", [lines, read_text])
def test_utf16_is_refused_in_one_line(tmp_path, encoding, read):
    (tmp_path / "a").write_text("x y\nz\n", encoding=encoding)
    with refused("a, line 1: UTF-16, not UTF-8; convert"):
        read(tmp_path / "a")


@pytest.mark.parametrize("read", [lines, read_text])
def test_a_web_page_is_no_text(tmp_path, read):
    (tmp_path / "a").write_text(
        "\ufeff\n<!DOCTYPE html>\n<p>Sign in\n", encoding="utf-8"
    )
    with refused("a: a web page, not the file that was to be"):
        read(tmp_path / "a")


@pytest.mark.parametrize("read", [lines, read_text])
def test_a_folder_is_refused_in_one_line(tmp_path, read):
    with refused("Is a directory; give a file of text"):
        read(tmp_path)
