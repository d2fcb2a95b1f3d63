"""Inputs that are translated to the source language on the way."""

import io
import json
import signal
import sys
from types import SimpleNamespace

import pytest
from raw_questions import read_questions
from refusals import refused

from fairseq_xling import from_pretrained
from fairseq_xling.cli import predict
from fairseq_xling.errors import UserError
from fairseq_xling.translation.engine import Engine, EngineOptions

UPPER = "command:tr a-z A-Z"


class Noted(Engine):
    """Writes capitals, and nothing for some sentences."""

    kind = "noted"

    def __init__(self, nothing=()):
        super().__init__("", "de", "en", EngineOptions())
        self.nothing, self.asked = nothing, []

    def run(self, sentences):
        self.asked += sentences
        return ["" if text in self.nothing else text.upper() for text in sentences]


@pytest.fixture(params=["tagger", "reader", "classifier"])
def family(request):
    """A predictor, inputs of its form, and the same in capitals."""
    predictor = request.getfixturevalue(request.param)
    if request.param == "tagger":
        inputs = [["der", "Hund", "rot"], ["ein", "Haus"], "der Hund rot"]
        sources = ["DER HUND ROT", "EIN HAUS", "DER HUND ROT"]
    elif request.param == "classifier":
        inputs = [("der Hund", "ein Haus"), ("rot", "der Hund")]
        sources = [("DER HUND", "EIN HAUS"), ("ROT", "DER HUND")]
    else:
        asked = request.getfixturevalue("asked")
        rows = read_questions(asked.raw / "xquad/xquad.de.json")[:3]
        inputs = [(row["question"], row["context"]) for row in rows]
        sources = [(one.upper(), two.upper()) for one, two in inputs]
    return SimpleNamespace(predictor=predictor, inputs=inputs, sources=sources)


def test_translated_inputs_are_those_with_the_translations_as_sources(family):
    predictor, engine = family.predictor, Noted()
    got = predictor.predict(family.inputs, translate=engine)
    assert got == predictor.predict(family.inputs, family.sources)
    assert got != predictor.predict(family.inputs)
    assert len(engine.asked) == len(set(engine.asked)) > 1


def test_given_sources_stay_and_what_comes_back_empty_is_predicted_alone(classifier):
    inputs = [("der Hund", "rot"), ("ein Haus", "rot"), ("Katze", "ein Haus")]
    engine = Noted(nothing=["Katze"])
    given = [("the dog", "red"), None, None]
    got = classifier.predict(inputs, given, translate=engine)
    wanted = [("the dog", "red"), ("EIN HAUS", "ROT"), None]
    assert got == classifier.predict(inputs, wanted)
    assert engine.asked == ["ein Haus", "rot", "Katze"]


def test_engine_is_named(classifier):
    inputs, sources = [("der hund", "ein haus")], [("DER HUND", "EIN HAUS")]
    got = classifier.predict(inputs, translate=UPPER, lang="de")
    assert got == classifier.predict(inputs, sources)


@pytest.mark.parametrize(
    "engine, lang, message",
    [
        (UPPER, None, "give lang, the language of the inputs"),
        (UPPER, "en", "from en to en is no translation"),
        ("tr a-z A-Z", "de", "give command:..., fairseq:..., hf:..., python:..."),
        ("command:false", "de", "false"),
    ],
)
def test_engine_that_cannot_do_it_ends_in_a_line(classifier, engine, lang, message):
    with pytest.raises(UserError) as caught:
        classifier.predict([("der Hund", "rot")], translate=engine, lang=lang)
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_model_without_mixup_inference_wants_no_translations(paired):
    predictor = from_pretrained(paired.mixed.parent)
    predictor.task.cfg.no_mixup_inference = True
    with refused("--no-mixup-inference and reads no"):
        predictor.predict([("der Hund", "rot")], translate=UPPER, lang="de")


def test_engine_that_ends_before_it_has_read_ends_in_a_line(paired, tmp_path):
    path = tmp_path / "lines"
    path.write_text("der Hund\trot\n" * 20, encoding="utf-8")
    words = [str(path), "--path", str(paired.mixed.parent), "--lang", "de", "--cpu"]
    arguments = predict.build_parser().parse_args([*words, "--translate=command:true"])
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    with refused("command:true: wrote 0 lines for 2 sentences"):
        predict.main(arguments)
    assert signal.getsignal(signal.SIGPIPE) == signal.SIG_IGN


def test_command_translates_lines_without_source(paired, classifier, monkeypatch):
    lines = [
        {"premise": "der hund", "hypothesis": "rot"},
        {"premise": "ein haus", "hypothesis": "rot", "source": ["a house", "red"]},
    ]
    text = "".join(json.dumps(line) + "\n" for line in lines).encode()
    out = io.StringIO()
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(text)))
    monkeypatch.setattr(sys, "stdout", out)
    words = ["--path", str(paired.mixed.parent), "--translate", UPPER, "--lang", "de"]
    predict.main(predict.build_parser().parse_args([*words, "--cpu"]))
    inputs = [("der hund", "rot"), ("ein haus", "rot")]
    wanted = classifier.predict(inputs, [("DER HUND", "ROT"), ("a house", "red")])
    assert [json.loads(x) for x in out.getvalue().splitlines()] == wanted
