"""The demo's languages: labels by construction, cue words, chosen distances."""

import hashlib
import json
import subprocess
import sys
import unittest.mock
from pathlib import Path

import numpy as np
import pytest
from fairseq.data.indexed_dataset import MMapIndexedDataset
from forked import run_in_fork
from raw_data import files
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from training import ROOT, environment

sys.path.insert(0, str(ROOT / "preprocess"))

import demo_languages  # noqa: E402
from demo import grammar  # noqa: E402
from demo.languages import (  # noqa: E402
    TARGETS,
    Speaker,
    Translator,
    translate_through,
)
from refusals import refused

from fairseq_xling.data.binarize import TextEncoder  # noqa: E402
from fairseq_xling.data.dictionaries import load_dictionary  # noqa: E402
from fairseq_xling.data.tokenizers import find_tokenizer  # noqa: E402

SIZES = ["--train-rows=600", "--dev-rows=60", "--test-rows=60", "--lines=300"]
# Of what the script wrote before it wrote further folders.
TINY = ["--train-rows=30", "--dev-rows=6", "--test-rows=6", "--lines=50"]
KINDS = ("sentencepiece", "wordpiece")
TINY_DIGEST = "6d854a9df9e2d42321fe268f4522482f5d11928b4cf8ed4b42846790ab95a7c5"


def write_demo(out: Path, *options: str) -> Path:
    command = ["demo_languages.py", str(out), *SIZES, *options]
    with unittest.mock.patch.object(sys, "argv", command):
        demo_languages.main()
    return out


@pytest.fixture(scope="module")
def demo(tmp_path_factory) -> Path:
    return write_demo(tmp_path_factory.mktemp("demo") / "raw")


def read(path: Path) -> list:
    return [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()]


def test_files_follow_from_the_seed(tmp_path):
    first, again, other = (
        files(write_demo(tmp_path / name, *TINY, *options))
        for name, options in (("first", []), ("again", []), ("other", ["--seed=2"]))
    )
    assert again == first != other


def test_pairs_and_text_are_the_same_as_without_the_other_folders(tmp_path):
    out = write_demo(tmp_path / "tiny", *TINY)
    digest = hashlib.sha256()
    for folder in ("xnli", "monolingual"):
        for name, content in files(out / folder).items():
            digest.update(f"{folder}/{name}".encode() + content)
    assert digest.hexdigest() == TINY_DIGEST


def test_other_folders_have_the_chosen_share_of_the_rows(demo):
    tagged = (demo / "udpos" / "train-en.tsv").read_text(encoding="utf-8")
    assert tagged.count("\n\n") == 300
    squad = json.loads((demo / "qa" / "squad" / "train-v1.1.json").read_bytes())
    assert len(squad["data"][0]["paragraphs"]) == 300
    for lang in ["en"] + [target.code for target in TARGETS]:
        for split, lines in (("train", 300), ("valid", 6)):
            path = demo / "monolingual-qa" / f"{split}.{lang}.txt"
            assert len(path.read_text(encoding="utf-8").splitlines()) == lines


def test_few_pairs_can_have_translations_and_these_their_own_errors(demo, tmp_path):
    few = write_demo(tmp_path / "few", "--translated-rows=60", "--pair-noise=0.6")
    translations = "xnli/translate-train/en-qac-translated.tsv"
    back = "xnli/translate-train-en/en-qac-en-translated.tsv"
    assert len(read(few / translations)) == len(read(few / back)) == 60
    pairs = read(few / "xnli/train-en.tsv")
    assert [row[:2] for row in read(few / translations)] == [x[:2] for x in pairs[:60]]
    # Nothing else changes: labelled rows, tags, questions, text.
    changed = {
        name for name, content in files(few).items() if content != files(demo)[name]
    }
    assert changed and all(name.startswith("xnli/translate") for name in changed)
    name = "xnli/translate-test/test-qac-en-translated.tsv"
    right = read(demo / "xnli/test-en.tsv")
    wrong = [
        sum(row[:2] != gold[:2] for row, gold in zip(read(folder / name), right))
        for folder in (demo, few)
    ]
    assert wrong[1] > wrong[0]


