"""Sentences whose words carry their part of speech, in XTREME's file layout.

Some nouns and adjectives also serve as verbs, in the same form ("the saw", "the farmer
saw the bread"): their tag follows from where they stand, not from the word.
"""

from dataclasses import replace
from pathlib import Path
from typing import Dict, List, Sequence

import numpy as np
from demo.files import save
from demo.grammar import (
    ADJECTIVES,
    NEGATORS,
    NOUNS,
    PLACES,
    VERBS,
    Clause,
    pick,
)
from demo.languages import (
    SOURCE,
    TARGETS,
    Speaker,
    Token,
    Translator,
    translate_through,
)

TAGS = ("ADJ", "ADP", "ADV", "AUX", "DET", "NOUN", "VERB")
# Nouns and adjectives that are verbs too.
VERBS_TOO = ("hammer", "saw", "train", "harbor", "clean", "tidy", "slow")


def draw_sentence(generator: np.random.Generator) -> Clause:
    """Draw a description (one in five) or a sentence with a verb."""
    draw = generator.random
    if draw() < 0.2:
        sentence = Clause(pick(generator, NOUNS), pick(generator, ADJECTIVES))
    else:
        sentence = Clause(
            subject=pick(generator, NOUNS),
            adjective=pick(generator, ADJECTIVES) if draw() < 0.6 else None,
            verb=pick(generator, VERBS_TOO if draw() < 0.4 else VERBS),
            object=pick(generator, NOUNS),
            place=pick(generator, PLACES) if draw() < 0.4 else None,
        )
    if draw() < 0.3:
        sentence = replace(sentence, negator=pick(generator, NEGATORS))
    return sentence


def draw_sentences(generator: np.random.Generator, count: int) -> List[Clause]:
    """Draw some sentences."""
    return [draw_sentence(generator) for _ in range(count)]


def columns(sentences: Sequence[Sequence[Token]], tagged: bool = True) -> str:
    """The sentences as a file has them: a word a line, a blank line after each.

    Args:
        sentences: in order.
        tagged: whether a second column holds the tags.
    """
    return "".join(
        "".join(f"{t.word}\t{t.tag}\n" if tagged else f"{t.word}\n" for t in sentence)
        + "\n"
        for sentence in sentences
    )


def write_tagging(
    folder: Path,
    speakers: Dict[str, Speaker],
    sizes: Dict[str, int],
    seed: int,
    noise: float,
) -> None:
    """Write the tagged sentences, the same ones in every language, and translations.

    Args:
        folder: to write to.
        speakers: of all languages, by code.
        sizes: number of sentences of ``"train"``, ``"dev"`` and ``"test"``.
        seed: of the sentences and of the translator's errors.
        noise: error rate of the translator.
    """
    sets = {
        split: draw_sentences(np.random.default_rng((seed, 11, i)), sizes[split])
        for i, split in enumerate(("train", "dev", "test"))
    }
    for split, sentences in sets.items():
        for lang, speaker in speakers.items():
            # In other languages, labelled training rows serve as an upper bound.
            said = [speaker.parse(sentence) for sentence in sentences]
            save(folder / f"{split}-{lang}.tsv", columns(said))
    english = speakers[SOURCE]
    for i, target in enumerate(TARGETS):
        lang = target.code
        files = (
            (f"translate-train/{SOURCE}-{lang}", "train", speakers[lang], 1),
            (f"translate-train-{SOURCE}/{SOURCE}-{lang}-{SOURCE}", "train", english, 2),
            (f"translate-dev/dev-{lang}-{SOURCE}", "dev", english, 1),
            (f"translate-test/test-{lang}-{SOURCE}", "test", english, 1),
        )
        for j, (name, split, speaker, steps) in enumerate(files):
            translators = [
                Translator(noise, np.random.default_rng((seed, 12, i, 2 * j + step)))
                for step in range(steps)
            ]
            said = [translate_through(translators, c, speaker) for c in sets[split]]
            save(folder / f"{name}-translated.tsv", columns(said, tagged=False))
