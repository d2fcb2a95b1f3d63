"""The replication: what it plans, and what it makes of what was measured."""

import argparse
import json
import math
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from fairseq.models import ARCH_CONFIG_REGISTRY
from hypothesis import given
from hypothesis import strategies as st
from recipe_calls import call_recipe
from refusals import refused
from scipy import stats
from training import ROOT

sys.path.insert(0, str(ROOT / "examples" / "replicate"))

import claims  # noqa: E402
import encoder_plan  # noqa: E402
import evaluation_plan  # noqa: E402
import evidence  # noqa: E402
import measured  # noqa: E402
import multimix_plan  # noqa: E402
import plan  # noqa: E402
import results_file  # noqa: E402
import run as replication  # noqa: E402
from recipes.hyperparameters import BENCHMARKS  # noqa: E402

import fairseq_xling.models  # noqa: E402, F401
from fairseq_xling.cli.multimix import build_parser as multimix_command  # noqa: E402
from fairseq_xling.stages import Stage, clear  # noqa: E402

SEEDS = [2, 3, 4]
LANGUAGES = ["en", *plan.DEMO_LANGUAGES]
# Scores of trainings, to which each seed adds one of NOISE.
SCORES = {"zero-shot": 60.0, "translate-train": 80.0, "xmixup": 85.0, "no-mixup": 85.0}
NOISE = {2: -0.1, 3: 0.0, 4: 0.1}


@given(st.lists(st.integers(-1000, 1000).map(lambda x: x / 10), min_size=2, max_size=9))
def test_interval_is_students(values):
    found = evidence.measure(values)
    assert found.mean == pytest.approx(np.mean(values))
    if np.ptp(values):
        expected = stats.ttest_1samp(values, 0).confidence_interval(0.95)
        assert (found.low, found.high) == pytest.approx(tuple(expected))
    else:
        assert found.low == found.high == pytest.approx(found.mean)


def test_verdict_goes_by_the_interval():
    assert evidence.measure([1.0, 1.1, 1.2]).verdict == "holds"
    assert evidence.measure([-1.0, -1.1, -1.2]).verdict == "does not hold"
    assert evidence.measure([-1.0, 1.1, 1.2]).verdict == "undecided"
    alone = evidence.measure([5.0])
    assert alone.verdict == "undecided" and math.isinf(alone.high)


@pytest.mark.parametrize(
    "values", [[0.0, 1.0, 0.4], [-1.0, 3.0], [0.2, 0.1, 0.9, -0.3]]
)
def test_so_many_seeds_would_decide(values):
    found = evidence.measure(values)
    needed = found.seeds_needed
    assert found.verdict == "undecided" and needed > len(values)

    def p_value(count):  # of a sample with this mean and deviation
        error = np.std(values, ddof=1) / math.sqrt(count)
        return 2 * stats.t.sf(abs(np.mean(values)) / error, count - 1)

    assert p_value(needed) < 0.05 <= p_value(needed - 1)
    assert evidence.measure([5.0]).seeds_needed is None
    assert evidence.measure([-1.0, 1.001]).seeds_needed is None
    assert measured.told(found) == f"undecided ({needed} seeds)"
    assert measured.told(evidence.measure([-1.0, 1.001])).endswith(
        "more than 100 seeds)"
    )


def test_interval_over_seeds_and_rows_has_its_coverage():
    """Of differences drawn around 1, 19 intervals of 20 hold it."""
    generator, held = np.random.default_rng(0), []
    for scale in (0.0, 1.0):  # of the seeds
        for _ in range(400):
            rows = 1 + generator.normal(0, 5, (3, 200)) + generator.normal(0, 8, 200)
            rows += scale * generator.normal(0, 1, (3, 1))
            found = evidence.measure_rows(rows)
            held.append(found.low < 1 < found.high)
            assert found.mean == pytest.approx(np.mean(rows))
        assert 0.93 <= np.mean(held) <= 1, scale
        held.clear()


