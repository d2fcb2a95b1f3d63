"""extract_features and mix: states, alignments and ratios of both backbones."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mixing_model import LENGTH, write_model
from naive_mixing import naive_mix
from raw_data import WORDS
from refusals import refused

from fairseq_xling import from_pretrained
from fairseq_xling.families.tagging.raw import split_words

BACKBONES = ["xlmr", "mbert"]
SENTENCES = [
    "der Hund läuft",
    "Katze",
    "ein großes Haus im Hundehaus unter rot",
    "狗猫跑",
]
ENGLISH = ["the dog runs", "a cat", "dog", "the dog and a cat run in the big red house"]


@pytest.fixture(scope="module")
def folders(spm, tmp_path_factory):
    base = tmp_path_factory.mktemp("pretrained")
    return {name: write_model(base / name, name, spm) for name in BACKBONES}


@pytest.fixture(scope="module")
def mixers(folders):
    """Models of either backbone that mix in two layers, with learned ratios."""
    found = {}
    for name, folder in folders.items():
        found[name] = from_pretrained(folder, mixup_layer="1,3")
        for i, ratio in enumerate(found[name].model.ratio_modules()):
            ratio.weight_offset.data.fill_(0.3 - i)
            ratio.bias_offset.data.fill_(i - 0.4)
    return found


def token_ids(predictor, tokens):
    return [predictor.reader.dictionary.index(token) for token in tokens]


def same_features(one, two):
    assert one.tokens == two.tokens
    np.testing.assert_allclose(one.features, two.features, rtol=0, atol=1e-5)


def same_mixing(one, two):
    same_features(one.target, two.target)
    same_features(one.source, two.source)
    assert len(one.layers) == len(two.layers)
    for a, b in zip(one.layers, two.layers):
        assert a.layer == b.layer
        assert (a.ratio, a.entropy) == pytest.approx((b.ratio, b.entropy), abs=1e-5)
        np.testing.assert_allclose(a.alignment, b.alignment, rtol=0, atol=1e-5)


# States.


@pytest.mark.parametrize("backbone", BACKBONES)
@pytest.mark.parametrize("layer", [None, 0, 1, 2, 3])
def test_states_are_the_models_own_without_padding(mixers, backbone, layer):
    predictor = mixers[backbone]
    texts = [*SENTENCES, (SENTENCES[0], "der"), SENTENCES[0].split()]
    found = predictor.extract_features(texts, layer=layer, batch_size=4)
    assert len({len(one.tokens) for one in found}) > 3
    for one in found:
        tokens = torch.tensor([token_ids(predictor, one.tokens)])
        with torch.no_grad():
            last, extra = predictor.model(
                tokens, features_only=True, return_all_hiddens=True
            )
        want = last[0] if layer is None else extra["inner_states"][layer][:, 0]
        assert one.features.dtype == np.float32 and one.features.base is None
        assert one.features.shape == (len(one.tokens), 16)
        np.testing.assert_allclose(one.features, want, rtol=0, atol=1e-5)


@pytest.mark.parametrize("backbone", BACKBONES)
def test_tokens_are_pieces_with_specials(mixers, backbone):
    predictor = mixers[backbone]
    pieces = predictor.reader.encoder.tokenizer.tokenize
    middle = ["</s>"] * (2 if backbone == "xlmr" else 1)
    texts = ["der Hund läuft", ("der Hund", "läuft"), ["der", "Hundehaus", "läuft"]]
    sentence, pair, words = predictor.extract_features(texts)
    assert sentence.tokens == ["<s>", *pieces("der Hund läuft"), "</s>"]
    assert pair.tokens == [
        *("<s>", *pieces("der Hund"), *middle, *pieces("läuft"), "</s>")
    ]
    assert sentence.word_starts is None and pair.word_starts is None
    assert len(pieces("Hundehaus")) > 1
    by_word = [pieces(word) for word in ("der", "Hundehaus", "läuft")]
    assert words.tokens == ["<s>", *itertools.chain(*by_word), "</s>"]
    firsts = [words.tokens[start] for start in words.word_starts]
    assert firsts == [one[0] for one in by_word]
    assert words.features[words.word_starts].shape == (3, 16)


def test_named_texts_are_the_same_as_plain_ones(mixers):
    predictor = mixers["xlmr"]
    plain = ["der Hund", ("der", "Hund"), ("der", "Hund"), ["der", "Hund"]]
    named = [{"text": "der Hund"}, {"premise": "der", "hypothesis": "Hund"}]
    named += [{"question": "der", "context": "Hund"}, {"words": ("der", "Hund")}]
    for one, two in zip(*map(predictor.extract_features, (plain, named))):
        same_features(one, two)
    array = predictor.extract_features([np.array(["der", "Hund"])])[0]
    same_features(array, two)


def test_text_of_which_nothing_is_left_has_its_specials(mixers):
    for predictor in mixers.values():
        (one,) = predictor.extract_features(["\u200b"])
        assert one.tokens == ["<s>", "</s>"]
        (pair,) = predictor.mix(["\u200b"], ["Hund"])
        assert pair.layers[0].entropy == 0
        assert np.isfinite(pair.target.features).all()


# Mixing.


@pytest.mark.parametrize(
    "options",
    [
        {"mixup_layer": "1"},
        {"mixup_layer": "3,2"},
        {"mixup_layer": "1,3", "ratio_scores": "hidden"},
        {"mixup_layer": "2", "mixup_ratio": "constant", "mixup_max_ratio": 0.3},
    ],
)
@pytest.mark.parametrize("backbone", BACKBONES)
def test_mixing_is_that_of_the_paper(folders, backbone, options):
    predictor = from_pretrained(folders[backbone], **options)
    for i, ratio in enumerate(predictor.model.ratio_modules()):
        ratio.weight_offset.data.fill_(0.3 - i)
        ratio.bias_offset.data.fill_(i - 0.4)
    layers = sorted(map(int, options["mixup_layer"].split(",")))
    constant = 0.3 if options.get("mixup_ratio") == "constant" else None
    naive = {"layers": layers, "constant": constant}
    naive["ratio_scores"] = options.get("ratio_scores", "heads")
    targets = [*SENTENCES, ("der Hund", "läuft"), ["ein", "Haus"]]
    sources = [*ENGLISH, ("the dog in the red house", "runs"), ["a", "house"]]
    by_head = predictor.mix(targets, sources, per_head=True, batch_size=4)
    averaged = predictor.mix(targets, sources)
    for one, mean in zip(by_head, averaged):
        target, source, want = naive_mix(
            predictor.model,
            token_ids(predictor, one.target.tokens),
            token_ids(predictor, one.source.tokens),
            naive,
        )
        np.testing.assert_allclose(one.target.features, target, rtol=0, atol=2e-5)
        np.testing.assert_allclose(one.source.features, source, rtol=0, atol=2e-5)
        assert [layer.layer for layer in one.layers] == layers
        for layer, alone, (ratio, entropy, alignment) in zip(
            one.layers, mean.layers, want
        ):
            assert (layer.ratio, layer.entropy) == pytest.approx((ratio, entropy), 1e-5)
            assert (alone.ratio, alone.entropy) == pytest.approx((ratio, entropy), 1e-5)
            shape = (2, len(one.target.tokens), len(one.source.tokens))
            assert layer.alignment.shape == shape
            assert layer.alignment.dtype == alone.alignment.dtype == np.float32
            np.testing.assert_allclose(layer.alignment, alignment, rtol=0, atol=1e-5)
            want_mean = alignment.mean(axis=0)
            np.testing.assert_allclose(alone.alignment, want_mean, rtol=0, atol=1e-5)
            np.testing.assert_allclose(alone.alignment.sum(axis=1), 1, atol=1e-5)


def test_sources_stream_is_not_mixed(mixers):
    for predictor in mixers.values():
        pairs = predictor.mix(SENTENCES, ENGLISH)
        alone = predictor.extract_features(ENGLISH)
        for pair, one in zip(pairs, alone):
            same_features(pair.source, one)
        targets = predictor.extract_features(SENTENCES)
        for pair, one in zip(pairs, targets):
            assert np.abs(pair.target.features - one.features).max() > 0.1


@pytest.mark.parametrize("backbone", BACKBONES)
@settings(max_examples=20)
@given(data=st.data())
def test_batches_and_order_change_nothing(mixers, backbone, data):
    predictor = mixers[backbone]
    words = st.lists(st.sampled_from(WORDS["de"] + WORDS["zh"]), min_size=1, max_size=6)
    text = st.one_of(words.map(" ".join), words, words.map(lambda x: (x[0], x[-1])))
    targets = data.draw(st.lists(text, min_size=1, max_size=6))
    sources = [data.draw(text) for _ in targets]
    size = data.draw(st.integers(1, 7))
    found = predictor.extract_features(targets, batch_size=size)
    mixed = predictor.mix(targets, sources, batch_size=size)
    for one, pair, target, source in zip(found, mixed, targets, sources):
        same_features(one, predictor.extract_features([target])[0])
        same_mixing(pair, predictor.mix([target], [source])[0])


def test_nothing_stays_behind_in_the_model(mixers):
    predictor = mixers["xlmr"]
    before = {
        name: value.clone() for name, value in predictor.model.state_dict().items()
    }
    predictor.mix(SENTENCES, ENGLISH)
    for module in predictor.model.modules():
        assert not module._forward_hooks and not module.training
    for name, value in predictor.model.state_dict().items():
        assert torch.equal(value, before[name]), name


# Models with heads.


@torch.no_grad()
def test_classes_are_predicted_from_these_states(classifier):
    targets = [("der Hund", "läuft"), ["Katze", "Hund"]]
    sources = [("the dog", "runs"), ("cat", "the dog and a house")]
    predicted = classifier.predict(targets, sources)
    for one, pair in zip(predicted, classifier.mix(targets, sources)):
        states = torch.from_numpy(np.stack([pair.target.features[0]] * 2))
        states[1] = torch.from_numpy(pair.source.features[0])
        (head,) = classifier.model.classification_heads.values()
        probabilities = head(states.unsqueeze(1)).softmax(dim=-1).mean(dim=0)
        want = list(one["probabilities"].values())
        assert probabilities.tolist() == pytest.approx(want, abs=1e-5)
        assert pair.target.tokens.count("</s>") == 3
    (alone,) = classifier.extract_features(["der Hund"])
    assert alone.tokens.count("</s>") == 1


@torch.no_grad()
def test_tags_are_predicted_from_these_states(tagger):
    (head,) = tagger.model.token_heads.values()
    # As predict does, a tagger reads a sentence word by word.
    targets, sources = ["der Hund läuft.", ["Katze", "Hund"]], ["the dog runs.", "cat"]
    for mixed in (True, False):
        predicted = tagger.predict(targets, sources if mixed else None)
        found = tagger.extract_features(targets)
        if mixed:
            found = [pair.target for pair in tagger.mix(targets, sources)]
        for one, features in zip(predicted, found):
            states = torch.from_numpy(features.features[features.word_starts])
            probabilities = head(states).softmax(dim=-1).amax(dim=-1)
            assert probabilities.tolist() == pytest.approx(
                one["probabilities"], abs=1e-5
            )
            assert len(features.word_starts) == len(one["words"])
    assert split_words(targets[0]) == tagger.predict(targets)[0]["words"]


def test_reader_takes_questions_with_their_passages(reader):
    one = {"question": "wer läuft?", "context": "der Hund"}
    (pair,) = reader.mix([one], [("who runs?", "the dog")])
    assert pair.target.tokens.count("</s>") == pair.source.tokens.count("</s>") == 3
    assert pair.layers[0].alignment.shape == (
        len(pair.target.tokens),
        len(pair.source.tokens),
    )
    same_features(*reader.extract_features([one, ("wer läuft?", "der Hund")]))


# What is refused.


def test_model_that_does_not_mix_says_what_to_pass(folders):
    predictor = from_pretrained(folders["xlmr"])
    assert predictor.extract_features([]) == []
    for texts in ([], ["Hund"]):
        with refused('mixup_layer 0.*, mixup_layer="1"'):
            predictor.mix(texts, texts)


@pytest.mark.parametrize(
    "wrong, message",
    [
        ("", "the text must not be empty"),
        (5, "no words"),
        (None, "no words"),
        ([], "no words"),
        ({}, "give a text and a second one"),
        ({"text": None}, "no words"),
        ({"premise": "a"}, "give a text and a second one"),
        (("a",), "give a text and a second one .words go in a list"),
        (("a", "b", "c"), "give a text and a second one .words go in a list"),
        (("a", " "), "a text and .* must not be empty"),
        (["a", 3], "words must be text, not int"),
        ("a \ud800", "half a character"),
        ("Hund " * LENGTH, rf"\d+ tokens, but the model reads {LENGTH}; split it"),
    ],
)
def test_what_is_no_text_is_refused_by_number(mixers, wrong, message):
    predictor = mixers["mbert"]
    with refused(f"^text 2: {message}"):
        predictor.extract_features(["Hund", wrong])
    with refused(f"^target 1: {message}"):
        predictor.mix([wrong], ["Hund"])
    with refused(f"^source 1: {message}"):
        predictor.mix(["Hund"], [wrong])


def test_longest_text_is_read(mixers):
    for predictor in mixers.values():
        found = predictor.extract_features([[word] for word in WORDS["de"]])
        word, pieces = next(
            (word, len(one.tokens) - 2)
            for word, one in zip(WORDS["de"], found)
            if (LENGTH - 2) % (len(one.tokens) - 2) == 0
        )
        words = [word] * ((LENGTH - 2) // pieces)
        (one,) = predictor.extract_features([words])
        (pair,) = predictor.mix([words], ["Hund"])
        assert len(one.tokens) == len(pair.target.tokens) == LENGTH


@pytest.mark.parametrize("layer", [4, -1, 1.0, "1"])
def test_layer_that_is_none_is_refused(mixers, layer):
    with refused(f"layer {layer}: give 0 .* to 3, or None"):
        mixers["xlmr"].extract_features(["Hund"], layer=layer)


def test_lists_that_do_not_fit_are_refused(mixers):
    predictor = mixers["xlmr"]
    with refused("1 targets, but 2 sources"):
        predictor.mix(["a"], ["b", "c"])
    for call in (predictor.extract_features, lambda text: predictor.mix(["a"], text)):
        with refused("s: give a list of them"):
            call("Hund")
    with refused("batch_size 0: give 1 or more"):
        predictor.extract_features(["a"], batch_size=0)
