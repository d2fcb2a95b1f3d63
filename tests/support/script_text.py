"""Lines of made-up text in ten scripts, with what troubles tokenizers."""

import random
from typing import List

SCRIPTS = {
    "Latin": "the Quick naïve café größe Łódź çok don't e-mail 3.14 İstanbul".split(),
    "Cyrillic": "собака бежит по дороге ёлка Київ мой 2026 объём".split(),
    "Greek": "ο σκύλος τρέχει γρήγορα ΑΘΗΝΑ θάλασσα ώρα".split(),
    "Arabic": "الكلب يجري بسرعة في الطريق كِتَاب ١٢٣ لا".split(),
    "Hebrew": "הכלב רץ מהר בדרך שָׁלוֹם ספר".split(),
    "Devanagari": "कुत्ता तेज़ दौड़ता है सड़क पर किताब १२".split(),
    "Thai": "สุนัข วิ่ง เร็ว บน ถนน น้ำ หนังสือ".split(),
    "Han": "狗在路上跑得很快 一本书 北京 天气很好。 中文ABC混合".split(),
    "Hangul": "개가 길에서 빨리 달린다 책 서울 안녕하세요".split(),
    "Georgian": "ძაღლი სწრაფად გარბის გზაზე წიგნი თბილისი".split(),
}
# Decomposed, full-width and joined letters, marks without width, runs of signs.
TROUBLE = [
    "e\u0301", "ＡＢＣ", "ﬁn", "a\u200bb", "\u00a0", "\u3000", "...", "«x»", "¿que?",
    "A\u0308", "①", "™", "100%", "#tag", "@me", "a_b", "x/y", "(z)", "\u200d", "😀",
]  # fmt: skip


def script_lines(count: int, seed: int = 0) -> List[str]:
    """Lines of two to nine words, the scripts in turn."""
    generator = random.Random(seed)
    lines = []
    for number in range(count):
        words = list(SCRIPTS.values())[number % len(SCRIPTS)]
        line = [generator.choice(words) for _ in range(generator.randint(2, 9))]
        if number % 3 == 0:
            line.insert(generator.randrange(len(line)), generator.choice(TROUBLE))
        lines.append(generator.choice([" ", " ", "  "]).join(line))
    return lines
