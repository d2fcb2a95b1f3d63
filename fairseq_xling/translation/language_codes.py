"""What engines call a language: ``es``, ``spa`` or ``spa_Latn``."""

import re
from typing import Dict, Iterator, List, Sequence, Tuple

from fairseq_xling.data.languages import LANGUAGE
from fairseq_xling.errors import UserError

# ISO 639-3 and script of a language in ISO 639-1, as FLORES-200 and NLLB have them.
# XTREME's languages, and those that XTREME-R adds.
TABLE = """
af afr_Latn  ar arb_Arab  az azj_Latn  bg bul_Cyrl  bn ben_Beng  de deu_Latn
el ell_Grek  en eng_Latn  es spa_Latn  et est_Latn  eu eus_Latn  fa pes_Arab
fi fin_Latn  fr fra_Latn  gu guj_Gujr  he heb_Hebr  hi hin_Deva  ht hat_Latn
hu hun_Latn  id ind_Latn  it ita_Latn  ja jpn_Jpan  jv jav_Latn  ka kat_Geor
kk kaz_Cyrl  ko kor_Hang  lt lit_Latn  ml mal_Mlym  mr mar_Deva  ms zsm_Latn
my mya_Mymr  nl nld_Latn  pa pan_Guru  pl pol_Latn  pt por_Latn  qu quy_Latn
ro ron_Latn  ru rus_Cyrl  sw swh_Latn  ta tam_Taml  te tel_Telu  th tha_Thai
tl tgl_Latn  tr tur_Latn  uk ukr_Cyrl  ur urd_Arab  vi vie_Latn  wo wol_Latn
yo yor_Latn  zh zho_Hans
""".split()
NLLB = dict(zip(TABLE[::2], TABLE[1::2]))
# Where ISO 639-3 has a code for all of a language, and NLLB one for a variety.
MACRO = dict(ar="ara", az="aze", fa="fas", ms="msa", qu="que", sw="swa")
SCRIPT = re.compile(r"[-_]([A-Z][a-z]{3})(?=[-_]|$)")
Pair = Tuple[str, str]


class LanguageCodes:
    """The codes that an engine may have for the languages of the data.

    Args:
        given: the codes of some languages, which are then their only ones.
    """

    def __init__(self, given: Sequence[str] = ()) -> None:
        self.given: Dict[str, str] = {}
        for one in given:
            lang, _, code = one.partition("=")
            if not code or not re.fullmatch(LANGUAGE, lang):
                raise UserError(
                    f"--lang-code {one}: give a language of the data and the engine's "
                    "code for it, such as es=spa_Latn"
                )
            if self.given.setdefault(lang, code) != code:
                raise UserError(f"--lang-code {one}: {lang} is given twice; choose one")

    def of(self, lang: str) -> List[str]:
        """As in the data, ISO 639-1, ISO 639-3, and NLLB's, which each may repeat."""
        if lang in self.given:
            return [self.given[lang]] * 4
        first = re.split("[-_]", lang)[0]
        nllb = NLLB.get(first)
        if nllb is None:
            return [lang, first, first, lang]
        script = SCRIPT.search(lang)
        if script:
            nllb = f"{nllb[:3]}_{script.group(1)}"
        return [lang, first, MACRO.get(first, nllb[:3]), nllb]

    def pairs(self, source: str, target: str) -> Iterator[Pair]:
        """Both codes, in each way of writing them, the data's own first."""
        yield from dict.fromkeys(zip(self.of(source), self.of(target)))
