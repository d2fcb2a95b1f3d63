"""What engines call languages."""

import pytest
from refusals import refused

from fairseq_xling.translation.language_codes import NLLB, LanguageCodes

XTREME = (
    "af ar bg bn de el en es et eu fa fi fr he hi hu id it ja jv ka kk ko ml mr ms my "
    "nl pt ru sw ta te th tl tr ur vi yo zh"
).split()


def test_every_language_of_xtreme_has_codes():
    assert set(XTREME) <= set(NLLB)
    assert all(len(code) == 8 and code[3] == "_" for code in NLLB.values())


@pytest.mark.parametrize(
    "pair, codes",
    [
        (("en", "es"), [("en", "es"), ("eng", "spa"), ("eng_Latn", "spa_Latn")]),
        (("zh", "sw"), [("zh", "sw"), ("zho", "swa"), ("zho_Hans", "swh_Latn")]),
        (
            ("en", "zh-Hant-TW"),
            [
                ("en", "zh-Hant-TW"),
                ("en", "zh"),
                ("eng", "zho"),
                ("eng_Latn", "zho_Hant"),
            ],
        ),
        (("en", "xx"), [("en", "xx"), ("eng", "xx"), ("eng_Latn", "xx")]),
    ],
)
def test_codes_of_both_languages_are_written_alike(pair, codes):
    assert list(LanguageCodes().pairs(*pair)) == codes


def test_given_codes_stand_for_all():
    codes = LanguageCodes(["es=es_XX"])
    assert list(codes.pairs("en", "es"))[0] == ("en", "es_XX")
    assert {pair[1] for pair in codes.pairs("en", "es")} == {"es_XX"}


@pytest.mark.parametrize("wrong", ["es", "es=", "=spa", "e s=spa", "es=a,es=b"])
def test_codes_that_are_no_codes(wrong):
    with refused("--lang-code"):
        LanguageCodes(wrong.split(","))
