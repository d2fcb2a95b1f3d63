"""MultiMix's Algorithm 1 itself, apart from commands and folders."""

from itertools import permutations
from typing import Dict, List, NamedTuple, Tuple

MODELS = (1, 2, 3)
EPOCHS = 3
# Algorithm 1, line 22: which data are mixed in each epoch.
MIXTURES = {
    1: ("source", "target"),
    2: ("target-aug",),
    3: ("source", "target", "source-aug", "target-aug"),
}
SCHEDULES = ("sequential", "simultaneous")


class Step(NamedTuple):
    """Trainings of an epoch that do not depend on each other.

    Attributes:
        number: from 1 on in each epoch.
        peers: of each model that is trained, those whose labels it is trained on.
    """

    number: int
    peers: Dict[int, Tuple[int, ...]]


def steps_of(schedule: str, agreement: bool) -> List[Step]:
    """The steps of an epoch.

    Args:
        schedule: ``"sequential"``: for every ordered pair (k, j) the third model is
            trained on what k and j agree on, each a step that sees the models as those
            before it left them; or ``"simultaneous"``: all three models are trained
            once, in one step, on labels of the models as the epoch found them.
        agreement: whether two peers must agree; otherwise one is asked: k, or the next
            model.

    Source: MultiMix Algorithm 1, lines 3 to 22; Figure 1.
    """
    if schedule == "simultaneous":
        peers: Dict[int, Tuple[int, ...]] = {1: (2, 3), 2: (1, 3), 3: (1, 2)}
        return [Step(1, peers if agreement else {1: (2,), 2: (3,), 3: (1,)})]
    return [
        Step(number, {sum(MODELS) - k - j: (k, j) if agreement else (k,)})
        for number, (k, j) in enumerate(permutations(MODELS, 2), 1)
    ]
