"""Tabulate a hyper-parameter sweep, best point first, and name the best.

    python examples/best_of_sweep.py OUT_DIR/sweep

Prints Markdown. Points are compared by the score of the stream that their models
predict from, averaged over the languages of the dev set.
"""

import argparse
import re
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional

from fairseq_xling.errors import UserError
from fairseq_xling.files.json_text import read_object
from fairseq_xling.tables import markdown_table

NAME = re.compile(r"lr-(?P<lr>.+?)-alpha-(?P<alpha>.+?)(?:-layer-(?P<layer>.+))?")


class Point(NamedTuple):
    """One point of the grid; it has no score until its run is complete."""

    folder: Path
    lr: str
    alpha: str
    layer: str
    score: Optional[float]


def read_settings(folder: Path) -> Optional[Dict[str, str]]:
    """Settings of a point, by ``point.json`` or the folder's name; None for others."""
    if (folder / "point.json").exists():
        return read_object(folder / "point.json")
    match = NAME.fullmatch(folder.name)
    return match.groupdict(default="default") if match else None


def read_score(path: Path) -> Optional[float]:
    """The average over languages in a ``results.json``, None where there is no file.

    Raises:
        UserError: it has no scores.
    """
    if not path.exists():
        return None
    try:
        (model,) = read_object(path)["models"].values()
        return float(model["scores"][model["predict"]]["average"])
    except (AttributeError, KeyError, TypeError, ValueError):
        raise UserError(
            f"{path}: has no average score of one model; the dev set needs labels"
        ) from None


def read_points(sweep: Path, split: str) -> List[Point]:
    """All points of a sweep, the best first, incomplete ones last.

    Raises:
        UserError: there are none.
    """
    if not sweep.is_dir():
        raise UserError(f"{sweep}: no such folder; give the folder of a sweep")
    points = []
    for folder in sorted(path for path in sweep.iterdir() if path.is_dir()):
        settings = read_settings(folder)
        if settings is not None:
            values = (str(settings.get(key, "-")) for key in ("lr", "alpha", "layer"))
            score = read_score(folder / f"results-{split}" / "results.json")
            points.append(Point(folder, *values, score))
    if not points:
        raise UserError(
            f"{sweep}: holds no points of a sweep, such as lr-5e-6-alpha-0.4"
        )
    return sorted(points, key=lambda point: (point.score is None, -(point.score or 0)))


def main(argv: Optional[List[str]] = None) -> None:
    """Read the points, and print the table and the best one.

    Raises:
        UserError: there are no points, or none is complete.
    """
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("sweep", type=Path, help="folder of the sweep")
    parser.add_argument("--split", default="valid", help="(default: valid)")
    args = parser.parse_args(argv)
    points = read_points(args.sweep, args.split)
    rows = [
        [lr, alpha, layer, "incomplete" if score is None else f"{score:.2f}"]
        for _, lr, alpha, layer, score in points
    ]
    print(markdown_table(["learning rate", "alpha", "layer", "dev score"], rows))
    best = points[0]
    if best.score is None:
        raise UserError(f"{args.sweep}: no point is complete; run the sweep again")
    print(
        f"Best: learning rate {best.lr}, alpha {best.alpha}, layer {best.layer}: "
        f"{best.score:.2f} ({best.folder / 'checkpoint_best.pt'})"
    )


if __name__ == "__main__":
    main()
