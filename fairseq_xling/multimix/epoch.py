"""An epoch of Algorithm 1 as stages: who labels, who is trained on it, who stays."""

import json
import os
import shutil
from pathlib import Path
from typing import Any, Dict, List

from fairseq_xling.files.atomic import atomic_file
from fairseq_xling.files.json_text import read_object
from fairseq_xling.multimix.algorithm import MIXTURES, MODELS, Step, steps_of
from fairseq_xling.multimix.co_teaching import Plan, program
from fairseq_xling.stages import Stage, recorded_sha256


class Epoch:
    """The steps of an epoch, each planned when those before it are complete.

    A model that a step trained takes the old one's place where it is better on the dev
    set that checkpoints are selected on; otherwise the old one stays, and what it
    labelled is not labelled anew.

    Args:
        plan: of the whole run.
        number: from 1 on.

    Attributes:
        steps: what is to be done, in this order.
        trained_in: the step of this epoch that made each model as it stands, 0 where it
            is as the epoch found it.
    """

    def __init__(self, plan: Plan, number: int) -> None:
        self.plan = plan
        self.number = number
        self.folder = plan.epoch_folder(number)
        self.pools = [name for name in MIXTURES[number] if name != "source"]
        self.steps = steps_of(plan.schedule, plan.agreement)
        self.trained_in = dict.fromkeys(MODELS, 0)

    def step_folder(self, step: int) -> Path:
        """What belongs to a step; to step 0, what the epoch before left."""
        if step == 0:
            return self.plan.epoch_folder(self.number - 1)
        return self.folder / f"step{step}"

    def checkpoint(self, step: int, model: int) -> Path:
        """A model as a step left it; step 0 is the epoch before."""
        if step == 0:
            return self.plan.checkpoint(self.number - 1, model)
        return self.step_folder(step) / f"model{model}" / "checkpoint_best.pt"

    def distilled(self, name: str, model: int) -> Path:
        """Labels of a pool by a model as it stands."""
        step = self.trained_in[model]
        labels = f"{model}-step{step}" if step else str(model)
        return self.folder / "distilled" / name / labels

    def selected(self, step: Step, name: str, model: int) -> Path:
        """Samples of a pool that a model is trained on."""
        return self.step_folder(step.number) / "selected" / name / str(model)

    def distillation(self, step: Step) -> List[Stage]:
        """Lines 4, 10, 13, 17: the peers' labels and selection of each pool."""
        plan = self.plan
        factor = plan.distill_factors[self.number - 1]
        stages = []
        for name in self.pools:
            wanted = {
                (plan.pool(name, learner), peer)
                for learner, peers in step.peers.items()
                for peer in peers
            }
            for pool, model in sorted(wanted):
                folder = self.distilled(pool.name, model)
                checkpoint = self.checkpoint(self.trained_in[model], model)
                command = [
                    program("xling-distill"), str(pool.folder), f"--path={checkpoint}",
                    f"--split={pool.split}", f"--lang={pool.lang}",
                    f"--distill-factor={factor:g}",
                    f"--seed={plan.seed}", *plan.device_options, *plan.distill_options,
                    f"--results-path={folder}",
                ]  # fmt: skip
                inputs = [checkpoint, *plan.text_of(pool)]
                outputs = [folder / "selection.json"]
                title = f"{self._title(step, model)}: distillation of {pool.name}"
                stages.append(Stage(title, folder, command, inputs, outputs))
        return stages

    def agreements(self, step: Step) -> List[Stage]:
        """Lines 11, 14, 18: what the peers of those to be trained agree on."""
        stages = []
        for name in self.pools:
            for model, peers in step.peers.items():
                pool = self.plan.pool(name, model)
                folders = [self.distilled(pool.name, peer) for peer in peers]
                folder = self.selected(step, name, model)
                command = [
                    program("xling-agree"), str(pool.folder), *map(str, folders),
                    f"--split={pool.split}", f"--lang={pool.lang}",
                    f"--results-path={folder}",
                    *([] if self.plan.agreement else ["--no-agreement"]),
                ]  # fmt: skip
                inputs = [
                    one / part
                    for one in folders
                    for part in ("labels.bin", "selected.bin", "selection.json")
                ]
                outputs = [folder / "manifest.json"]
                title = f"{self._title(step, model)}: agreement on {name}"
                stages.append(Stage(title, folder, command, inputs, outputs, False))
        return stages

    def adaptation(self, step: Step) -> List[Stage]:
        """Lines 19 to 22: train on the epoch's mixture.

        Raises:
            UserError: the options of the training are wrong.
        """
        plan = self.plan
        stages = []
        for model in step.peers:
            folders = [self.selected(step, name, model) for name in self.pools]
            rows = sum(plan.rows(folder) for folder in folders)
            inputs = [folder / "manifest.json" for folder in folders]
            if "source" in MIXTURES[self.number]:
                folders = [plan.data, *folders]
                rows += plan.rows(plan.data, plan.source_lang)
            stages.append(
                plan.training(
                    self._title(step, model),
                    self.checkpoint(step.number, model).parent,
                    model,
                    self.checkpoint(self.trained_in[model], model),
                    plan.selected_on,
                    plan.adaptation_options_on(folders),
                    rows,
                    inputs,
                )
            )
        return stages

    def validation(self, step: Step) -> List[Stage]:
        """Scores of those trained, measured as those of the models before."""
        found = {model: self.checkpoint(step.number, model) for model in step.peers}
        folder = self.step_folder(step.number) / "results-valid"
        title = f"epoch {self.number}, step {step.number}: valid scores"
        return [self.plan.evaluating(title, folder, "valid", found)]

    def choose(self, step: Step) -> List[Dict[str, Any]]:
        """Keep those trained where they are better than before, the old ones elsewhere.

        Returns:
            of each, ``step`` and ``model``, its scores on the dev set ``before`` and
            ``after`` the training, and whether the trained one is ``kept``.
        """
        choices = []
        for model in step.peers:
            before, after = (
                self._score(number, model)
                for number in (self.trained_in[model], step.number)
            )
            kept = after > before
            choice = {"step": step.number, "model": model, "before": before}
            choices.append({**choice, "after": after, "kept": kept})
            if kept:
                self.trained_in[model] = step.number
        return choices

    def close(self) -> None:
        """Give the models, as they stand in the end, their place in the epoch."""
        for model in MODELS:
            step = self.trained_in[model]
            target = self.plan.checkpoint(self.number, model)
            second_name(self.checkpoint(step, model), target)
            with atomic_file(target.with_name("kept.json")) as file:
                json.dump({"step": step}, file)

    def _score(self, step: int, model: int) -> float:
        path = self.step_folder(step) / "results-valid/results.json"
        found = read_object(path)["models"][str(model)]
        return found["scores"][found["predict"]][self.plan.selected_on]

    def _title(self, step: Step, model: int) -> str:
        return f"epoch {self.number}, step {step.number}, model {model}"


def second_name(source: Path, target: Path) -> None:
    """Give a file a second name, or a copy where the file system knows none."""
    if target.exists() and recorded_sha256(target) == recorded_sha256(source):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    new = target.with_name(f".{target.name}.new")
    new.unlink(missing_ok=True)
    try:
        os.link(source.resolve(), new)
    except OSError:
        shutil.copyfile(source, new)
    os.replace(new, target)