@given(st.integers(2, 4), st.integers(2, 6), st.integers(0, 99))
def test_mean_squares_are_those_of_loops(seeds, count, seed):
    rows = np.random.default_rng(seed).normal(0, 1, (seeds, count))
    mean = sum(map(sum, rows)) / rows.size
    of_seed = [sum(row) / count for row in rows]
    of_row = [sum(row[j] for row in rows) / seeds for j in range(count)]
    a = sum(count * (x - mean) ** 2 for x in of_seed) / (seeds - 1)
    b = sum(seeds * (x - mean) ** 2 for x in of_row) / (count - 1)
    e = sum(
        (rows[i][j] - of_seed[i] - of_row[j] + mean) ** 2
        for i in range(seeds)
        for j in range(count)
    ) / ((seeds - 1) * (count - 1))
    total = max(a + b - e, a, b)
    weights = a**2 / (seeds - 1) + b**2 / (count - 1)
    weights += e**2 / ((seeds - 1) * (count - 1))
    half = stats.t.ppf(0.975, total**2 / weights) * math.sqrt(total / rows.size)
    found = evidence.measure_rows(rows)
    assert (found.low, found.high) == pytest.approx((mean - half, mean + half))


def test_answers_of_a_real_encoder_are_compared_row_by_row(tmp_path):
    setting = encoder_plan.encoder_settings(tmp_path)[0]
    setting.raw.mkdir(parents=True)
    gold = ["neutral", "entailment", "contradiction", "neutral"]
    text = "".join(f"a\tb\t{label}\n" for label in gold)
    (setting.raw / "test-es.tsv").write_text(text)
    for seed in (2, 3):
        for run, wrong in (("xmixup", {seed}), ("no-mixup", {0, 1, seed})):
            path = plan.results_of(setting, seed, run, tmp_path).parent
            path = path / f"predictions/{run}/test-es.tsv"
            path.parent.mkdir(parents=True)
            rows = ["?" if i in wrong else label for i, label in enumerate(gold)]
            path.write_text("".join(f"{row}\n" for row in rows))
    found = evidence.over_seeds_and_rows(
        setting, ("xmixup", "no-mixup"), (2, 3), tmp_path
    )
    assert found.values == [50.0, 50.0] and found.low < 50 < found.high
    with pytest.raises(evidence.Missing):
        evidence.Evidence(setting, 4, tmp_path).right("xmixup")


def write_scores(out: Path, setting: plan.Setting, seed: int, run: str) -> None:
    """Results of a training, the same in all languages but the source."""
    value = SCORES.get(run, 84.0) + NOISE[seed] * (run == "xmixup")
    scores = {lang: value for lang in LANGUAGES}
    scores.update(average=value, gap=100.0 - value)
    model = {"predict": "target", "scores": {"target": scores}}
    path = plan.results_of(setting, seed, run, out)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"models": {run: model}}))


@pytest.fixture
def out(tmp_path) -> Path:
    """The results of the sentence pairs, without MultiMix and without analyses."""
    evidence.read.cache_clear()
    (setting,) = plan.demo_settings(tmp_path)["pairs"]
    for seed in SEEDS:
        for run in [*setting.runs, *map(plan.alone, setting.runs)]:
            write_scores(tmp_path, setting, seed, run)
    return tmp_path


def write_results(
    out: Path, path: Path, parts=plan.PARTS, runs=(), kinds=("made-up", "real")
) -> str:
    """Measure what there is and tell it; returns the text."""
    found = measured.measure(parts, kinds, SEEDS, out)
    results_file.update_results(path, found, runs)
    return path.read_text(encoding="utf-8")


def rows_of(text: str, claim: str):
    """Cells of the lines about a claim."""
    found = [line for line in text.splitlines() if line.startswith(f"| {claim}")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in found]


def test_results_tell_each_claim_with_its_interval(out, tmp_path):
    text = write_results(out, tmp_path / "RESULTS.md")
    row, in_target = rows_of(text, "X-Mixup beats translate-train |")
    assert in_target[3:] == ["sentence pairs, target stream", *row[4:]]
    half = stats.t.ppf(0.975, 2) * 0.1 / math.sqrt(3)
    assert row[3:] == [
        "sentence pairs", f"+5.00 [{5 - half:+.2f}, {5 + half:+.2f}]", "3", "holds",
    ]  # fmt: skip
    row, _ = rows_of(text, "mixup helps (against w/o mixup)")
    assert row[-1].startswith("undecided (")
    (row,) = rows_of(text, "training with mixup helps even when")
    assert row[3] == "sentence pairs" and row[-1] == "does not hold"
    # What was not measured has no line, rather than a wrong one.
    assert not rows_of(text, "CKA") and "MultiMix:" not in text
    assert "Not measured, as runs are missing: tagging; question answering; " in text


