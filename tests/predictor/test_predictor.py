"""fairseq_xling.from_pretrained: text in, tags, answers or classes out."""

import json
import shutil
from argparse import Namespace
from collections import OrderedDict

import numpy as np
import pytest
import torch
from family_data import copy_with
from raw_questions import question_file, read_questions
from raw_tags import read_tags
from refusals import refused
from small_model import checkpoint

import fairseq_xling
from fairseq_xling import from_pretrained
from fairseq_xling.checkpoints.task_model import load_task_model
from fairseq_xling.cli.evaluate import build_parser
from fairseq_xling.cli.options import batch_options
from fairseq_xling.evaluation.evaluate import predict_split
from fairseq_xling.families.tagging.raw import split_words

FILES = ("dict.txt", "sentencepiece.bpe.model")
SENTENCES = ["der Hund läuft", "Katze", "ein großes Haus im Hundehaus unter rot"]


def evaluated(models, name, lang):
    """What xling-evaluate predicts for a test set."""
    path = getattr(models, name)
    task, model = load_task_model(str(path), str(models.data))
    args = build_parser().parse_args([str(models.data), "--path", str(path)])
    return predict_split(task, model, "test", batch_options(args))[lang]


def translations(models, lang):
    path = models.raw / f"translate-test/test-{lang}-en-translated.txt"
    lines = path.read_text(encoding="utf-8").split("\n")[:-1]
    return [line or None for line in lines]


@pytest.mark.parametrize("lang", ["en", "de", "zh"])
def test_tags_are_those_of_xling_evaluate(tagged, tagger, lang):
    want = evaluated(tagged, "mixed", lang)
    words = [words for words, _ in read_tags(tagged.raw / f"test-{lang}.tsv")]
    sources = None if lang == "en" else translations(tagged, lang)
    got = tagger.predict(words, sources)
    assert [one["words"] for one in got] == words
    assert [one["tags"] for one in got] == list(want.predicted())
    for one, row in zip(got, want.rows):
        largest = row.probabilities.max(axis=1)
        assert one["probabilities"] == pytest.approx(largest.tolist(), abs=1e-5)
    if lang != "en":
        # The sources take part, but for the sentence that has none.
        alone = tagger.predict(words)
        same = [
            one["probabilities"] == pytest.approx(two["probabilities"], abs=1e-6)
            for one, two in zip(got, alone)
        ]
        assert [row for row, is_same in enumerate(same) if is_same] == [2]


@pytest.mark.parametrize("name", ["mixed", "zero"])
@pytest.mark.parametrize("lang", ["en", "de", "zh"])
def test_answers_are_those_of_xling_evaluate(asked, lang, name):
    want = evaluated(asked, name, lang)
    rows = read_questions(asked.raw / question_file("test", lang))
    sources = None
    if lang != "en":
        path = asked.raw / question_file("test", lang, "en")
        by_id = {row["id"]: row for row in read_questions(path)}
        found = [by_id.get(row["id"]) for row in rows]
        sources = [one and (one["question"], one["context"]) for one in found]
        assert sum(source is None for source in sources) == 1
    predictor = from_pretrained(getattr(asked, name).parent)
    got = predictor.predict(rows, sources)
    n_best = json.loads("".join(want.n_best()))
    for one, listed in zip(got, n_best.values()):
        assert [x["answer"] for x in one["n_best"]] == [x["text"] for x in listed]
        for key in ("start", "probability"):
            expected = [x[key] for x in listed]
            assert [x[key] for x in one["n_best"]] == pytest.approx(expected, abs=1e-5)
        best = {
            key: one["n_best"][0][key] for key in ("answer", "start", "probability")
        }
        assert {key: one[key] for key in best} == best