def test_layout_is_xtremes_and_classes_are_balanced(demo):
    for lang in ["en"] + [target.code for target in TARGETS]:
        labels = [row[2] for row in read(demo / "xnli" / f"train-{lang}.tsv")]
        assert sorted(map(labels.count, grammar.LABELS)) == [200, 200, 200]
        assert (demo / "monolingual" / f"train.{lang}.txt").exists()
    for target in TARGETS:
        name = f"translate-train/en-{target.code}-translated.tsv"
        rows = read(demo / "xnli" / name)
        english = read(demo / "xnli" / "train-en.tsv")
        assert [row[:2] + row[4:] for row in rows] == english


def test_label_follows_from_how_the_hypothesis_differs():
    generator = np.random.default_rng(0)
    for label in grammar.LABELS:
        for _ in range(200):
            premise, hypothesis = grammar.draw_pair(generator, label, exchanged=0)
            changed = {
                slot
                for slot in ("subject", "verb", "object", "place", "negator")
                if getattr(premise, slot) != getattr(hypothesis, slot)
            }
            assert hypothesis.adjective in (premise.adjective, None)
            if label == "entailment":
                (slot,) = changed
                member = getattr(premise, slot)
                assert grammar.CLASS_OF[member] == getattr(hypothesis, slot)
            else:
                cue = "place" if label == "neutral" else "negator"
                assert changed == {cue} and getattr(premise, cue) is None


def test_exchanged_adjectives_relate_as_the_label_says():
    generator = np.random.default_rng(0)
    poles = grammar.POLES["adjective"]
    for label in grammar.LABELS:
        for _ in range(200):
            premise, hypothesis = grammar.draw_pair(generator, label, exchanged=1)
            assert premise.adjective != hypothesis.adjective
            scale, pole = poles[hypothesis.adjective]
            other_scale, other_pole = poles[premise.adjective]
            if scale != other_scale:
                assert label == "neutral"
            else:
                same = pole == other_pole
                assert label == ("entailment" if same else "contradiction")


def alone(part: int, exchanged: float) -> float:
    """Accuracy of a bag-of-words reader of one of the two sentences."""
    generator = np.random.default_rng(1)
    labels = list(grammar.LABELS) * 1000
    speaker = Speaker(None, 1)
    pairs = [grammar.draw_pair(generator, label, exchanged) for label in labels]
    texts = [" ".join(speaker.say(pair[part])) for pair in pairs]
    features = CountVectorizer(ngram_range=(1, 2)).fit_transform(texts)
    model = LogisticRegression(max_iter=200).fit(features[:2000], labels[:2000])
    return model.score(features[2000:], labels[2000:])


def test_premise_alone_does_not_give_the_label():
    assert alone(part=0, exchanged=0.1) < 0.40


def test_hypothesis_alone_gives_the_label_only_where_it_has_a_cue_word():
    assert alone(part=1, exchanged=1.0) < 0.40
    # Cues in nine of ten pairs, and a guess among three classes in the tenth.
    assert alone(part=1, exchanged=0.1) == pytest.approx(0.9 + 0.1 / 3, abs=0.03)


def test_languages_share_the_chosen_part_of_their_words_with_the_source():
    shares = []
    for target in TARGETS:
        words = Speaker(target, 1).words
        shared = [word for word, said in words.items() if word == said]
        shares.append(len(shared) / len(grammar.VOCABULARY))
        assert shares[-1] == pytest.approx(target.anchors, abs=0.01)
        assert len(set(words.values())) == len(words)
    assert shares == sorted(shares, reverse=True)