def test_scores_are_means_with_deviations(out, tmp_path):
    text = write_results(out, tmp_path / "RESULTS.md")
    (row,) = rows_of(text, "xmixup ")
    assert row == ["xmixup", *["85.0 ± 0.1"] * 7, "15.0 ± 0.1"]
    assert "mixup in layer 4" in text
    assert "qae 60.0 and 84.0" in text


def write_correlations(out: Path, values) -> None:
    """The analysis of CKA with a rank correlation for each seed."""
    (setting,) = plan.demo_settings(out)["pairs"]
    for seed, value in zip(SEEDS, values):
        model = {
            "name": "zero-shot", "inference": "alone", "spearman": {"rho": value},
            "cka": {"qaa": [0.5]},
        }  # fmt: skip
        path = plan.folder_of(setting, seed, out) / "analysis/cka/cka.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps({"models": [model]}))


def test_correlations_keep_to_their_range(out, tmp_path):
    write_correlations(out, [0.0, 0.5, 1.0])
    text = write_results(out, tmp_path / "RESULTS.md")
    (row,) = rows_of(text, "languages near the source")
    assert row[4:] == ["+0.50 [-0.74, +1.00] (ρ)", "3", "undecided (7 seeds)"]


def test_languages_of_a_real_encoder_are_compared_on_human_translations(tmp_path):
    evidence.read.cache_clear()
    (setting, *_) = encoder_plan.encoder_settings(tmp_path)
    for path, rho in (
        (evaluation_plan.human_cka(setting, 2, tmp_path), 0.75),
        (plan.folder_of(setting, 2, tmp_path) / "analysis/cka/cka.json", None),
    ):
        model = {"name": "zero-shot", "inference": "alone", "spearman": {"rho": rho}}
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps({"models": [model]}))
    found = evidence.Evidence(setting, 2, tmp_path)
    assert claims.rank_correlation("zero-shot")(found) == 0.75
    (stage,) = evaluation_plan.comparing_languages(setting, [2], tmp_path)
    assert stage.outputs == [evaluation_plan.human_cka(setting, 2, tmp_path)]
    args = argparse.Namespace(results_path=tmp_path, data=Path("data"))
    *_, [binarizing] = encoder_plan.laying_out_human(args)
    (written,) = binarizing.outputs
    assert str(written.parent) in stage.command
    # Scores by which they are ranked are those of the first two trainings.
    for run in ("zero-shot", "translate-train"):
        assert str(plan.results_of(setting, 2, run, tmp_path)) in stage.command


def test_correlation_of_two_languages_is_left_out(out, tmp_path):
    write_correlations(out, [None, None, None])
    text = write_results(out, tmp_path / "RESULTS.md")
    assert not rows_of(text, "languages near the source")
    assert rows_of(text, "X-Mixup beats translate-train |")


def test_nothing_is_claimed_of_models_with_one_answer(out, tmp_path):
    (setting,) = plan.demo_settings(out)["pairs"]
    for seed in SEEDS:
        for run, answer in (("xmixup", "neutral"), ("zero-shot", "entailment")):
            folder = plan.results_of(setting, seed, run, out).parent / "predictions/m"
            folder.mkdir(parents=True)
            (folder / "test-en.tsv").write_text("neutral\nneutral\n")
            (folder / "test-qaa.tsv").write_text(f"neutral\n{answer}\n")
    text = write_results(out, tmp_path / "RESULTS.md")
    assert "sentence pairs is not judged: xmixup gave one answer" in text
    assert not rows_of(text, "X-Mixup beats translate-train |")
    assert "### Sentence pairs" in text