@pytest.mark.parametrize("lang", ["en", "de"])
def test_class_probabilities_are_those_of_xling_evaluate(paired, classifier, lang):
    want = evaluated(paired, "mixed", lang).probabilities("mean")
    lines = (paired.raw / f"test-{lang}.tsv").read_text(encoding="utf-8").splitlines()
    rows = [line.split("\t")[:2] for line in lines]
    sources = None
    if lang == "de":
        path = paired.raw / "translate-test/test-de-en-translated.tsv"
        lines = path.read_text(encoding="utf-8").splitlines()
        sources = [line.split("\t")[:2] for line in lines]
    got = classifier.predict(rows, sources)
    names = ["contradiction", "entailment", "neutral"]
    for one, row in zip(got, want):
        assert list(one["probabilities"]) == names
        assert list(one["probabilities"].values()) == pytest.approx(row, abs=1e-5)
        assert one["label"] == names[row.argmax()]
    if lang == "de":
        alone = classifier.predict(rows)
        assert alone[0]["probabilities"] != pytest.approx(got[0]["probabilities"])


def test_model_without_mixup_inference_leaves_sources_out(paired, tmp_path):
    def leave_out(state):
        state["cfg"]["task"]["no_mixup_inference"] = True

    predictor = from_pretrained(copy_with(paired.mixed, tmp_path, leave_out))
    row, source = ("der Hund läuft", "die Katze"), ("the dog runs", "the cat")
    assert predictor.predict([row], [source]) == predictor.predict([row])


@pytest.mark.parametrize("family", ["tagger", "reader", "classifier"])
def test_batches_and_order_do_not_matter(request, family):
    predictor = request.getfixturevalue(family)
    texts = [sentence * length for sentence in SENTENCES for length in (1, 4)]
    inputs = texts
    if family != "tagger":
        inputs = [(f"{text[:9]}", text) for text in texts]
    # Some with a source, some without.
    sources = [inputs[i - 1] if i % 2 else None for i in range(len(inputs))]
    want = predictor.predict(inputs, sources)
    order = [4, 0, 5, 2, 1, 3]
    for batch_size in (1, 4):
        got = predictor.predict(
            [inputs[i] for i in order], [sources[i] for i in order], batch_size
        )
        for i, one in zip(order, got):
            same_values(one, want[i])


def same_values(one, two):
    """Nested values that are the same but for rounding."""
    if isinstance(one, dict):
        assert list(one) == list(two)
        one, two = list(one.values()), list(two.values())
    if isinstance(one, list):
        assert len(one) == len(two)
        for a, b in zip(one, two):
            same_values(a, b)
    else:
        assert one == (pytest.approx(two, abs=1e-5) if isinstance(one, float) else two)


def test_forms_of_an_input_are_equal(tagger, reader, classifier):
    words = ["der", "Hund", "läuft", "."]
    forms = ["der Hund läuft.", words, tuple(words), {"words": words}]
    forms += [{"text": "der Hund läuft."}, np.array(words)]
    assert split_words(forms[0]) == words
    for predictor, given in (
        (tagger, forms),
        (reader, [("wer?", "der Hund"), {"question": "wer?", "context": "der Hund"}]),
        (
            classifier,
            [
                ["der Hund", "läuft"],
                {"premise": "der Hund", "hypothesis": "läuft"},
                {"sentence1": "der Hund", "sentence2": "läuft", "other": 3},
            ],
        ),
    ):
        first, *others = (predictor.predict([form])[0] for form in given)
        for other in others:
            same_values(other, first)


def test_nothing_gives_nothing(tagger, reader, classifier):
    for predictor in (tagger, reader, classifier):
        assert predictor.predict([]) == [] == predictor.predict([], [])


def test_answer_far_behind_is_found_in_its_window(reader):
    context = " ".join(["der Hund läuft im Haus unter groß"] * 30)
    (row,) = reader.predict([("wer läuft?", context)])
    for answer in row["n_best"]:
        end = answer["start"] + len(answer["answer"])
        assert context[answer["start"] : end] == answer["answer"]
    assert len(row["n_best"]) == 20


