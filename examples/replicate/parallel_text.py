"""The demo's sentences with their machine translations, to pre-train on.

    python examples/replicate/parallel_text.py RAW_XNLI OUT_DIR

``OUT_DIR`` gets ``{train,valid}.en-{lang}.{en,lang}.txt``, as preprocess/parallel.py
reads them: both sentences of each training pair, without its label.
"""

import argparse
from pathlib import Path

from plan import DEMO_LANGUAGES
from real_data import read

HELD_OUT_EVERY = 50


def write_text(raw: Path, out: Path) -> None:
    """Write the parallel text of all languages."""
    out.mkdir(parents=True, exist_ok=True)
    for lang in DEMO_LANGUAGES:
        rows = read(raw / f"translate-train/en-{lang}-translated.tsv")
        pairs = [(row[i], row[i + 2]) for row in rows for i in (0, 1)]
        # Sentences repeat; each is kept once.
        pairs = list(dict.fromkeys(pairs))
        held_out = pairs[::HELD_OUT_EVERY]
        train = [x for i, x in enumerate(pairs) if i % HELD_OUT_EVERY]
        for split, kept in (("train", train), ("valid", held_out)):
            for name, column in zip(("en", lang), zip(*kept)):
                path = out / f"{split}.en-{lang}.{name}.txt"
                text = "".join(f"{line}\n" for line in column)
                path.write_text(text, encoding="utf-8")
        print(f"{lang}: {len(train)} pairs, {len(held_out)} to validate on")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("raw", type=Path)
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    write_text(options.raw, options.out)