def test_room_is_told_for_every_layer(out, tmp_path):
    text = write_results(out, tmp_path / "RESULTS.md")
    table = text[text.index("| setting |") : text.index("## Scores")]
    first, *others = rows_of(table, "sentence pairs")
    scores = ["60.0 ± 0.0", "80.0 ± 0.0", "85.0 ± 0.1", "84.0 ± 0.0"]
    half = stats.t.ppf(0.975, 2) * 0.1 / math.sqrt(3)
    gain = f"+5.00 [{5 - half:+.2f}, {5 + half:+.2f}]"
    assert first[1:] == [*scores, gain, "holds", "+4.00 [+4.00, +4.00]", "holds"]
    names = [row[0] for row in others]
    assert names == [f"sentence pairs, layer {layer}" for layer in (2, 3, 4)]
    assert others[0][5] == "+4.00 [+4.00, +4.00]"
    # Question answering and other data were not measured.
    assert "question" not in table and "learning rate 1e-4" not in table


def test_results_are_the_same_when_written_again(out, tmp_path):
    one, two = (write_results(out, tmp_path / name) for name in ("one.md", "two.md"))
    assert one == two


def test_every_ablation_of_the_tables_is_planned(tmp_path):
    (pairs,) = plan.demo_settings(tmp_path)["pairs"]
    wanted = {
        "zero-shot", "translate-train", "supervised", "xmixup", "no-mixup",
        "no-scheduled-sampling", "no-consistency", "constant-ratio", "no-mse", "no-kl",
        "layer-2", "layer-3", "layer-4",
    }  # fmt: skip
    assert wanted <= set(pairs.runs)
    names = {stage.name for stage in plan.training([pairs], SEEDS, tmp_path)}
    assert {f"few, seed {seed}: {run}" for seed in SEEDS for run in wanted} <= names


def test_sweeps_go_over_all_layers_of_the_encoder(tmp_path):
    demo = plan.demo_settings(tmp_path)
    for setting in [*(demo[x][0] for x in ("pairs", "tagging", "qa")),
                    plan.real_settings(tmp_path)[0]]:  # fmt: skip
        options = {run: setting.runs[run] for run in setting.sweep}
        number = len(setting.sweep)
        mixing = options.pop("xmixup")
        assert not mixing, "the task's own layer"
        layers = {int(text[-1]) for text in options.values()}
        assert layers | {setting.layer} == set(range(1, number + 1))
        shape = setting.options.split()
        if "--encoder-layers" in shape:
            assert number == int(shape[shape.index("--encoder-layers") + 1])
        else:
            assert number == mini_layers()


def mini_layers() -> int:
    """How many layers the architecture of the mini models has."""
    args = argparse.Namespace()
    ARCH_CONFIG_REGISTRY["xmixup_xlmr_mini"](args)
    return args.encoder_layers


def test_commands_do_not_share_folders(tmp_path):
    settings = [x for part in plan.demo_settings(tmp_path).values() for x in part]
    settings += plan.real_settings(tmp_path) + encoder_plan.encoder_settings(tmp_path)
    multimix = multimix_plan.demo_setting(tmp_path, 2)
    stages = [
        *plan.preparing(settings, SEEDS, tmp_path),
        *plan.training(settings, SEEDS, tmp_path),
        *evaluation_plan.evaluating(settings, SEEDS, tmp_path),
        *evaluation_plan.analyzing(settings, SEEDS, tmp_path),
        *(s for part in evaluation_plan.reporting(settings, 2, tmp_path) for s in part),
        *multimix_plan.running(multimix, SEEDS, tmp_path),
        *multimix_plan.adapting(multimix, SEEDS, tmp_path),
        *multimix_plan.distilling(multimix, SEEDS, tmp_path),
    ]
    manifests = [stage.manifest for stage in stages]
    assert len(set(manifests)) == len(manifests)
    for stage in stages:  # data that are binarized anew are looked at anew
        read = [x for x in stage.command if x.endswith("data-bin")]
        assert {Path(x) / "manifest.json" for x in read} <= set(stage.inputs)
    names = [stage.name for stage in stages]
    assert len(set(names)) == len(names)


