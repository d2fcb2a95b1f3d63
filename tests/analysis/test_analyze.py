"""xling-analyze as a user runs it: numbers, tables and pictures of every kind."""

import itertools
import json

import numpy as np
import pytest
import torch
from analyzed import run
from refusals import refused

from fairseq_xling.analysis import ratio_by_language
from fairseq_xling.analysis.cka_by_language import Aligned
from fairseq_xling.analysis.models import load_model
from fairseq_xling.analysis.sentence_states import open_rows
from fairseq_xling.cli.analyze import KINDS, build_parser, inputs_of
from fairseq_xling.evaluation.result_files import read_models
from fairseq_xling.models.inspection import inspect_mixing

LANGS = ("en", "de", "sw", "zh")


def results(folder, scores, task="xnli", paths=None, **more):
    """What xling-evaluate writes."""
    models = {
        name: {
            "path": str((paths or {}).get(name, f"models/{name}/checkpoint_best.pt")),
            "predict": "mean",
            "scores": {"mean": {**by_lang, "average": np.mean(list(by_lang.values())),
                                "gap": 10.0, **more}},
        }
        for name, by_lang in scores.items()
    }  # fmt: skip
    head = {"task": task, "split": "test", "source_lang": "en", "metric": "accuracy"}
    langs = list(dict.fromkeys(itertools.chain(*scores.values())))
    folder.mkdir(exist_ok=True)
    path = folder / "results.json"
    path.write_text(json.dumps({**head, "languages": langs, "models": models}))
    return path


def scores(*values):
    return dict(zip(LANGS, values))


def test_cka_is_written_with_and_without_mixing(paired, tmp_path):
    found = results(tmp_path, {"mixed": {"en": 90.0, "de": 80.0}})
    options = ["--path", paired.mixed, "--results", found, "--cpu", "--batch-size"]
    outcomes = [
        run(tmp_path / size, "cka", paired.data, *options, size) for size in ("3", "64")
    ]
    one, other = (outcome.numbers["models"] for outcome in outcomes)
    assert [x["inference"] for x in one] == ["alone", "mixed"]
    for x, y in zip(one, other):
        np.testing.assert_allclose(x["cka"]["de"], y["cka"]["de"], atol=1e-5)
        assert len(x["cka"]["de"]) == 3 and x["rows"] == {"de": 9}
        # With one target language there is no correlation.
        assert x["spearman"] == {"rho": None, "p": None, "languages": 1}
    # The embeddings are not mixed, the first layer is.
    alone, mixed = (x["cka"]["de"] for x in one)
    assert alone[0] == pytest.approx(mixed[0], abs=1e-6)
    assert abs(mixed[1] - alone[1]) > 1e-5
    assert outcomes[0].pictures == {"cka", "cka-layers"}
    assert "| mixed, mixing |" in outcomes[0].table


def test_cka_of_a_model_with_itself_as_source_is_one(paired, tmp_path):
    """Counterparts that are the rows themselves, by copied streams."""
    data = tmp_path / "bin"
    data.mkdir()
    for path in paired.data.iterdir():
        name = path.name
        if name.startswith("test.de.source"):
            path = paired.data / name.replace("source", "input")
        (data / name).write_bytes(path.read_bytes())
    options = ["--path", paired.mixed, "--cpu", "--layers", "last"]
    found = run(tmp_path / "out", "cka", data, *options)
    assert found.numbers["models"][0]["cka"]["de"][0] == pytest.approx(1, abs=1e-6)
    assert found.pictures == {"cka"}


@pytest.mark.parametrize("kind", ["pca", "centroids"])
def test_maps_show_every_language_alone_and_mixed(paired, tmp_path, kind):
    options = ["--path", paired.mixed, "--cpu", "--max-rows", 6]
    found = run(tmp_path, kind, paired.data, *options)
    assert found.pictures == {kind}
    alone, mixed = found.numbers["models"]
    assert (alone["name"], mixed["name"]) == ("mixed", "mixed, mixing")
    for one in (alone, mixed):
        assert one["rows"] == {"en": 6, "de": 6} and one["layer"] == 2
        assert list(one["distance_to_source"]) == ["de"]
    assert mixed["distance_to_source"] != alone["distance_to_source"]
    if kind == "pca":
        assert np.shape(alone["points"]["de"]) == (6, 2)
    else:
        # Two centroids lie on one line, as far apart as they are in the whole space.
        points = np.array(list(alone["centroids"].values()))
        distance = np.linalg.norm(points[0] - points[1])
        assert distance == pytest.approx(alone["distance_to_source"]["de"], abs=1e-4)


