"""Algorithm 1's steps: what the stages do is what a naive loop of it does.

Commands are not run: each writes, instead of a model or labels, what it made them of.
"""

import hashlib
import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from fairseq_xling.multimix import co_teaching
from fairseq_xling.multimix.algorithm import SCHEDULES
from fairseq_xling.multimix.co_teaching import Plan
from fairseq_xling.multimix.epoch import Epoch

ETAS = [50, 80, 100]


def train(start, data):
    """A model, named after what it was made of."""
    made_of = f"{start},{'+'.join(data)}"
    return f"train:{hashlib.sha256(made_of.encode()).hexdigest()[:12]}"


def naive_sequential(kept):
    """Algorithm 1, lines 2 to 23, word by word.

    Args:
        kept: whether a trained model takes the old one's place, asked for each.
    """
    theta = {m: f"theta{m}" for m in (1, 2, 3)}
    states = []
    for e in (1, 2, 3):
        for k in (1, 2, 3):
            for j in (1, 2, 3):
                if k == j:
                    continue
                agreed = {}
                for pool in ("source-aug", "target", "target-aug"):
                    labels = [
                        f"distil({pool},{ETAS[e - 1]},{theta[m]})" for m in (k, j)
                    ]
                    agreed[pool] = f"agree({';'.join(labels)})"
                for l in (1, 2, 3):  # noqa: E741
                    if l not in (j, k):
                        data = []
                        data += ["source", agreed["target"]] if e in (1, 3) else []
                        data += [agreed["source-aug"]] if e == 3 else []
                        data += [agreed["target-aug"]] if e in (2, 3) else []
                        trained = train(theta[l], data)
                        if kept(trained):
                            theta[l] = trained
        states.append(dict(theta))
    return states


def naive_simultaneous(kept):
    """Figure 1: each model is trained once an epoch, on the epoch's first labels."""
    theta = {m: f"theta{m}" for m in (1, 2, 3)}
    states = []
    pools = {
        1: ["target"],
        2: ["target-aug"],
        3: ["target", "source-aug", "target-aug"],
    }
    for e in (1, 2, 3):
        new = dict(theta)
        for l, k, j in ((1, 2, 3), (2, 1, 3), (3, 1, 2)):  # noqa: E741
            data = ["source"] if e != 2 else []
            for pool in pools[e]:
                labels = [f"distil({pool},{ETAS[e - 1]},{theta[m]})" for m in (k, j)]
                data.append(f"agree({';'.join(labels)})")
            trained = train(theta[l], data)
            if kept(trained):
                new[l] = trained
        theta = new
        states.append(dict(theta))
    return states


NAIVE = {"sequential": naive_sequential, "simultaneous": naive_simultaneous}


class Pretence:
    """Runs stages by writing what they would have made, and of what.

    Args:
        data: the folder of labelled data.
        kept: whether a trained model is better than the old one.
    """

    def __init__(self, data, kept):
        self.data, self.kept = data, kept
        self.done, self.worth = [], {}

    def __call__(self, stages):
        made = [
            self.make(stage) for stage in stages if not stage.outputs[0].exists()
        ]  # all of them before any is written: they run side by side
        for stage, text in made:
            stage.folder.mkdir(parents=True, exist_ok=True)
            stage.outputs[0].write_text(text)
            self.done.append(stage.name)

    def make(self, stage):
        words = dict(
            x.split("=", 1) for x in stage.command if x.startswith("--") and "=" in x
        )
        program = Path(stage.command[0]).name
        if program == "xling-distill":
            pool = Path(stage.command[1]).name
            text = f"distil({pool},{words['--distill-factor']},{read(words['--path'])})"
        elif program == "xling-agree":
            folders = [x for x in stage.command[2:] if not x.startswith("--")]
            text = ";".join(read(Path(x) / "selection.json") for x in folders)
            text = f"agree({text})"
        elif program == "fairseq-train":
            folders = words["--mixture"].split(",")
            parts = [
                "source" if x == str(self.data) else read(Path(x) / "manifest.json")
                for x in folders
            ]
            start = read(words["--finetune-from-model"])
            text = train(start, parts)
        else:
            names = stage.command[stage.command.index("--names") + 1 :][:3]
            names = [x for x in names if x in "123"]
            scores = {
                name: {"target": {"de": self.score(path)}}
                for name, path in zip(names, stage.inputs)
            }
            models = {x: {"predict": "target", "scores": scores[x]} for x in scores}
            text = json.dumps({"models": models})
        return stage, text

    def score(self, path):
        """Of what is kept the higher the later; of the rest below all others."""
        text = read(path)
        if text.startswith("theta"):
            return 0.0
        worth = len(self.worth) + 1.0 if self.kept(text) else -1.0
        return self.worth.setdefault(text, worth)


