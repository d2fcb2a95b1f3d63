"""Write the demo's raw folders: made-up languages at graded distances from a source.

    python preprocess/demo_languages.py OUT_DIR [--seed 1]

``OUT_DIR/xnli`` holds sentence pairs in XTREME's raw layout and ``OUT_DIR/monolingual``
running text in every language; ``OUT_DIR/udpos`` tagged sentences, ``OUT_DIR/qa``
passages with questions and ``OUT_DIR/monolingual-qa`` running text like these.
Everything follows from the seed and the options.
"""

import argparse
import json
import re
import sys
from pathlib import Path
from typing import Dict, List, Tuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from demo.files import save
from demo.grammar import LABELS, Clause, draw_document, draw_pair
from demo.languages import SOURCE, TARGETS, Speaker, Translator, translate_through
from demo.questions import write_question_text, write_questions
from demo.tagging import write_tagging

from fairseq_xling.errors import UserError, one_line_errors
from fairseq_xling.files.atomic import atomic_folder
from fairseq_xling.files.destination import Output, check_replaceable, names_below
from fairseq_xling.files.json_text import parse_json
from fairseq_xling.option_values import flag_of

Pair = Tuple[Clause, Clause, str]

# Tells that a folder was made here, and of which files.
RECORD = "demo.json"
# Sentences to tag, and passages to ask about, for each sentence pair.
TAGGED = {"train": 0.5, "dev": 0.6, "test": 0.6}
PASSAGES = {"train": 0.5, "dev": 0.2, "test": 0.2}


def write(path: Path, rows: List[List[str]]) -> None:
    """Write rows of columns, tab-separated."""
    save(path, "".join("\t".join(row) + "\n" for row in rows))


def draw_pairs(generator: np.random.Generator, rows: int) -> List[Pair]:
    """Draw pairs with their labels, the classes equally often, in random order."""
    labels = [LABELS[i % len(LABELS)] for i in range(rows)]
    generator.shuffle(labels)
    return [(*draw_pair(generator, label), label) for label in labels]


def said(pairs: List[Pair], speaker: Speaker) -> List[List[str]]:
    """The pairs in a language, without errors."""
    return [
        [" ".join(speaker.say(clause)) for clause in pair[:2]] + [pair[2]]
        for pair in pairs
    ]


def translated(
    pairs: List[Pair], speaker: Speaker, translators: List[Translator]
) -> List[List[str]]:
    """The pairs in a language, through one noisy translation or several."""
    rows = []
    for *clauses, label in pairs:
        row = []
        for clause in clauses:
            tokens = translate_through(translators, clause, speaker)
            row.append(" ".join(token.word for token in tokens))
        rows.append([*row, label])
    return rows


def pair_counts(args: argparse.Namespace) -> Dict[str, int]:
    """The number of sentence pairs of each split."""
    return {"train": args.train_rows, "dev": args.dev_rows, "test": args.test_rows}


def write_pairs(args: argparse.Namespace, speakers: Dict[str, Speaker]) -> None:
    """Write ``xnli/`` in XTREME's raw layout."""
    folder = args.out / "xnli"
    sets = {
        split: draw_pairs(np.random.default_rng((args.seed, 1, i)), count)
        for i, (split, count) in enumerate(pair_counts(args).items())
    }
    english = speakers[SOURCE]
    for split, pairs in sets.items():
        for lang, speaker in speakers.items():
            # In other languages, labelled training rows serve as an upper bound.
            write(folder / f"{split}-{lang}.tsv", said(pairs, speaker))
    for i, target in enumerate(TARGETS):
        lang, speaker = target.code, speakers[target.code]
        noise = args.noise if args.pair_noise is None else args.pair_noise
        translators = [
            Translator(noise, np.random.default_rng((args.seed, 2, i, j)))
            for j in range(2)
        ]
        chosen = sets["train"][: args.translated_rows]
        source = said(chosen, english)
        foreign = translated(chosen, speaker, translators[:1])
        write(
            folder / "translate-train" / f"{SOURCE}-{lang}-translated.tsv",
            [s[:2] + t for s, t in zip(source, foreign)],
        )
        write(
            folder
            / f"translate-train-{SOURCE}"
            / f"{SOURCE}-{lang}-{SOURCE}-translated.tsv",
            translated(chosen, english, translators),
        )
        for split in ("dev", "test"):
            write(
                folder
                / f"translate-{split}"
                / f"{split}-{lang}-{SOURCE}-translated.tsv",
                translated(sets[split], english, translators[:1]),
            )