def test_stages_follow_what_they_read(tmp_path, monkeypatch):
    """Each stage's inputs are there when it runs, as outputs of earlier stages."""
    made, names = set(), set()

    def pretend(stages, jobs):
        for stage in stages:
            missing = [str(path) for path in stage.inputs if str(path) not in made]
            assert not missing, stage.name
        for stage in stages:
            made.update(map(str, stage.outputs))
            names.add(stage.name)
            add_by_products(stage)

    def add_by_products(stage: Stage) -> None:
        """Files that a stage writes and does not promise."""
        folder = stage.folder
        made.add(str(folder / "checkpoint_best.pt"))
        made.add(str(folder / "sentencepiece.bpe.model"))
        made.add(str(folder / "monolingual/train.en.txt"))
        made.add(str(folder / "monolingual-qa/train.en.txt"))
        for model in (1, 2, 3):
            made.add(str(folder / f"warm-up/model{model}/checkpoint_best.pt"))

    monkeypatch.setattr(replication, "run_stages", pretend)
    run = replication.Runner(2)
    args = SimpleNamespace(
        results_path=tmp_path, jobs=2, seeds=SEEDS, parts=plan.PARTS,
        data=Path("data"),
    )  # fmt: skip
    replication.lay_out_real(run, args)
    replication.run_demo(run, args)
    tagging, pairs = plan.real_settings(tmp_path)
    folder = plan.results_of(pairs, 3, "xmixup", tmp_path).parent / "predictions"
    folder.mkdir(parents=True)
    (folder / "test-en.tsv").write_text("neutral\nneutral\n")  # it learned nothing
    replication.run_real(run, args)
    assert str(tmp_path / "runs/multimix-8/report.json") in made
    assert f"{tagging.name}, seed 2: cka" in names
    assert f"{pairs.name}, seed 2: cka" not in names
    assert f"{pairs.name}, seed 2: no-mixup-inference" in names


def test_stages_of_a_real_encoder_follow_what_they_read(tmp_path, monkeypatch):
    made, order, told, threads = set(), [], [], {}
    monkeypatch.setenv("OMP_NUM_THREADS", "1")

    def pretend(stages, jobs):
        assert jobs == 2
        for stage in stages:
            threads[stage.name] = os.environ["OMP_NUM_THREADS"]
            missing = [str(path) for path in stage.inputs if str(path) not in made]
            assert not missing, stage.name
        for stage in stages:
            made.update(map(str, [*stage.outputs, stage.folder / "checkpoint_best.pt"]))
            for model in (1, 2, 3):
                warm = stage.folder / f"warm-up/model{model}/checkpoint_best.pt"
                made.add(str(warm))
            order.append(stage.name)

    monkeypatch.setattr(replication, "run_stages", pretend)
    options = ["--data", "data", "--model", "e5", "--translate", "command:apertium"]
    args = replication.build_parser().parse_args([*options, "--blank-lines"])
    args.results_path = tmp_path
    run = replication.Runner(2)
    replication.run_encoder(run, args, lambda: told.append(len(order)))
    # The most telling comparison comes first, and what is known is told on the way.
    trained = [name for name in order if "seed 2: xmixup" in name]
    assert trained[0] == "encoder-xnli, seed 2: xmixup" and len(trained) == 4
    assert told[0] == order.index("encoder-xnli, seed 4: no-mixup-inference") + 1
    # What runs alone has all cores.
    several = {name for name, count in threads.items() if count == "2"}
    assert several == {"text to pre-train on", "head for masked tokens"}
    for name in ("normalised", "layer-12", "constant-ratio", "no-consistency"):
        assert f"encoder-xnli, seed 4: {name}" in order
    for lang in ("es", "sw", "pairs"):
        for end in ("2: simultaneous", "8: no-penalty"):
            assert f"encoder-multimix-{lang}, seed {end}" in order
    waves = {run for wave in encoder_plan.WAVES for run in wave}
    assert all(set(x.runs) <= waves for x in encoder_plan.encoder_settings(tmp_path))


def test_trainings_of_a_real_encoder_are_commands_of_the_recipes(tmp_path):
    for setting in encoder_plan.encoder_settings(tmp_path):
        for stage in plan.training([setting], [2], tmp_path):
            _, script, raw, folder, *words = stage.command
            done = call_recipe(Path(script).stem, raw, folder, "--dry-run", *words)
            assert done.returncode == 0, done.stdout
            assert "--arch xmixup_xlmr " in done.stdout
            assert "--no-save-optimizer-state" in done.stdout


