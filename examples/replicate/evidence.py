"""What was measured: scores, CKA and ratios of the runs, and differences over seeds."""

import json
import math
import statistics
from functools import lru_cache
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np
from evaluation_plan import human_cka
from multimix_plan import MultiMixSetting, first_seeds
from plan import Setting, demo_settings, folder_of, results_of
from scipy import stats

CONFIDENCE = 0.95
# More than anybody would train to decide a claim.
MOST_SEEDS = 100


class Missing(Exception):
    """A run that is not there (yet)."""


@lru_cache(maxsize=None)
def read(path: Path) -> Any:
    """A JSON file.

    Raises:
        Missing: it is not there.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise Missing(path) from None


class Evidence(NamedTuple):
    """The runs of one setting with one seed.

    Attributes:
        setting: what is compared.
        seed: of the runs.
        out: where all runs are.
    """

    setting: Setting
    seed: int
    out: Path

    def beside(self, name: str) -> "Evidence":
        """The runs of another setting with the same seed."""
        for settings in demo_settings(self.out).values():
            for setting in settings:
                if setting.name == name:
                    return self._replace(setting=setting)
        raise ValueError(name)

    def model(self, run: str) -> Dict[str, Any]:
        """What the results say of a training."""
        models = read(results_of(self.setting, self.seed, run, self.out))["models"]
        return next(iter(models.values()))

    def score(self, run: str, way: str = "", key: str = "average") -> float:
        """A score in percent.

        Args:
            run: the training.
            way: the stream that predicts; empty for the method's own.
            key: a language, ``average`` or ``gap``; where a setting has targets, of
                these alone.
        """
        model = self.model(run)
        scores = model["scores"][way or model["predict"]]
        if self.setting.targets and key in ("average", "gap"):
            mean = statistics.mean(scores[lang] for lang in self.setting.targets)
            return mean if key == "average" else scores["en"] - mean
        return scores[key]

    def mean_of(self, run: str, languages: Sequence[str], way: str = "") -> float:
        """The mean score over some languages."""
        return statistics.mean(self.score(run, way, lang) for lang in languages)

    def right(self, run: str) -> np.ndarray:
        """Which test rows of the targets a training answers rightly, as its own scores.

        Returns:
            100 where it does and 0 where not, ``(rows,)``.

        Raises:
            Missing: its answers are not there.
        """
        folder = results_of(self.setting, self.seed, run, self.out).parent
        found = []
        for lang in self.setting.targets:
            paths = list(folder.glob(f"predictions/*/test-{lang}.tsv"))
            if len(paths) != 1:
                raise Missing(folder)
            answers = paths[0].read_text(encoding="utf-8").splitlines()
            text = (self.setting.raw / f"test-{lang}.tsv").read_text(encoding="utf-8")
            gold = [line.split("\t")[2] for line in text.splitlines()]
            assert len(answers) == len(gold), paths[0]
            found += [100.0 * (a == b) for a, b in zip(answers, gold)]
        return np.array(found)

    def analysis(self, kind: str) -> Any:
        """The numbers of an analysis."""
        folder = folder_of(self.setting, self.seed, self.out) / "analysis"
        return read(folder / kind / f"{kind}.json")

    def aligned(
        self, name: str, inference: str = "alone", human: bool = False
    ) -> Dict[str, Any]:
        """A model's entry in the analysis of CKA, or in that of human translations."""
        found = read(human_cka(*self)) if human else self.analysis("cka")
        for one in found["models"]:
            if (one["name"], one["inference"]) == (name, inference):
                return one
        raise Missing(f"CKA of {name}, {inference}")

    def cka(self, name: str, inference: str = "alone") -> float:
        """CKA with the source after the last layer, mean over languages."""
        by_lang = self.aligned(name, inference)["cka"]
        return statistics.mean(values[-1] for values in by_lang.values())


class MultiMixEvidence(NamedTuple):
    """The runs of MultiMix with one seed; fields as of :class:`Evidence`."""

    setting: MultiMixSetting
    seed: int
    out: Path

    def scores(self, row: str = "", split: str = "test") -> List[float]:
        """Scores in the target language by epoch, the warm-up first.

        Each is the mean over the three models.
        """
        lang = self.setting.lang
        return [statistics.mean(x["scores"][split][lang]) for x in self.reports(row)]

    def kept(self, row: str = "") -> List[bool]:
        """Of each training of adaptation, whether it was better than what was there."""
        epochs = self.reports(row)[1:]
        return [training["kept"] for one in epochs for training in one["trainings"]]

    def reports(self, row: str) -> List[Dict[str, Any]]:
        """What the run says of each epoch."""
        return read(self.setting.folder(self.seed, row, self.out) / "report.json")


