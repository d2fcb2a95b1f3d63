"""Real tagged sentences and questions through preprocessing, where they are at hand."""

import json
import sys
from types import SimpleNamespace
from typing import List

import numpy as np
import pytest
from binarized import preprocess, stream
from fairseq.data import Dictionary
from mbert_data import write_wordpiece
from question_data import covered_text
from real_files import DATA, needs
from small_spm import train_spm
from training import ROOT

sys.path.insert(0, str(ROOT / "preprocess"))

from real_data import lay_out, read_sentences  # noqa: E402

from fairseq_xling.data.labels import LABELS  # noqa: E402
from fairseq_xling.families.questions.encode import (  # noqa: E402
    QuestionEncoder,
    token_span,
)
from fairseq_xling.families.questions.metric import exact_match  # noqa: E402
from fairseq_xling.families.questions.raw import QuestionFile  # noqa: E402
from fairseq_xling.families.tagging.raw import SentenceFile  # noqa: E402

XQUAD = DATA / "qa" / "xquad"
needs_xquad, needs_pos = needs("qa/xquad"), needs("pos/pud", "pos/ewt")
LANGUAGES = "ar de el en es ru tr vi zh".split()


def half_of_xquad() -> List[str]:
    """The lines of every other passage."""
    passages = []
    for path in sorted(XQUAD.glob("xquad.*.json")):
        articles = json.loads(path.read_text(encoding="utf-8"))["data"]
        texts = [p["context"] for article in articles for p in article["paragraphs"]]
        passages += [line for text in texts[::2] for line in text.split("\n")]
    return passages


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> SimpleNamespace:
    """A SentencePiece model of 8000 pieces."""
    folder = tmp_path_factory.mktemp("xquad_spm")
    options = {"character_coverage": 0.9995, "max_sentence_length": 100000}
    trained = train_spm(folder, half_of_xquad(), 8000, num_threads=2, **options)
    dictionary = Dictionary.load(trained.dictionary)
    trained.encoder = QuestionEncoder(trained.model, dictionary)
    return trained


@pytest.fixture(scope="module")
def wordpieces(tmp_path_factory) -> QuestionEncoder:
    """A WordPiece tokenizer of 8000 pieces."""
    folder = tmp_path_factory.mktemp("xquad_wordpiece")
    write_wordpiece(folder, half_of_xquad(), 8000)
    dictionary = Dictionary.load(str(folder / "dict.txt"))
    return QuestionEncoder(str(folder / "tokenizer.json"), dictionary)


def gold_spans(encoder, lang):
    """Gold answers with the text that their tokens give back, and where that stands."""
    rows = list(QuestionFile([XQUAD / f"xquad.{lang}.json"]).rows())
    passages = sorted({row.context for row in rows})
    contexts = dict(zip(passages, encoder.encode_contexts(passages)))
    for row in rows:
        text, start = row.answers[0]
        context = contexts[row.context]
        first, last = token_span(context, start, start + len(text))
        given = covered_text(row.context, context, first, last)
        yield (
            text,
            given,
            (start, start + len(text)),
            (
                (context.begins[first], context.ends[first]),
                (context.begins[last], context.ends[last]),
            ),
        )


@needs_xquad
@pytest.mark.parametrize("kind", ["sentencepiece", "wordpiece"])
def test_gold_answers_come_back_unless_they_begin_or_end_inside_a_piece(
    model, wordpieces, kind
):
    encoder = model.encoder if kind == "sentencepiece" else wordpieces
    print(f"\n{kind}: gold answers of XQuAD back: exactly, by SQuAD's exact match")
    for lang in LANGUAGES:
        exact, matching = [], []
        for text, given, (start, end), (first, last) in gold_spans(encoder, lang):
            exact.append(given == text)
            matching.append(exact_match(given, text))
            if given != text:
                assert text in given
                assert first[0] < start < first[1] or last[0] < end < last[1]
        assert len(exact) == 1190
        assert np.mean(exact) > 0.97
        print(f"{lang}: {np.mean(exact):.2%}, {np.mean(matching):.2%}")


@needs_xquad
def test_real_questions_are_laid_out_and_binarized(model, tmp_path):
    lay_out("xquad", DATA, tmp_path / "raw", rate=0.2, noisy_source=False)
    folder = tmp_path / "bin"
    langs = "--target-langs=ar,zh"
    manifest = preprocess("xquad", tmp_path / "raw", model, folder, langs)
    assert manifest.languages == ["en", "ar", "zh"]
    rows = {split: by_lang["en"].rows for split, by_lang in manifest.splits.items()}
    assert sum(rows.values()) == 1190 and rows["train"] > 800
    for split, by_lang in manifest.splits.items():
        for lang, entry in by_lang.items():
            assert entry.rows == rows[split]
            spans = stream(folder, split, lang, "span")
            tokens = stream(folder, split, lang, "input")
            lengths = stream(folder, split, lang, "context_length")
            for (first, last), ids, [length] in zip(spans, tokens, lengths):
                assert len(ids) - 1 - length <= first <= last < len(ids) - 1
    for split in ("valid", "test"):
        for lang in manifest.languages:
            path = folder / f"{split}.{lang}.examples.jsonl"
            with open(path, encoding="utf-8") as file:
                examples = [json.loads(line) for line in file]
            spans = stream(folder, split, lang, "span")
            offsets = stream(folder, split, lang, "offsets")
            lengths = map(len, stream(folder, split, lang, "input"))
            for example, span, flat, size in zip(examples, spans, offsets, lengths):
                begins = size - 1 - len(flat) // 2
                first, last = (position - begins for position in span)
                given = example["context"][flat[2 * first] : flat[2 * last + 1]]
                assert example["answers"][0] in given


@needs_pos
def test_real_sentences_are_laid_out_and_binarized(spm, tmp_path):
    lay_out("udpos", DATA, tmp_path / "raw", rate=0.2, noisy_source=False)
    folder = tmp_path / "bin"
    langs = "--target-langs=ru,zh"
    manifest = preprocess("udpos", tmp_path / "raw", spm, folder, langs)
    english = read_sentences(tmp_path / "raw/train-en.tsv")
    assert manifest.splits["train"]["en"].rows == len(english) == 12544 + 700
    for lang in ("ru", "zh"):
        assert manifest.splits["train"][lang].rows == 700
        # The last 700 English sentences are the ones that were translated.
        for name in ("word_starts", "tags"):
            want = stream(folder, "train", "en", name)[-700:]
            assert stream(folder, "train", lang, f"source_{name}") == want
        assert stream(folder, "train", lang, "backtranslation").count([]) == 0
        want = [
            [4 + LABELS["udpos"].index(line.split("\t")[1]) for line in lines]
            for lines in read_sentences(tmp_path / f"raw/test-{lang}.tsv")
        ]
        assert stream(folder, "test", lang, "tags") == want
        starts = stream(folder, "test", lang, "word_starts")
        assert [len(row) for row in starts] == [len(row) for row in want]
        assert all(row == sorted(set(row)) for row in starts)


@needs_pos
def test_conllu_has_the_words_and_tags_of_the_reduced_file():
    path = DATA / "pos/conllu_sample/es_pud-ud-test.first200.conllu"
    known = {tag: tag for tag in LABELS["udpos"]}
    rows = list(SentenceFile([path], known).rows())
    reduced = SentenceFile([DATA / "pos/pud/test-es.tsv"], known).rows()
    assert len(rows) == 200
    for row, want in zip(rows, reduced):
        assert (row.words, row.tags) == (want.words, want.tags)