def test_model_that_gave_pseudo_labels_is_not_trained_again(tmp_path):
    for setting in encoder_plan.encoder_settings(tmp_path):
        labelled = setting.task in plan.PSEUDO_LABELLED
        assert labelled == bool(BENCHMARKS[setting.task].pseudo_labels)
        for stage in plan.training([setting], [2], tmp_path):
            # The recipe's first stage has written it.
            stage.folder.mkdir(parents=True, exist_ok=True)
            if labelled and stage.folder.name == "zero-shot-2":
                clear(stage)
                assert stage.folder.exists()
            else:
                with refused("exists and was not written by this run"):
                    clear(stage)


def test_scores_of_a_real_encoder_are_those_in_the_target_language(tmp_path):
    evidence.read.cache_clear()
    setting = encoder_plan.encoder_settings(tmp_path)[0]
    scores = {"en": 80.0, "es": 70.0, "de": 60.0, "average": 70.0, "gap": 15.0}
    for run, more in (("xmixup", 2.0), ("translate-train", 0.0)):
        found = {lang: score + more for lang, score in scores.items()}
        model = {"predict": "target", "scores": {"target": found}}
        path = plan.results_of(setting, 2, run, tmp_path)
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps({"models": {run: model}}))
    setting = setting._replace(unseen=["de"])
    found = evidence.Evidence(setting, 2, tmp_path)
    assert found.score("xmixup") == 72.0 and found.score("xmixup", key="gap") == 10.0
    assert claims.unseen_gain("")(found) == 2.0
    with pytest.raises(evidence.Missing):  # the same again
        claims.unseen_gain("target")(found)


def test_every_row_of_multimix_table_3_is_there():
    rows = multimix_plan.TABLE_3
    assert len(rows) == 10 and sum("none" in row for row in rows) == 4


def test_best_row_is_chosen_on_the_dev_set():
    dev = {"confidence, 50 %, agreement": 1.0, "confidence, 80 %, agreement": 3.0}
    test = {"confidence, 50 %, agreement": 9.0, "confidence, 80 %, agreement": 7.0}

    def scores(row, split="test"):
        return [0.0, (dev if split == "valid" else test).get(row, 0.0)]

    found = claims.best_of("confidence", SimpleNamespace(scores=scores))
    assert found == 7.0


def test_data_that_lack_a_file_are_refused(tmp_path):
    args = replication.build_parser().parse_args(["--data", str(tmp_path)])
    with refused(r"no nli/xnli/dev-en\.tsv; give the folder"):
        replication.check_options(args)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--data", "nowhere"], "--data nowhere: not a folder"),
        (["--jobs", "0"], "--jobs 0: give 1 or more"),
        (["--model", "e5"], "--model and --translate: give both or none"),
        (["--model", "e5", "--translate", "x"], "--model: fine-tuned on real sets"),
        (["--seeds", "2", "2"], "--seeds 2 2: give different ones"),
    ],
)
def test_wrong_options_are_refused_before_anything_is_run(options, message):
    args = replication.build_parser().parse_args(options)
    with refused(message):
        replication.check_options(args)


def test_costs_are_those_of_all_stages(out, tmp_path):
    run = replication.Runner(1)
    for seconds in (1800.0, 5400.0):
        folder = tmp_path / f"stage-{seconds:.0f}"
        stage = Stage("one", folder, ["true"], [], [])
        stage.manifest.write_text(json.dumps({"seconds": seconds}))
        run.manifests.add(stage.manifest)
    args = replication.build_parser().parse_args(["--parts", "pairs", "multimix"])
    runs = replication.describe_runs(args, {"made-up": run})
    text = write_results(out, tmp_path / "RESULTS.md", runs=runs)
    (row,) = rows_of(text, "made-up languages: pairs, made-up languages: multimix")
    command = "`python examples/replicate/run.py --parts pairs multimix`"
    assert row[2:] == [command, "2", "2.0"]


