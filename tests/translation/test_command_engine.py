"""Programs as engines: what they get, and what is said where they fail."""

import sys
import time

import psutil
import pytest
from refusals import refused

from fairseq_xling.errors import UserError
from fairseq_xling.translation.engine import EngineOptions
from fairseq_xling.translation.language_codes import LanguageCodes
from fairseq_xling.translation.opening import open_engine

# A program that knows one pair of codes, as Apertium does.
STRICT = "sh -c '[ \"$0\" = eng-spa ] && exec tr a-z A-Z; echo no mode $0 >&2; exit 1'"


def engine(command, source="en", target="es", **options):
    return open_engine(f"command:{command}", source, target, EngineOptions(**options))


def python(code):
    return f"{sys.executable} -c '{code}'"


def refusal(command, sentences=("one", "two", "three"), **options):
    with pytest.raises(UserError) as caught:
        engine(command, **options).translate(sentences)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_each_sentence_is_a_line_and_blank_ones_are_not_sent():
    sentences = ["a b", "", " two\nlines\t", "\u200b", "é \u2028ü"]
    numbered = engine("cat -n").translate(sentences)
    assert numbered == ["1 a b", "", "2 two lines", "", "3 é ü"]


def test_empty_lines_between_sentences():
    found = engine("cat -n", blank_lines=True)
    assert "cat -n: wrote 6 lines for 3 sentences" in refusal(
        "cat -n", blank_lines=True
    )
    # What takes paragraphs for sentences, as those that do not end a line do.
    paragraphs = python(
        'import sys; [print(x.replace(chr(10), " "), chr(10)) '
        "for x in sys.stdin.read().split(chr(10) * 2)[:-1]]"
    )
    assert engine(paragraphs, blank_lines=True).translate(["a", "b"]) == ["a", "b"]
    assert found.settings() != engine("cat -n").settings()


def test_words_of_a_command_are_no_shell(tmp_path):
    text = engine(f"echo '$HOME;' \"touch {tmp_path}/x\"").translate(["a"])
    assert text == [f"$HOME; touch {tmp_path}/x"] and not any(tmp_path.iterdir())


def test_codes_that_a_program_takes_are_found():
    one = engine(STRICT + " {src}-{tgt}")
    assert one.translate(["a", "b"]) == ["A", "B"] and one.translate(["c"]) == ["C"]
    # Those of the data, where it takes any.
    assert engine("echo {src}-{tgt}").translate(["a"]) == ["en-es"]
    assert one.settings() == engine(STRICT + " {src}-{tgt}").settings()


def test_codes_that_are_given_are_the_only_ones():
    codes = LanguageCodes(["en=eng", "es=spa"])
    assert engine(STRICT + " {src}-{tgt}", codes=codes).translate(["a"]) == ["A"]
    codes = LanguageCodes(["en=english", "es=spanish"])
    told = refusal(STRICT + " {src}-{tgt}", codes=codes)
    assert "no mode english-spanish" in told and "english-spanish" in told


def test_language_that_a_program_lacks():
    told = refusal(STRICT + " {src}-{tgt}", target="de")
    assert "en-de" in told and "no mode en-de" in told and "--lang-code" in told


@pytest.mark.parametrize(
    "code, told",
    [
        ("print(1); print(2)", "wrote 2 lines for 3 sentences; it must write one each"),
        ('print("1\\n" * 3)', "wrote 4 lines for 3 sentences"),
        (
            "import sys; print(1); sys.exit(3)",
            "wrote 1 lines for 3 sentences and ended (exit status 3); try it by hand "
            "with 'two'",
        ),
        ('raise SystemExit("no such model")', "(exit status 1: no such model)"),
        ("import os; os.kill(os.getpid(), 9)", "(killed by signal 9)"),
        ("pass", "wrote 0 lines for 3 sentences"),
        (
            'import sys; sys.stdout.buffer.write(b"a\\nb\\xff\\nc\\n")',
            "wrote no UTF-8 (byte 2 of the line) for 'two'",
        ),
    ],
)
def test_what_programs_do_wrong_is_one_line(code, told):
    assert told in refusal(python(code))


def test_program_that_hangs_is_ended_with_all_that_it_started():
    before = set(psutil.Process().children(recursive=True))
    start = time.monotonic()
    told = refusal("sh -c 'sleep 100 | sleep 100'", timeout=0.3)
    assert "not done with 3 sentences in 0.3 seconds" in told and "--timeout" in told
    assert time.monotonic() - start < 30
    left = set(psutil.Process().children(recursive=True)) - before
    assert not [x for x in left if x.is_running() and x.status() != "zombie"]


def test_empty_translations_alone():
    assert engine("sed s/.*//").translate(["a"] * 3) == [""] * 3
    assert "empty translations alone for 12" in refusal("sed s/.*//", ["a"] * 12)


@pytest.mark.parametrize(
    "name, told",
    [
        ("command:no-such-program-anywhere -u", "no such program"),
        ("command:tr 'a", "No closing quotation; mend its quotes"),
        ("command: ", "give command:..., "),
        ("nmt:model", "give command:..., "),
        ("python:toy_engines", "python:module.function"),
        ("python:no_such_module.f", "No module named 'no_such_module'"),
        ("python:toy_engines.lower", "toy_engines has no function lower"),
    ],
)
def test_engines_that_there_are_none_of(name, told):
    with refused("^--engine ") as caught:
        open_engine(name, "en", "es")
    assert told in str(caught.value)


def test_no_translation_to_the_same_language():
    with refused("from en to en is no translation"):
        open_engine("command:cat", "en", "en")


@pytest.mark.parametrize(
    "name, told",
    [
        ("one_too_few", "gave 2 translations for 3 sentences"),
        ("no_texts", "returned bytes, not a list of texts"),
    ],
)
def test_functions_that_are_no_engines(name, told):
    with refused(told):
        open_engine(f"python:toy_engines.{name}", "en", "es").translate(list("abc"))
