"""Runs a recipe: python examples/recipe.py NAME ARGUMENT...

The scripts beside it, such as ``xnli.sh``, are calls of this one.
"""

import logging
import signal
import sys
from contextlib import nullcontext, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import List

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
if __name__ == "__main__":
    logging.disable(logging.INFO)  # of fairseq, at its import; commands say the rest

from recipes import (  # noqa: E402
    augment,
    demo,
    finetune,
    multimix,
    pretrain_mini,
    sweep,
)
from recipes.command_line import WrongUse, usage_of  # noqa: E402

from fairseq_xling.errors import UserError, one_line_errors  # noqa: E402
from fairseq_xling.launching.launchers import launched  # noqa: E402
from fairseq_xling.stages import CommandFailed  # noqa: E402

RECIPES = {
    "finetune": finetune.main,
    "multimix": multimix.main,
    "augment": augment.main,
    "pretrain_mini": pretrain_mini.main,
    "sweep": sweep.main,
    "demo": demo.main,
    "demo_seeds": demo.main_of_seeds,
}


def main(words: List[str]) -> int:
    """Run a recipe.

    Args:
        words: its name and its arguments.

    Returns:
        the exit status: of a command that failed its own, 2 of wrong use, 130 where it
        was stopped.
    """
    if not words or words[0] not in RECIPES:
        print(f"usage: recipe.py {{{','.join(RECIPES)}}} ...", file=sys.stderr)
        return 2
    run = RECIPES[words[0]]
    found = launched()
    # Of several processes the first says what they run.
    hears = (
        nullcontext() if not found or not found.rank else redirect_stdout(StringIO())
    )
    try:
        with one_line_errors(), hears:
            if found is not None and run is not finetune.main:
                raise WrongUse(
                    f"{words[0]}: torchrun and srun run the recipes of benchmarks "
                    "alone; start this one without them"
                )
            run(words[1:])
    except WrongUse as wrong:
        if str(wrong):
            print(f"error: {wrong}", file=sys.stderr)
        if wrong.shows_usage:
            print(usage_of(run), file=sys.stderr)
        return 2
    except CommandFailed as failed:  # it has told why
        return failed.status
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nstopped; run it again to go on", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    # A recipe that is told to end ends its command, too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main(sys.argv[1:]))