def test_ratio_falls_with_dropped_words(paired, tmp_path):
    options = ["--path", paired.mixed, "--cpu", "--noise-rates", 100, 50, 50]
    found = run(tmp_path, "ratio", paired.data, *options)
    (layer,) = found.numbers["layers"]
    german = layer["languages"]["de"]
    rates = {(x["noise"], x["rate"]): x for x in german["conditions"]}
    assert list(rates) == [
        ("none", 0.0), ("drop", 50.0), ("drop", 100.0), ("swap", 50.0), ("swap", 100.0),
    ]  # fmt: skip
    assert layer["layer"] == 1 and german["pairs"] == 9
    clean, worst = rates["none", 0.0], rates["drop", 100.0]
    assert worst["entropy"]["mean"] < clean["entropy"]["mean"]
    assert worst["ratio"]["mean"] < clean["ratio"]["mean"]
    assert german["spearman_of_rate_and_entropy"]["drop"] < 0
    again = run(
        tmp_path / "2", "ratio", paired.data, *options, "--batch-size", 2
    ).numbers
    (other,) = again["layers"]
    for x, y in zip(german["conditions"], other["languages"]["de"]["conditions"]):
        assert x["entropy"]["mean"] == pytest.approx(y["entropy"]["mean"], abs=1e-4)


def test_ratio_runs_no_layer_above_those_that_mix(paired, tmp_path, monkeypatch):
    options = ["--path", paired.mixed, "--cpu", "--noise-rates"]
    words = ["ratio", paired.data, *options, "--results-path", tmp_path]
    args = build_parser().parse_args(list(map(str, words)))
    task, model = load_model(str(paired.mixed), inputs_of(args))
    rows = open_rows(task, "de", inputs_of(args), with_source=True)
    batch = rows.collater([rows[number] for number in range(len(rows))])["net_input"]
    # By the whole model, in one batch.
    whole = inspect_mixing(model, batch["src_tokens"], batch["source_tokens"])
    (expected,) = whole.layers
    layers = model.encoder.sentence_encoder.layers
    assert expected.layer < len(layers)
    monkeypatch.setattr(layers[-1], "forward", None)  # would fail if it were called
    monkeypatch.setattr(ratio_by_language, "load_model", lambda *_: (task, model))
    (layer,) = run(tmp_path, "ratio", paired.data, *options).numbers["layers"]
    (clean,) = layer["languages"]["de"]["conditions"]
    for quantity in ("ratio", "entropy"):
        mean = float(getattr(expected, quantity).mean())
        assert clean[quantity]["mean"] == pytest.approx(mean, abs=1e-5)


def test_ratio_is_drawn_without_noise(paired, tmp_path):
    options = ["--path", paired.mixed, "--cpu", "--noise-rates"]
    (layer,) = run(tmp_path, "ratio", paired.data, *options).numbers["layers"]
    assert len(layer["languages"]["de"]["conditions"]) == 1


def test_questions_to_train_on_are_no_split_to_look_at(asked, tmp_path):
    arguments = ["ratio", asked.data, "--path", asked.mixed, "--cpu", "--split=train"]
    with refused("train.* has no stream offsets .* give another split"):
        run(tmp_path / "refused", *arguments)
    assert not (tmp_path / "refused").exists()


def test_what_does_not_fit_is_refused(paired, tmp_path):
    options = ["--path", paired.mixed, "--cpu"]
    other = results(tmp_path, {"another": scores(1.0, 2.0)})
    mixed = {"mixed": scores(1.0, 2.0)}
    tags = results(tmp_path / "tags", mixed, task="udpos")
    dev = results(tmp_path / "dev", mixed)
    dev.write_text(dev.read_text().replace('"split": "test"', '"split": "valid"'))
    for arguments, message in (
        (["cka", paired.data, *options, "--results", other], "no scores of mixed"),
        (["cka", paired.data, *options, "--results", tags], "on test of xnli"),
        (["cka", paired.data, *options, "--results", dev], "on test of xnli"),
        (["cka", paired.data, *options, "--split", "train"], None),
        (["cka", paired.data, *options, "--layers", "3"], "--layers 3"),
        (["pca", paired.data, *options, "--layer", "all"], "--layer all: give last"),
        (["pca", paired.data, *options, "--names", "a", "b"], "give 1 different"),
        (["pca", paired.data, *options, "--max-rows", "1"], "--max-rows 1"),
        (["ratio", paired.data, *options, "--noise-rates", "0"], "--noise-rates 0"),
        (["pca", paired.data, "--path", tmp_path / "x.pt"], "x.pt: not found"),
        (["gap", tmp_path / "none.json"], "none.json"),
        (["gap", other, "--models", "mine"], "no scores of mine"),
        (["layers", other], "another/checkpoint_best.pt: not found"),
        (["layers", other, "--layers", "1", "2"], "give one"),
        (["layers", other, "--baseline", "me"], "--baseline me"),
        (["unseen", other, "--seen", "fr"], "--seen fr"),
        (["unseen", other, "--seen", "en,de"], "no unseen languages"),
    ):
        if message is None:
            run(tmp_path / "fits", *arguments)
            continue
        with refused(message):
            run(tmp_path / "refused", *arguments)
    assert not (tmp_path / "refused").exists()