def write_multimix(out: Path, setting, gain: float) -> None:
    """Reports of both schedules, the sequential one better by some points."""
    evidence.read.cache_clear()
    for seed in multimix_plan.first_seeds(SEEDS):
        for row, more in (("", gain), (multimix_plan.SIMULTANEOUS, 0.0)):
            training = {"kept": row == ""}
            reports = [
                {"scores": {"test": {setting.lang: [70.0 + epoch * more] * 3}},
                 "trainings": [training] * 6 if epoch else [{}] * 3}
                for epoch in range(4)
            ]  # fmt: skip
            path = setting.folder(seed, row, out) / "report.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(reports))


def test_parts_that_are_not_run_keep_what_was_measured(out, tmp_path):
    path = tmp_path / "RESULTS.md"
    known = {"date": "2020-01-01", "command": "run", "commands": 1, "hours": 1.0}
    runs = [{"what": ["made-up languages: pairs", "made-up languages: multimix"]}]
    setting = multimix_plan.demo_setting(out, SEEDS[0])
    write_multimix(out, setting, gain=1.0)
    before = write_results(out, path, runs=[{**run, **known} for run in runs])
    other = tmp_path / "other"
    write_multimix(other, setting._replace(data=other), gain=2.0)
    known["date"] = "2020-02-02"
    runs = [{"what": ["made-up languages: multimix"], **known}]
    after = write_results(other, path, ["multimix"], runs)
    claim = "six trainings an epoch (sequential, Algorithm 1) beat three"
    for text, gain in ((before, "+3.00"), (after, "+6.00")):
        (row,) = rows_of(text, claim)
        assert row[3:] == [setting.title, f"{gain} [{gain}, {gain}]", "3", "holds"]
        assert "Of 54 trainings after the warm-up, 54 made no" in text
    for title in ("X-Mixup beats translate-train |", "xmixup ", "made-up languages: p"):
        assert rows_of(before, title)
    assert rows_of(after, "xmixup ") == rows_of(before, "xmixup ")
    assert ("made-up languages: pairs", "2020-01-01") == (
        rows_of(after, "made-up languages: pairs")[0][0],
        rows_of(after, "made-up languages: pairs")[0][1],
    )
    assert rows_of(after, "made-up languages: multimix")[0][1] == "2020-02-02"


def test_committed_results_are_what_is_rendered():
    folder = ROOT / "examples" / "replicate"
    held = json.loads((folder / "RESULTS.json").read_text(encoding="utf-8"))
    text = (folder / "RESULTS.md").read_text(encoding="utf-8")
    assert results_file.render(held) == text


def test_schedules_start_from_the_same_models(tmp_path):
    setting = multimix_plan.demo_setting(tmp_path, 2)
    (first, *_) = multimix_plan.running(setting, SEEDS, tmp_path)
    (other,) = multimix_plan.adapting(setting, SEEDS[:1], tmp_path)
    gone = [x for x in first.command if x not in other.command]
    assert gone == [f"--results-path={first.folder}"]
    assert "--co-teaching=simultaneous" in other.command
    warm = other.command[other.command.index("--warmup-path") + 1 :][:3]
    assert all(Path(path).is_relative_to(first.folder / "warm-up") for path in warm)
    rows = multimix_plan.distilling(setting, SEEDS[:1], tmp_path)
    assert len(rows) == 10 and all("--warmup-path" in row.command for row in rows)


def test_another_model_generates_for_a_real_encoder(tmp_path):
    """That with a head for masked tokens; what is adapted is the encoder itself."""
    for setting in multimix_plan.multimix_with_encoder(tmp_path, 2):
        stages = multimix_plan.running(setting, SEEDS, tmp_path)
        for stage in stages + multimix_plan.adapting(setting, SEEDS, tmp_path):
            args = multimix_command().parse_args(stage.command[1:])
            adapted, generating = map(Path, (args.pretrained, args.lm_path))
            assert adapted == tmp_path / "encoder/model/model.pt"
            assert generating == tmp_path / "encoder/lm/model.pt"
            assert {adapted, generating} <= set(stage.inputs)


def test_page_shows_languages_compared_on_human_translations(tmp_path):
    settings = encoder_plan.encoder_settings(tmp_path)
    _, pages = evaluation_plan.reporting(settings, 2, tmp_path)
    for setting, page in zip(settings, pages):
        compared = str(evaluation_plan.human_cka(setting, 2, tmp_path).parent)
        assert (compared in page.command) == setting.has_human