def test_word_order_and_endings_are_the_languages_own():
    clause = grammar.Clause("dog", "big", "likes", "cat", "market", "never")
    said = {target.code: Speaker(target, 1) for target in TARGETS}
    for target in TARGETS:
        words = said[target.code].words
        sentence = said[target.code].say(clause)
        position = {x: sentence.index(words[x]) for x in ("dog", "big", "likes")}
        object_at = sentence.index(words["cat"] + target.object_suffix)
        assert (position["big"] > position["dog"]) == target.adjective_last
        assert (position["likes"] > object_at) == target.verb_last
        assert sentence.index(words["never"]) == position["likes"] - 1
        assert (words["the"] in sentence) == (not target.drops_article)


def test_translator_without_errors_is_exact_and_with_errors_is_not():
    generator = np.random.default_rng(3)
    speaker = Speaker(TARGETS[0], 1)
    clauses = [grammar.draw_scene(generator) for _ in range(400)]
    exact = Translator(0.0, np.random.default_rng(0))
    assert all(
        translate_through([exact], c, speaker) == speaker.parse(c) for c in clauses
    )
    rates = []
    for rate in (0.05, 0.2):
        noisy = Translator(rate, np.random.default_rng(0))
        wrong = [
            translate_through([noisy], c, speaker) != speaker.parse(c) for c in clauses
        ]
        rates.append(np.mean(wrong))
    assert 0.1 < rates[0] < rates[1] < 0.95


def binarize_command(demo, kind, folder) -> list:
    script = str(ROOT / "preprocess" / "monolingual.py")
    arguments = [str(demo / "monolingual"), "--vocabulary=300", f"--tokenizer={kind}"]
    return [script, *arguments, f"--destdir={folder}"]


@pytest.fixture(scope="module")
def models(demo, tmp_path_factory) -> dict:
    """The demo's text binarized by each kind of tokenizer."""
    folders = {x: tmp_path_factory.mktemp(x) / "model" for x in KINDS}
    for kind, folder in folders.items():
        run_in_fork(binarize_command(demo, kind, folder), check=True)
    return folders


@pytest.mark.parametrize("kind", KINDS)
def test_text_is_binarized_as_fairseq_reads_it(demo, models, kind):
    folder = models[kind]
    dictionary = load_dictionary(str(folder / "dict.txt"))
    data = MMapIndexedDataset(str(folder / "bin" / "valid"))
    encoder = TextEncoder(str(find_tokenizer(folder)), dictionary)
    assert encoder.tokenizer.kind == kind
    paths = sorted((demo / "monolingual").glob("valid.*.txt"))
    lines = [line for path in paths for line in path.read_text().splitlines()]
    assert len(data) == len(lines)
    for i in (0, len(lines) - 1):
        pieces = " ".join(encoder.tokenizer.tokenize(lines[i]))
        want = dictionary.encode_line(pieces, add_if_not_exist=False)
        assert data[i].tolist() == want.tolist()
        assert dictionary.unk() not in want.tolist()


def test_wordpieces_are_the_same_every_time(demo, models, tmp_path):
    """In a process of its own: Python hashes texts in another way there."""
    command = binarize_command(demo, "wordpiece", tmp_path / "again")
    subprocess.run([sys.executable, *command], check=True, env=environment())
    for name in ("tokenizer.json", "dict.txt"):
        made = (folder / name for folder in (models["wordpiece"], tmp_path / "again"))
        assert next(made).read_bytes() == next(made).read_bytes()


def test_only_a_folder_of_the_script_is_replaced(tmp_path):
    (tmp_path / "raw" / "xnli").mkdir(parents=True)
    real = tmp_path / "raw" / "xnli" / "train-en.tsv"
    real.write_text("real data")
    for options in ((), ("--overwrite",)):
        with refused("raw: exists"):
            write_demo(tmp_path / "raw", *TINY, *options)
    assert real.read_text() == "real data"
    out = write_demo(tmp_path / "demo", *TINY)
    before = files(out)
    assert files(write_demo(out, *TINY, "--overwrite")) == before
    (out / "udpos" / "mine.tsv").touch()
    with refused("holds udpos/mine.tsv"):
        write_demo(out, *TINY, "--overwrite")
    with refused("--lines 0: give 1 or more"):
        write_demo(tmp_path / "none", *TINY, "--lines=0")
    assert not (tmp_path / "none").exists()