class Measured(NamedTuple):
    """A quantity over seeds.

    Attributes:
        values: one a seed.
        low, high: Student's t interval of the mean, 95 percent.
    """

    values: List[float]
    low: float
    high: float

    @property
    def mean(self) -> float:
        """Over the seeds."""
        return statistics.mean(self.values)

    @property
    def verdict(self) -> str:
        """Whether the quantity is above zero, as a claim says."""
        if self.low > 0:
            return "holds"
        return "does not hold" if self.high < 0 else "undecided"

    @property
    def seeds_needed(self) -> Optional[int]:
        """With how many seeds zero would lie outside, at this mean and deviation.

        None for more than ``MOST_SEEDS``, and where the deviation is not known.
        """
        if len(self.values) < 2:
            return None
        deviation = statistics.stdev(self.values)
        for count in range(2, MOST_SEEDS + 1):
            if half_width(deviation, count) < abs(self.mean):
                return count
        return None


def half_width(deviation: float, count: int) -> float:
    """Half of Student's interval of a mean of so many values."""
    quantile = stats.t.ppf((1 + CONFIDENCE) / 2, count - 1)
    return float(quantile * deviation / math.sqrt(count))


def measure(values: Sequence[float]) -> Measured:
    """Mean and interval of a quantity; endless with one seed."""
    mean = statistics.mean(values)
    half = math.inf
    if len(values) > 1:
        half = half_width(statistics.stdev(values), len(values))
    return Measured(list(values), mean - half, mean + half)


def measure_rows(rows: np.ndarray) -> Measured:
    """Mean of what each seed gives for each test row, and its interval.

    Seeds and rows are both samples: the variance of the mean is that of the model with
    a random effect of each seed and each row, from the mean squares of the analysis of
    variance, and Student's quantile has Satterthwaite's degrees of freedom.

    Args:
        rows: ``(seeds, rows)``, two of each or more.

    Source: Satterthwaite 1946, "An approximate distribution of estimates of variance
    components".
    """
    seeds, count = rows.shape
    mean = rows.mean()
    by_seed, by_row = rows.mean(axis=1), rows.mean(axis=0)
    rest = rows - by_seed[:, None] - by_row + mean
    degrees = np.array([seeds - 1, count - 1, (seeds - 1) * (count - 1)])
    sums = [count * ((by_seed - mean) ** 2).sum(), seeds * ((by_row - mean) ** 2).sum()]
    squares = np.array([*sums, (rest**2).sum()]) / degrees
    signed = squares * [1, 1, -1]
    # Where the difference is below what either effect alone gives, that stands.
    total = max(signed.sum(), squares[:2].max())
    freedom = total**2 / (squares**2 / degrees).sum() if total else 1
    half = stats.t.ppf((1 + CONFIDENCE) / 2, freedom) * math.sqrt(total / rows.size)
    return Measured(by_seed.tolist(), mean - half, mean + half)


def over_seeds(
    setting: Any,
    quantity: Callable[[Any], Optional[float]],
    seeds: Sequence[int],
    out: Path,
) -> Measured:
    """Measure a quantity with every seed.

    Raises:
        Missing: a run is, or its quantity, such as a correlation of two languages.
    """
    kind: Any = Evidence
    if isinstance(setting, MultiMixSetting):
        kind, seeds = MultiMixEvidence, first_seeds(seeds)
    values = []
    for seed in seeds:
        value = quantity(kind(setting, seed, out))
        if value is None:
            raise Missing(f"{setting.name}, seed {seed}")
        values.append(value)
    return measure(values)


def over_seeds_and_rows(
    setting: Setting, runs: Tuple[str, str], seeds: Sequence[int], out: Path
) -> Measured:
    """How much better one training's answers are than another's, row by row.

    Raises:
        Missing: answers are.
    """
    both = [[Evidence(setting, s, out).right(run) for s in seeds] for run in runs]
    ours, theirs = map(np.array, both)
    return measure_rows(ours - theirs)


def unlearned(setting: Setting, seeds: Sequence[int], out: Path) -> List[str]:
    """Trainings for sentence pairs that, with some seed, gave all rows one answer."""
    found = []
    for run in setting.methods if setting.task == "xnli" else ():
        for seed in seeds:
            folder = results_of(setting, seed, run, out).parent / "predictions"
            texts = [x.read_text(encoding="utf-8") for x in folder.rglob("*.tsv")]
            if len({answer for text in texts for answer in text.split()}) == 1:
                found.append(run)
                break
    return found
