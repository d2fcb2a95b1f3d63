"""``fairseq_xling.augment``: virtual samples from Python."""

import difflib
from unittest import mock

import pytest
from augment_data import (
    draw_pairs,
    draw_words,
    generate_command,
    generate_in_fork,
    read_text,
    write_lm,
    write_pairs,
)
from fairseq.models.roberta import XLMRModel
from mbert_data import write_mbert
from raw_data import WORDS
from refusals import refused

from fairseq_xling import augment
from fairseq_xling.models import XMixupXLMRModel


@pytest.fixture(scope="module")
def lm(spm, tmp_path_factory):
    return write_lm(tmp_path_factory.mktemp("lm"), spm, is_published=True).parent


def test_sentences_come_back_as_sentences(spm, lm):
    texts = [" ".join(words) for words in draw_words("en", 5, seed=1)]
    results = augment(texts, str(lm), keep_duplicates=True, percentage=50)
    assert [len(variants) for variants in results] == [3] * 5
    for text, variants in zip(texts, results):
        for variant in variants:
            assert len(variant.text.split()) == len(text.split())
            assert variant.log_prob < 0


def test_pairs_come_back_as_pairs(lm):
    pairs = [tuple(pair) for pair in draw_pairs("en", 6, seed=2)]
    results = augment(pairs, str(lm), seed=4)
    assert all(1 <= len(variants) <= 4 for variants in results)
    for pair, variants in zip(pairs, results):
        for variant in variants:
            assert isinstance(variant.text, tuple)
            lengths = [len(text.split()) for text in variant.text]
            assert lengths == [len(text.split()) for text in pair]


@pytest.mark.parametrize("unit", ["word", "single"])
def test_words_stay_aligned_and_others_are_returned_as_given(lm, unit):
    texts = [["THE", "dog", "zzz", "\u200b", "runs"], ["one"]]
    results = augment(texts, str(lm), percentage=20, factor="5", mask_unit=unit)
    for words, variants in zip(texts, results):
        assert variants
        for variant in variants:
            assert len(variant.text) == len(words)
            differing = [a != b for a, b in zip(words, variant.text)]
            assert sum(differing) == 1


def test_an_mbert_writes_all_kinds_of_texts(tmp_path):
    lines = [" ".join(words) for words in WORDS.values()]
    folder = str(write_mbert(tmp_path / "mbert", [*lines, "don't , stop"]).parent)
    (variants,) = augment(["the dog runs"], folder, keep_duplicates=True, percentage=50)
    # A piece that goes on with a word stays one, so words stay as many.
    assert [len(one.text.split()) for one in variants] == [3] * 3
    (variants,) = augment([("the dog", "a cat runs")], folder, percentage=60)
    for one in variants:
        assert [len(text.split()) for text in one.text] == [2, 3]
    words = ["don't", "Haus", "klein", "собака"]
    (variants,) = augment([words], folder, percentage=25, factor="6")
    for one in variants:
        assert sum(a != b for a, b in zip(one.text, words)) == 1
        assert len(one.text) == 4 and not any(" " in word for word in one.text)


ODD = "the  dog \U0001f995 10\u00a0000 \u00bd cat, \u201cruns\u201d e\u0301 \ufb01 "
ODD += "\u72d7\u732b\u8dd1 small "


def kept(text, variant):
    """The parts of a text that a variant has as they were, masked ones cut out."""
    matcher = difflib.SequenceMatcher(None, text, variant, autojunk=False)
    return [text[a : a + n] for a, _, n in matcher.get_matching_blocks() if n]


@pytest.mark.parametrize("mask_unit", ["word", "piece"])
@pytest.mark.parametrize("backbone", ["xlmr", "mbert"])
def test_what_was_not_masked_stays_as_it_was_given(lm, tmp_path, backbone, mask_unit):
    folder = str(lm)
    if backbone == "mbert":
        lines = [" ".join(words) for words in WORDS.values()]
        folder = str(write_mbert(tmp_path / "mbert", lines).parent)
    options = {"percentage": 10, "factor": "8", "mask_unit": mask_unit}
    for text in (ODD, f"({ODD})"):
        pairs = augment([(text, text)], folder, aug_type="successive-max", **options)[0]
        variants = [one.text for one in augment([text], folder, **options)[0]]
        variants += [side for one in pairs for side in one.text]
        assert set(variants) != {text}
        for variant in variants:
            assert "<unk>" not in variant and "\u2047" not in variant
            # A few words are other ones; all else is there, in its order.
            assert sum(map(len, kept(text, variant))) >= 0.6 * len(text)
            spaces = [x for x in variant if x.isspace()]
            assert spaces == [x for x in text if x.isspace()]


