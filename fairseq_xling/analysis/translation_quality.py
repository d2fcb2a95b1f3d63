"""What a user should look at before training on translations."""

from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

import numpy as np
from tqdm import tqdm

from fairseq_xling.analysis.findings import Findings
from fairseq_xling.analysis.translated_rows import (
    Text,
    TranslatedRow,
    TranslatedSet,
    choose_languages,
    read_sets,
)
from fairseq_xling.analysis.translation_charts import draw_mixing, draw_quality
from fairseq_xling.analysis.translation_examples import examples_list, worst_texts
from fairseq_xling.analysis.translation_measures import (
    SCORER,
    distinct_texts,
    length_ratios,
    outlying,
    repeated,
    round_trip,
    summary,
    untranslated,
)
from fairseq_xling.analysis.translation_mixing import Mixer, compare, open_mixer
from fairseq_xling.analysis.translation_tables import mixing_table, quality_tables
from fairseq_xling.errors import UserError
from fairseq_xling.families.prediction import BatchOptions
from fairseq_xling.preprocessing.benchmarks import BENCHMARKS
from fairseq_xling.preprocessing.raw_layout import RawLayout

# ChrF takes some milliseconds a text.
MAX_ROWS = 10_000


class Choice(NamedTuple):
    """Which translations are looked at.

    Attributes:
        raw: the raw folder.
        task: whose it is.
        source_lang: the language with labels.
        langs: comma list; None for all.
        max_rows, seed: rows of each file that are scored, and of their choice.
    """

    raw: Path
    task: str
    source_lang: str = "en"
    langs: Optional[str] = None
    max_rows: int = MAX_ROWS
    seed: int = 1


def analyze_translation(
    choice: Choice,
    path: Optional[str],
    data: Optional[str],
    batches: BatchOptions,
) -> Findings:
    """Look at the translations of a raw folder.

    Args:
        path, data: of a model whose mixup ratios are compared with chrF, as of
            :func:`fairseq_xling.from_pretrained`; None for none.
        batches: how it is run.

    Raises:
        UserError: there are no translations, or nothing to compare a model with.
    """
    benchmark = BENCHMARKS[choice.task]
    files = benchmark.files.to_translate(**benchmark.settings)
    layout = RawLayout(choice.raw, choice.source_lang, benchmark.places, files)
    langs = choose_languages(layout, choice.langs)
    mixer = open_mixer(path, data, benchmark, batches) if path is not None else None
    entries: List[Dict[str, Any]] = []
    details = ""
    for one in read_sets(layout, langs):
        entry, examples = look_at(one, choice, mixer)
        entries.append(entry)
        details += examples
    markdown = quality_tables(entries)
    figures = {}
    for kind in dict.fromkeys(entry["kind"] for entry in entries):
        of_kind = [entry for entry in entries if entry["kind"] == kind]
        figures[kind.replace("translate", "translation")] = draw_quality(of_kind)
    if mixer is not None:
        if not any("mixing" in entry for entry in entries):
            raise UserError(
                f"--path: {choice.raw} has no back-translations, with which mixup "
                "ratios are compared; make them with preprocess/translate.py"
            )
        markdown += "\n" + mixing_table(entries)
        figures["translation-mixing"] = draw_mixing(entries)
    is_scored = any(entry["chrf"] for entry in entries)
    signature = str(SCORER.get_signature()) if is_scored else None
    told = {
        "folder": str(choice.raw),
        "task": choice.task,
        "source_lang": choice.source_lang,
        "model": path,
        "chrf": signature,
        "files": entries,
    }
    return Findings(told, markdown, figures, details)


def look_at(
    one: TranslatedSet, choice: Choice, mixer: Optional[Mixer]
) -> Tuple[Dict[str, Any], str]:
    """The numbers of a file of translations, and its worst texts in Markdown."""
    places = distinct_texts(one.rows)
    texts = list(places)
    characters, words = length_ratios(texts)
    kept, counted = untranslated(texts)
    shared = repeated(texts)
    drawn = draw_rows(one.rows, choice.max_rows, choice.seed)
    scores = score(drawn, one.title)
    entry: Dict[str, Any] = {
        "title": one.title,
        "kind": one.kind,
        "lang": one.lang,
        "file": one.name,
        "engine": one.engine,
        "counts": one.counts,
        "counted_by_translate": one.told,
        "texts": len(texts),
        "length_ratio": {"characters": summary(characters), "words": summary(words)},
        "outlying": int(outlying(texts, characters).sum()),
        "sharing_a_translation": sum(map(len, shared.values())),
        "source_words": counted,
        "source_words_kept": kept,
        "texts_with_chrf": len(scores),
        "chrf": summary(np.array(list(scores.values()))),
    }
    if mixer is not None and scores:
        entry["mixing"] = compare(mixer, drawn, scores, one.title)
    worst = worst_texts(places, characters, scores, shared)
    return entry, examples_list(one.title, worst)


def draw_rows(rows: List[TranslatedRow], most: int, seed: int) -> List[TranslatedRow]:
    """Some rows in their order, drawn at random."""
    chosen = np.random.default_rng(seed).permutation(len(rows))[:most]
    return [rows[row] for row in np.sort(chosen)]


def score(rows: List[TranslatedRow], title: str) -> Dict[Text, float]:
    """The chrF of each text that has a back-translation."""
    scores = {}
    texts = [text for text in distinct_texts(rows) if text.back is not None]
    for text in tqdm(texts, f"{title}: chrF", unit=" texts", disable=None):
        scores[text] = round_trip(text)
    return scores
