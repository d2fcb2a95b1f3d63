"""The hyper-parameter search of X-Mixup's section 5.1: a run for each point of a grid.

All are on one binarized data set, and compared on the dev set. Started again, it goes
on.

usage: bash examples/sweep.sh TASK RAW_DIR OUT_DIR [options]
           [-- more fairseq-train options]
  TASK             xnli, pawsx, udpos, panx, xquad, mlqa or tydiqa
  --alphas LIST    balances of the task losses (default: "0.2 0.4 0.6 0.8")
  --lrs LIST       learning rates (default: "3e-6 5e-6 2e-5 3e-5")
  --layers LIST    mixup layers (default: the task's own; the paper:
                   "1 4 8 12 16 20 24")
  --name NAME      folder of the sweep in OUT_DIR (default: sweep)
  and the options of the task's recipe, such as --model, --method, --gpus, --seed,
  --dry-run
"""

import json
import re
import shlex
import sys
from itertools import product
from pathlib import Path
from typing import Dict, List, Sequence

import best_of_sweep

from fairseq_xling.errors import UserError, one_line_errors
from fairseq_xling.files.atomic import atomic_file
from fairseq_xling.stages import CommandFailed
from recipes import finetune
from recipes.command_line import WrongUse, script

NUMBER = r"[0-9]*\.?[0-9]+(e[-+]?[0-9]+)?"
# The options of the grid: what their values look like, and those of the paper.
GRID = {
    "--layers": (r"default|[0-9]+(,[0-9]+)*", "default"),
    "--lrs": (NUMBER, "3e-6 5e-6 2e-5 3e-5"),
    "--alphas": (NUMBER, "0.2 0.4 0.6 0.8"),
}


def main(words: Sequence[str]) -> None:
    """Run what the arguments say; see the usage.

    Raises:
        WrongUse: an argument is wrong, or a folder holds other settings.
        UserError: no point is complete.
        CommandFailed: a point failed, and the others are complete; or one was killed.
    """
    if len(words) < 3:
        raise WrongUse()
    sweep = Sweep(words)
    points = list(product(*(read_list(x, sweep.values[x]) for x in GRID)))
    # Before the points and without their options, so that all share the same
    # pseudo-labels.
    finetune.main([*sweep.recipe, "--stage", "prepare", "--", *sweep.more])
    # All are tried, also after one that failed.
    failures = [not sweep.train(*point) for point in points]
    if sweep.dry_run:
        command = [*script("examples/best_of_sweep.py"), str(sweep.folder)]
        print(shlex.join(command))
    else:
        best_of_sweep.main([str(sweep.folder)])
    if any(failures):
        raise CommandFailed(1)


def read_list(option: str, text: str) -> List[str]:
    """The values of an option of the grid.

    Raises:
        WrongUse: there is none, or one is no number.
    """
    if not text.split():
        raise WrongUse(f"{option}: give at least one value")
    for value in text.split():
        if not re.fullmatch(GRID[option][0], value):
            raise WrongUse(f"{option} {value}: give numbers, with spaces")
    return text.split()


class Sweep:
    """What the arguments of a sweep say.

    Args:
        words: they.

    Attributes:
        recipe: those of the task's recipe, up to ``--``.
        more: those behind it.
        settings: what sets this sweep apart from others on the same grid.
        values: of the sweep's own options.
        folder: of its points.
        dry_run: whether to print commands only.

    Raises:
        WrongUse: an argument is wrong.
    """

    def __init__(self, words: Sequence[str]) -> None:
        self.recipe, self.settings = list(words[:3]), ""
        self.values: Dict[str, str] = {name: usual for name, (_, usual) in GRID.items()}
        self.values["--name"] = "sweep"
        rest = iter(words[3:])
        for word in rest:
            if word == "--":
                break
            if word in (*self.values, "--gpus", "--batch-size"):
                value = next(rest, None)
                if value is None:
                    raise WrongUse(f"{word}: give a value")
                if word in self.values:
                    self.values[word] = value
                else:
                    self.recipe += [word, value]
            elif word in ("--split", "--run", "--stage"):
                raise WrongUse(f"{word}: the sweep sets it itself")
            else:
                self.recipe.append(word)
                if word not in ("--dry-run", "--cpu"):
                    self.settings += f" {word}"
        self.more = list(rest)
        self.settings += f" -- {' '.join(self.more)}"
        self.folder = Path(words[2], self.values["--name"])
        self.dry_run = "--dry-run" in self.recipe

    def train(self, layer: str, lr: str, alpha: str) -> bool:
        """Train and evaluate a point of the grid, unless that was done before.

        Returns:
            whether it is complete.

        Raises:
            WrongUse: its folder holds another sweep's.
            CommandFailed: as of :meth:`fine_tune`.
        """
        name, options = f"lr-{lr}-alpha-{alpha}", ["--lr", lr]
        options += ["--source-loss-weight", alpha]
        if layer != "default":
            name, options = f"{name}-layer-{layer}", [*options, "--mixup-layer", layer]
        folder = self.folder / name
        note = folder / "point.json"
        point = {"lr": lr, "alpha": alpha, "layer": layer, "settings": self.settings}
        told = json.dumps(point, ensure_ascii=False)
        if note.exists() and note.read_text(encoding="utf-8").rstrip("\n") != told:
            raise WrongUse(
                f"{folder}: made with other settings, see its point.json; give another "
                "--name"
            )
        if (folder / "results-valid/results.json").exists():
            print(f"{name}: done before", flush=True)
        else:
            if not self.dry_run:
                with atomic_file(note) as file:
                    file.write(f"{told}\n")
            if not self.fine_tune(name, options):
                message = f"error: {name} failed; going on with the next"
                print(message, file=sys.stderr)
                return False
        # Of a finished point the best checkpoint is kept, not that for going on.
        if not self.dry_run:
            for path in folder.glob("checkpoint_last*.pt"):
                path.unlink()
        return True

    def fine_tune(self, name: str, options: Sequence[str]) -> bool:
        """Train and evaluate by the task's recipe; whether it came to its end.

        Raises:
            WrongUse, CommandFailed: what was used wrongly, or killed, will not get
                better with the next point, as what diverged may.
        """
        run = f"{self.values['--name']}/{name}"
        words = ["--stage", "finetune", "--split", "valid", "--run", run]
        try:
            with one_line_errors():
                finetune.main([*self.recipe, *words, "--", *self.more, *options])
        except WrongUse:
            raise
        except CommandFailed as error:
            if error.status == 2 or error.status > 128:
                raise
            return False
        except UserError as error:
            print(f"error: {error}", file=sys.stderr)
            return False
        return True
