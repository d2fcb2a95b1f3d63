"""Reading ``results.json``, which ``xling-evaluate`` writes: models and scores."""

from contextlib import contextmanager
from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from fairseq_xling.errors import UserError
from fairseq_xling.files.atomic import PathLike
from fairseq_xling.files.json_text import parse_json

# What tables call them, in the order of X-Mixup's Table 3.
BENCHMARKS = {
    "xnli": "XNLI",
    "pawsx": "PAWS-X",
    "udpos": "POS",
    "panx": "NER",
    "xquad": "XQuAD",
    "mlqa": "MLQA",
    "tydiqa": "TyDiQA",
}


class ScoredModel(NamedTuple):
    """A model's scores on one benchmark.

    Attributes:
        name: of the model.
        results: what its ``results.json`` says of the benchmark.
        path: of its checkpoint, as it was evaluated.
        scores: in percent by language, by the stream that predicts.
        average: over the languages.
        gap: the transfer gap, if there are a source and another language.
        intervals: low and high of the scores by language and of the average; empty
            where they were not computed.
    """

    name: str
    results: Dict[str, Any]
    path: str
    scores: Dict[str, float]
    average: float
    gap: Optional[float]
    intervals: Dict[str, Tuple[float, float]]

    @property
    def task(self) -> str:
        """The benchmark."""
        return self.results["task"]


@contextmanager
def reading_results(path: PathLike) -> Iterator[None]:
    """Turn what goes wrong with a ``results.json`` into one line."""
    try:
        yield
    except OSError as error:
        raise UserError(
            f"{path}: {error.strerror}; give results.json files, or their folders"
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UserError(
            f"{path}: not the results of xling-evaluate; run it again"
        ) from None


def load_results(paths: Sequence[PathLike]) -> List[Dict[str, Any]]:
    """Read results, given as files or as the folders that hold them.

    Raises:
        UserError: a file is missing or is none that ``xling-evaluate`` wrote.
    """
    loaded = []
    for name in paths:
        path = Path(name) / "results.json" if Path(name).is_dir() else Path(name)
        with reading_results(path):
            results = parse_json(path.read_text(encoding="utf-8"))
            BENCHMARKS[results["task"]]
            # All that the tables need is looked up.
            for model in results["models"].values():
                pair = ("f1", "exact_match") if "exact_match" in model else ()
                for key in ("scores", *pair) if model["scores"] else ():
                    float(model[key][model["predict"]]["average"])
        loaded.append(results)
    return loaded


def scored_models(results: Dict[str, Any]) -> List[ScoredModel]:
    """The models of a ``results.json`` that have scores."""
    found = []
    for name, model in results["models"].items():
        if not model["scores"]:
            continue
        way = model["predict"]
        scores = model["scores"][way]
        by_lang = {x: scores[x] for x in results["languages"] if x in scores}
        bounds = {
            lang: (float(low), float(high))
            for lang, (low, high) in model.get("intervals", {}).get(way, {}).items()
        }
        found.append(
            ScoredModel(
                name, results, model["path"], by_lang, scores["average"],
                scores.get("gap"), bounds,
            )
        )  # fmt: skip
    return found


def read_models(
    paths: Sequence[PathLike], names: Optional[Sequence[str]] = None
) -> List[ScoredModel]:
    """Read models with scores from results.

    Args:
        paths: ``results.json`` files, or the folders that hold them.
        names: which models, in this order (default: all, as they are written).

    Raises:
        UserError: a file is none of ``xling-evaluate``, or there is no such model.
    """
    found = [one for results in load_results(paths) for one in scored_models(results)]
    known = list(dict.fromkeys(one.name for one in found))
    lacking = sorted(set(names or []) - set(known))
    if lacking or not found:
        raise UserError(
            f"{', '.join(map(str, paths))}: no scores of "
            f"{', '.join(lacking) or 'any model'}; there are "
            f"{', '.join(known) or 'none'}"
        )
    if not names:
        return found
    return [one for name in names for one in found if one.name == name]


def find_scores(
    models: Sequence[ScoredModel], name: str, path: str, task: str, split: str
) -> ScoredModel:
    """The scores of a checkpoint: of its name, or of its folder and file."""
    models = [
        one for one in models if (one.task, one.results["split"]) == (task, split)
    ]
    place = Path(path).resolve().parts[-2:]
    same = [one for one in models if one.name == name]
    same += [one for one in models if Path(one.path).parts[-2:] == place]
    if same:
        return same[0]
    raise UserError(
        f"{path}: no scores of {name} on {split} of {task} in --results, which has "
        f"{', '.join(one.name for one in models) or 'none'} there; give these names by "
        "--names, or other --results"
    )