def test_long_sentence_is_tagged_word_by_word_and_long_pair_is_cut(tagger, classifier):
    words = ["Hund"] * 150 + ["x" * 90] + ["Katze"] * 20
    (row,) = tagger.predict([words])
    assert row["words"] == words
    assert len(row["tags"]) == len(row["probabilities"]) == 171
    long = "der Hund läuft " * 100
    (cut,) = classifier.predict([(long, "Katze")])
    (longer,) = classifier.predict([(long * 2, "Katze")])
    (other,) = classifier.predict([(long, "läuft rot rot unter im Haus")])
    same_values(cut, longer)
    assert cut["probabilities"] != pytest.approx(other["probabilities"], abs=1e-6)


def test_texts_of_which_nothing_is_left_are_predicted(tagger, reader, classifier):
    nothing = "\u200b"
    assert tagger.predict([nothing])[0]["words"] == [nothing]
    (row,) = reader.predict([("wer?", nothing)])
    assert row["answer"] == "" and row["n_best"]
    assert reader.predict([(nothing, "der Hund")])[0]["answer"] in "der Hund"
    (row,) = classifier.predict([(nothing, nothing)])
    assert sum(row["probabilities"].values()) == pytest.approx(1)


@pytest.mark.parametrize(
    "wrong, message",
    [
        ("", "no words"),
        (" \t", "no words"),
        ([], "no words"),
        ({}, "no words"),
        ({"words": None}, "no words"),
        (None, "no words"),
        (5, "no words"),
        ({"premise": "a"}, "no words"),
        (["a", ""], "words must not be empty"),
        (["a", " "], "words must not be empty"),
        (["a", None], "words must be text, not NoneType"),
        (["a", 3], "words must be text, not int"),
        ([["a", "NOUN"]], "words must be text, not list"),
        (b"abc", "words must be text, not int"),
        ("a \ud800", "half a character"),
    ],
)
def test_what_is_no_sentence_is_refused_by_number(tagger, wrong, message):
    with refused(f"^input 2: {message}"):
        tagger.predict(["Hund", wrong])
    if wrong is not None:
        with refused(f"^source 2: {message}"):
            tagger.predict(["Hund", "Katze"], ["dog", wrong])


@pytest.mark.parametrize(
    "wrong, message",
    [
        ("one text", "give {}"),
        (None, "give {}"),
        (7, "give {}"),
        (("a",), "give {}"),
        (("a", "b", "c"), "give {}"),
        ({}, "give {}"),
        ({"question": "a", "premise": "b"}, "give {}"),
        (("a", ""), "{} must not be empty"),
        ((" ", "b"), "{} must not be empty"),
        (("a", None), "{} must be text, not NoneType"),
        ((1, "b"), "{} must be text, not int"),
        (("a", ["b"]), "{} must be text, not list"),
        (("a", "\udfff"), "half a character"),
    ],
)
@pytest.mark.parametrize("family", ["reader", "classifier"])
def test_what_is_no_pair_is_refused_by_number(request, family, wrong, message):
    names = "question and context" if family == "reader" else "premise and hypothesis"
    predictor = request.getfixturevalue(family)
    with refused(f"^input 1: {message.format(names)}"):
        predictor.predict([wrong, ("a", "b")])


def test_lists_that_do_not_fit_are_refused(tagger):
    with refused("2 inputs, but 1 sources"):
        tagger.predict(["a", "b"], ["c"])
    # A text would else be read as one input a character.
    with refused("inputs: give a list of them"):
        tagger.predict("der Hund")
    with refused("sources: give a list of them"):
        tagger.predict(["ab"], "cd")
    with refused("batch_size 0: give 1 or more"):
        tagger.predict(["a"], batch_size=0)


@pytest.mark.parametrize("family", ["tagged", "asked", "paired"])
def test_files_beside_the_checkpoint_do_where_the_data_are_gone(
    request, tmp_path, family
):
    models = request.getfixturevalue(family)

    def forget(state):
        state["cfg"]["task"]["data"] = str(tmp_path / "gone")

    folder = tmp_path / "model"
    copy_with(models.mixed, folder, forget)
    with refused("dict.txt and sentencepiece.*: not found") as e:
        from_pretrained(folder)
    assert str(folder) in str(e.value) and str(tmp_path / "gone") in str(e.value)
    text = "der Hund läuft" if family == "tagged" else ("wer?", "der Hund läuft")
    (want,) = from_pretrained(models.mixed).predict([text])
    assert from_pretrained(folder, data=models.data).predict([text]) == [want]
    for name in FILES:
        shutil.copy(models.data / name, folder)
    assert from_pretrained(folder).predict([text]) == [want]