def read(path):
    return Path(path).read_text()


@pytest.fixture
def plan(tmp_path, monkeypatch):
    monkeypatch.setattr(Plan, "rows", staticmethod(lambda folder, lang=None: 100))
    splits = {"valid": {}}
    monkeypatch.setattr(
        co_teaching.Manifest, "load", lambda _: SimpleNamespace(splits=splits)
    )
    data = tmp_path / "target"  # the pool of real target text lies there
    data.mkdir()
    made = Plan(
        data=data, task="multimix_xnli", arch="xmixup_xlmr_mini", pretrained=Path("p"),
        lm=Path("p"), source_lang="en", target_lang="de", target_split="train",
        selected_on="de", folder=tmp_path / "out", distill_factors=ETAS,
    )  # fmt: skip
    for model in (1, 2, 3):
        path = made.checkpoint(0, model)
        path.parent.mkdir(parents=True)
        path.write_text(f"theta{model}")
    for side in ("source", "target"):
        (made.folder / f"augmented/{side}-aug").mkdir(parents=True)
    pool = made.pool
    monkeypatch.setattr(
        made, "pool",
        lambda name, model=1: pool(name, model)._replace(
            folder=data if name == "target" else made.folder / "augmented" / name
        ),
    )  # fmt: skip
    return made


def walk(plan, run):
    """All epochs, as the command goes through them."""
    states = []
    run(plan.evaluation(0))
    for number in (1, 2, 3):
        epoch = Epoch(plan, number)
        for step in epoch.steps:
            for stages in (
                epoch.distillation, epoch.agreements, epoch.adaptation, epoch.validation
            ):  # fmt: skip
                run(stages(step))
            epoch.choose(step)
        epoch.close()
        run(plan.evaluation(number))
        states.append({m: read(plan.checkpoint(number, m)) for m in (1, 2, 3)})
    return states


def always(_):
    return True


def sometimes(text):
    """An answer that depends on the model alone, and is no more often than not."""
    return sum(map(ord, text)) % 5 < 3


@pytest.mark.parametrize("kept", [always, sometimes])
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_the_stages_do_what_the_algorithm_says(plan, schedule, kept):
    plan.schedule = schedule
    run = Pretence(plan.data, kept)
    assert walk(plan, run) == NAIVE[schedule](kept)
    order = [
        name for name in run.done if name[-7:-1] == " model" or name[-7:-2] == "model"
    ]
    trained = [int(name[-1]) for name in order]
    assert (
        trained == ([3, 2, 3, 1, 2, 1] if schedule == "sequential" else [1, 2, 3]) * 3
    )


def test_a_model_that_has_not_changed_labels_nothing_anew(plan):
    run = Pretence(plan.data, lambda _: False)
    assert walk(plan, run)[-1] == {m: f"theta{m}" for m in (1, 2, 3)}
    labelled = [name for name in run.done if "distillation" in name]
    assert len(labelled) == 3 * (1 + 1 + 3)  # models and pools, once an epoch


def test_without_agreement_the_first_of_a_pair_is_asked(plan):
    plan.agreement = False
    epoch = Epoch(plan, 1)
    asked = [step.peers for step in epoch.steps]
    assert asked == [{3: (1,)}, {2: (1,)}, {3: (2,)}, {1: (2,)}, {2: (3,)}, {1: (3,)}]
    first = epoch.agreements(epoch.steps[0])
    assert "--no-agreement" in first[0].command