def test_models_that_fill_no_masks_are_refused(spm, tmp_path):
    def lose_the_head(state):
        heads = [key for key in state["model"] if key.startswith("encoder.lm_head.")]
        for key in heads:
            del state["model"][key]

    def fine_tune(state):
        state["task_state"] = {"benchmark": "xnli"}

    for name, change, told in (
        ("headless", lose_the_head, "headless: no head for masked tokens; give"),
        ("tuned", fine_tune, "tuned: fine-tuned on xnli; give the masked"),
    ):
        folder = tmp_path / name
        folder.mkdir()
        write_lm(folder, spm, change=change, is_published=True)
        with refused(told):
            augment(["the dog"], str(folder))
        hub = XMixupXLMRModel.from_pretrained(str(folder))
        with refused(told.partition(": ")[2]):
            augment(["the dog"], hub)


def test_what_cannot_be_changed_comes_back(lm):
    assert [x.text for x in augment([""], str(lm))[0]] == [""]
    assert [x.text for x in augment([("", "")], str(lm))[0]] == [("", "")]
    assert [x.text for x in augment([[]], str(lm))[0]] == [[]]
    assert augment([], str(lm)) == []


def test_a_loaded_model_gives_the_same_and_seeds_differ(lm):
    texts = [" ".join(words) for words in draw_words("de", 8, seed=3)]
    hub = XLMRModel.from_pretrained(str(lm), checkpoint_file="model.pt")
    assert augment(texts, hub) == augment(texts, str(lm))
    assert augment(texts, hub, seed=2) != augment(texts, hub, seed=1)
    sampled = augment(texts, hub, sampling_topk=5, temperature=2.0)
    assert sampled != augment(texts, hub)


def test_a_text_does_not_depend_on_those_after_it(lm):
    texts = [" ".join(words) for words in draw_words("en", 8, seed=5)]
    few, many = augment(texts[:3], str(lm)), augment(texts, str(lm), max_tokens=20)
    assert [[x.text for x in variants] for variants in few] == [
        [x.text for x in variants] for variants in many[:3]
    ]


@pytest.mark.parametrize(
    "texts, options, told",
    [
        ("a sentence", {}, "give a list"),
        ([None], {}, "texts: number 0 is None; give a sentence"),
        (["a", 7], {}, "texts: number 1 is 7; give a sentence"),
        ([["a", None]], {}, r"texts: number 0 is \['a', None\]; give"),
        (["a", "b\0c"], {}, "texts: number 1 has a character NUL; remove it"),
        ([("a", "\ud800")], {}, "texts: number 0 has half a character"),
        (["a", ("b", "c")], {}, "one kind"),
        (["a"], {"aug_type": "max"}, "aug_type max"),
        (["a"], {"mask_unit": "letter"}, "mask_unit letter"),
        (["a"], {"percentage": 101}, "101"),
        (["a"], {"factor": "2x2"}, "2x2"),
        (["a"], {"temperature": 0}, "temperature 0"),
        (["a"], {"model": "/no/such/folder"}, "model.pt: not found"),
    ],
)
def test_wrong_arguments_are_named(lm, texts, options, told):
    with refused(told):
        augment(texts, **{"model": str(lm), **options})


def test_a_folder_of_something_else_is_refused_in_one_line(spm, tmp_path):
    def lose_the_head(state):
        state["model"].pop("encoder.lm_head.dense.weight")

    folder = write_lm(tmp_path, spm, change=lose_the_head, is_published=True).parent
    with refused("model.pt: not a"):
        augment(["a"], str(folder))


def test_the_command_makes_the_same_of_the_same_rows(spm, lm, tmp_path):
    pairs = draw_pairs("en", 6, seed=2)
    data = write_pairs(tmp_path / "data", spm, {"train": {"en": pairs}})
    out = tmp_path / "out"
    generate_in_fork(
        generate_command(data, lm / "model.pt", f"--results-path={out}", "--seed=7")
    )
    printed = read_text((out / "generate-train.txt").read_text(encoding="utf-8"))
    # The random words of a sample come from its stream's name, too.
    with mock.patch("fairseq_xling.multimix.augment.STREAM", "train.en"):
        results = augment([tuple(pair) for pair in pairs], str(lm), seed=7)
    for row, variants in enumerate(results):
        texts = ["\t".join(variant.text) for variant in variants]
        assert texts == [hypothesis.text for hypothesis in printed[row][1]]