def test_wrong_folders_and_files_are_refused(tagged, tmp_path):
    with refused("missing: not found; give a checkpoint"):
        from_pretrained(tmp_path / "missing")
    with refused("neither checkpoint_best.pt nor model.pt in"):
        from_pretrained(tmp_path)
    with refused("other.pt: not found; give a checkpoint"):
        from_pretrained(tagged.mixed.parent, "other.pt")
    with refused(f"not found in {tmp_path};"):
        from_pretrained(tagged.mixed, data=tmp_path)
    for name in FILES:
        shutil.copy(tagged.data / name, tmp_path)
    lines = (tmp_path / "dict.txt").read_text().splitlines()
    (tmp_path / "dict.txt").write_text("\n".join(reversed(lines)) + "\n")
    # As long as the right one, so that the model would load and predict nonsense.
    with refused("best.pt: .*/dict.txt is not the dictionary"):
        from_pretrained(tagged.mixed, data=tmp_path)
    shutil.copy(tagged.data / "dict.txt", tmp_path)
    (tmp_path / FILES[1]).write_bytes(b"not a model")
    with refused("bpe.model: not a SentencePiece model"):
        from_pretrained(tagged.mixed, data=tmp_path)


def test_checkpoint_of_another_architecture_is_refused_by_name(tagged, tmp_path):
    def widen(state):
        state["cfg"]["model"].encoder_ffn_embed_dim = 64

    path = copy_with(tagged.mixed, tmp_path, widen)
    with refused("checkpoint_best.pt: .*--encoder-ffn-embed-dim"):
        from_pretrained(path)


def test_checkpoint_without_a_task_has_states_but_predicts_nothing(paired, tmp_path):
    def forget(state):
        state["task_state"] = {}

    path = copy_with(paired.mixed, tmp_path, forget)
    predictor = from_pretrained(path)
    assert predictor.family is None
    for inputs in ([("a", "b")], []):
        with refused("best.pt: does not tell its task and labe"):
            predictor.predict(inputs)
    pair = ("der Hund", "läuft")
    (want,) = from_pretrained(paired.mixed).mix([pair], [pair])
    (got,) = predictor.mix([pair], [pair])
    np.testing.assert_array_equal(got.target.features, want.target.features)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_checkpoint_of_another_kind_is_refused(paired, tmp_path):
    for name in FILES:
        shutil.copy(paired.data / name, tmp_path)
    options = Namespace(arch="roberta_base", criterion="masked_lm", task="masked_lm")
    for content, message in (
        (checkpoint(options, OrderedDict(x=torch.ones(2))), "--encoder-layers 0, "),
        ({"args": None, "cfg": None, "model": {}}, "no options of a model|not a fairs"),
    ):
        torch.save(content, tmp_path / "model.pt")
        with refused(f"model.pt: .*({message})"):
            from_pretrained(tmp_path)


def test_model_that_predicts_no_numbers_is_refused(request, tmp_path):
    for family, head in (
        ("tagged", "token_heads.tagging_head"),
        ("asked", "token_heads.span_head"),
        ("paired", "classification_heads.sentence_classification_head"),
    ):
        models = request.getfixturevalue(family)

        def spoil(state, head=head):
            state["model"][f"{head}.out_proj.bias"].fill_(float("nan"))

        path = copy_with(models.mixed, tmp_path / family, spoil)
        text = "Hund" if family == "tagged" else ("wer?", "Hund")
        with refused("not numbers; give an earlier checkpoint"):
            from_pretrained(path).predict([text])


def test_package_offers_it():
    assert fairseq_xling.from_pretrained is from_pretrained
    assert "from_pretrained" in fairseq_xling.__all__