def write_text(args: argparse.Namespace, speakers: Dict[str, Speaker]) -> None:
    """Write ``monolingual/``: one document a line, different ones in each language."""
    for i, (lang, speaker) in enumerate(speakers.items()):
        generator = np.random.default_rng((args.seed, 3, i))
        for split, lines in (("train", args.lines), ("valid", args.lines // 50)):
            rows = []
            for _ in range(lines):
                clauses = draw_document(generator)
                rows.append([" . ".join(" ".join(speaker.say(c)) for c in clauses)])
            write(args.out / "monolingual" / f"{split}.{lang}.txt", rows)


def own_files(out: Path) -> Output:
    """The folder of this script that is at ``out``, by its record."""
    names = [RECORD]
    try:
        names += parse_json((out / RECORD).read_text(encoding="utf-8"))["files"]
    except FileNotFoundError:
        pass  # It is none.
    except (ValueError, TypeError, KeyError, OSError) as error:
        raise UserError(f"{out / RECORD}: cannot be read ({error})") from None
    return Output(
        "a folder of this script", [RECORD], re.compile("|".join(map(re.escape, names)))
    )


@one_line_errors()
def main() -> None:
    """Read the options and write the folders."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path, metavar="OUT_DIR")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--train-rows", type=int, default=4000)
    parser.add_argument("--dev-rows", type=int, default=500)
    parser.add_argument("--test-rows", type=int, default=1000)
    parser.add_argument("--lines", type=int, default=6000, help="documents a language")
    parser.add_argument(
        "--noise", type=float, default=0.1, help="error rate of the translator"
    )
    parser.add_argument(
        "--pair-noise", type=float, help="that for sentence pairs (default: --noise)"
    )
    parser.add_argument(
        "--translated-rows",
        type=int,
        help="training pairs that have a translation, the first (default: all)",
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="replace a folder of this script"
    )
    args = parser.parse_args()
    for name in ("train_rows", "dev_rows", "test_rows", "lines"):
        if getattr(args, name) < 1:
            option = flag_of(name)
            raise UserError(f"{option} {getattr(args, name)}: give 1 or more")
    check_replaceable(args.out, args.overwrite, own_files(args.out), [])
    with atomic_folder(args.out) as args.out:
        write_all(args)
        files = sorted(names_below(args.out))
        text = json.dumps({"files": files}, indent=2) + "\n"
        (args.out / RECORD).write_text(text, encoding="utf-8")


def write_all(args: argparse.Namespace) -> None:
    """Write all folders into ``args.out``."""
    speakers = {SOURCE: Speaker(None, args.seed)}
    speakers.update({t.code: Speaker(t, args.seed) for t in TARGETS})
    write_pairs(args, speakers)
    write_text(args, speakers)
    counts = pair_counts(args)
    tagged = {split: round(share * counts[split]) for split, share in TAGGED.items()}
    write_tagging(args.out / "udpos", speakers, tagged, args.seed, args.noise)
    passages = {split: round(part * counts[split]) for split, part in PASSAGES.items()}
    write_questions(args.out / "qa", speakers, passages, args.seed, args.noise)
    write_question_text(args.out / "monolingual-qa", speakers, args.lines, args.seed)


if __name__ == "__main__":
    main()
