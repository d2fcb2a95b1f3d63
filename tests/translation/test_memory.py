"""What is translated once stays, for its engine, settings and direction."""

from refusals import refused

from fairseq_xling.translation.engine import EngineOptions
from fairseq_xling.translation.language_codes import LanguageCodes
from fairseq_xling.translation.memory import TranslationMemory
from fairseq_xling.translation.opening import open_engine


def memory(folder, command="cat", shard="", pair=("en", "es"), **options):
    engine = open_engine(f"command:{command}", *pair, EngineOptions(**options))
    return TranslationMemory(folder, engine, shard)


def fill(folder, texts, **more):
    one = memory(folder, **more)
    one.add(texts)
    one.close()


def found(folder, sentence, **more):
    one = memory(folder, **more)
    text = one.get(sentence)
    one.close()
    return text


def test_translations_are_those_of_an_engine_and_its_settings(tmp_path):
    fill(tmp_path, {"a": "b", "é\u200b": ""})
    assert found(tmp_path, "a") == "b" and found(tmp_path, "é\u200b") == ""
    assert found(tmp_path, "c") is None
    assert found(tmp_path, "a", command="cat -u") is None
    assert found(tmp_path, "a", blank_lines=True) is None
    assert found(tmp_path, "a", pair=("es", "en")) is None
    assert found(tmp_path, "a", codes=LanguageCodes(["es=x"])) is None
    # How long it may take, and other languages' codes, change nothing.
    assert found(tmp_path, "a", timeout=1, codes=LanguageCodes(["de=x"])) == "b"


def test_all_reads_what_parts_have_and_the_parts_do_not(tmp_path):
    fill(tmp_path, {"a": "1"}, shard="1-of-2")
    fill(tmp_path, {"a": "2", "b": "2"}, shard="2-of-2")
    assert found(tmp_path, "b", shard="1-of-2") is None
    assert found(tmp_path, "a") == "1" and found(tmp_path, "b") == "2"


def test_one_process_at_a_time(tmp_path):
    one = memory(tmp_path)
    with refused("another process is translating there; wait"):
        memory(tmp_path)
    memory(tmp_path, shard="1-of-2").close()
    one.close()
    memory(tmp_path).close()


def test_file_that_is_damaged(tmp_path):
    fill(tmp_path, {"a": "b"})
    (path,) = tmp_path.iterdir()
    path.write_bytes(b"something else" * 100)
    with refused(f"{path.name}: damaged .*remove it"):
        memory(tmp_path)