def test_correlation_is_over_target_languages(tmp_path):
    path = results(tmp_path, {"a": scores(99.0, 70.0, 50.0, 60.0)})
    (scored,) = read_models([str(path)])
    cka = {"de": [0.1, 0.9], "sw": [0.2, 0.3], "zh": [0.3, 0.5], "fr": [0.5, 0.6]}
    one = Aligned("a", "alone", [0, 1], cka, {}, scored)
    assert one.correlation() == {
        "rho": pytest.approx(1.0), "p": pytest.approx(2 / 6), "languages": 3,
    }  # fmt: skip


def test_gaps_stand_by_task(tmp_path):
    both = {"a": scores(90.0, 80.0), "b": scores(90.0, 70.0)}
    first = results(tmp_path / "1", both)
    second = results(tmp_path / "2", {"a": both["a"]}, task="panx", gap=4.0)
    found = run(tmp_path, "gap", second, first.parent)
    assert found.numbers["models"] == {"a": {"xnli": 10.0, "panx": 4.0},
                                       "b": {"xnli": 10.0}}  # fmt: skip
    assert "| a | 10.0 | 4.0 | 7.0 |\n| b | 10.0 | - | - |\n" in found.table


def write_record(path, **options):
    path.parent.mkdir(parents=True)
    state = {"languages": options.pop("languages", None)}
    cfg = {"model": options, "task": options}
    torch.save({"cfg": cfg, "task_state": state}, path)
    return path


def test_layers_are_those_of_the_checkpoints(tmp_path):
    paths = {
        f"m{layer}": write_record(tmp_path / f"m{layer}/c.pt", mixup_layer=layer)
        for layer in ("4", "1", "2,3")
    }
    every = {name: scores(80.0, 70.0 + i) for i, name in enumerate(["base", *paths])}
    path = results(tmp_path, every, paths=paths)
    found = run(
        tmp_path, "layers", path, "--models", "m4", "m1", "--baseline", "base"
    )  # fmt: skip
    assert found.numbers["tasks"] == [
        {"task": "xnli", "metric": "accuracy", "baselines": {"base": 75.0},
         "average_by_layer": {"1": 76.0, "4": 75.5}},
    ]  # fmt: skip
    assert "| XNLI | 76.0 | 75.5 | 75.0 |" in found.table
    with refused("mixes in layer 2,3"):
        run(tmp_path / "2", "layers", path, "--models", "m2,3")
    with refused("second model"):
        run(tmp_path / "2", "layers", path, "--models", "m4", "m1", "--layers", 1, 1)


def test_seen_languages_are_those_of_the_checkpoints(tmp_path):
    paths = {
        name: write_record(tmp_path / name / "c.pt", training_set=way, languages=langs)
        for name, way, langs in (
            ("a", "pairs", ["en", "de"]),
            ("b", "concatenated", ["en", "de"]),
            ("c", "source", list(LANGS)),
            ("d", "pairs", None),
        )
    }
    both = {"a": scores(90.0, 80.0, 60.0, 50.0), "b": scores(91.0, 78.0, 65.0, 50.0)}
    path = results(tmp_path, both, paths=paths)
    found = run(tmp_path, "unseen", path)
    assert found.numbers["seen"] == ["en", "de"]
    assert found.numbers["unseen"] == ["sw", "zh"]
    first, second = found.numbers["models"]
    assert (first["seen"], first["unseen"], first["average"]) == (85.0, 55.0, 70.0)
    assert second["difference"] == scores(1.0, -2.0, 5.0, 0.0)
    row = "| b minus a | +1.0 | -2.0 | -0.5 | +5.0 | +0.0 | +2.5 | +1.0 |"
    assert row in found.table
    every = {**both, "c": both["a"], "d": both["b"]}
    path = results(tmp_path, every, paths=paths)
    found = run(tmp_path, "unseen", path, "--models", "c")
    assert found.numbers["seen"] == ["en"]
    with refused("c was trained on en, a on de,en"):
        run(tmp_path, "unseen", path, "--models", "a", "c")
    with refused("does not say which languages"):
        run(tmp_path, "unseen", path, "--models", "d")


def test_every_kind_is_told_of(capsys):
    for kind in KINDS:
        with pytest.raises(SystemExit):
            build_parser().parse_args([kind, "--help"])
        assert "--results-path" in capsys.readouterr().out
