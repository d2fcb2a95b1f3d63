"""From folders of runs to the page."""

import logging
from pathlib import Path
from typing import Dict, List, Optional, Sequence

from fairseq_xling.files.atomic import PathLike, atomic_file
from fairseq_xling.report.analysis_parts import analyses_section
from fairseq_xling.report.evaluations import Evaluation, read_evaluation
from fairseq_xling.report.figures import draw_differences, draw_score_intervals
from fairseq_xling.report.find_runs import Found, find_runs, short_names
from fairseq_xling.report.multimix_parts import multimix_section
from fairseq_xling.report.page import Part, Section, render_page
from fairseq_xling.report.training_parts import training_sections
from fairseq_xling.report.trainings import read_trainings

logger = logging.getLogger(__name__)


def write_page(
    folders: Sequence[str], path: PathLike, title: Optional[str] = None
) -> None:
    """Write the page about what folders of runs hold.

    Raises:
        UserError: a folder is not there, nothing is found, or a file is damaged or not
            safe to read.
    """
    found = find_runs(folders)
    trainings = read_trainings(found.trainings, found.multimix)
    for run in trainings:
        if run.no_log:
            logger.warning(f"{run.name}: {run.no_log}")
    names = short_names([file.parent for file in found.evaluations])
    outside: List[Evaluation] = []
    inside: Dict[Path, List[Evaluation]] = {report: [] for report in found.multimix}
    for results in found.evaluations:
        evaluation = read_evaluation(results, names[results.parent])
        whole = [x for x in found.multimix if x.parent in results.parents]
        (inside[whole[0]] if whole else outside).append(evaluation)
    for one in outside:
        one.figures = draw_score_intervals(one) if one.models else []
        one.difference_figures = draw_differences(one) if one.differences else []
    sections = [
        Section("scores", "Scores", [Part(one.title, one) for one in outside]),
        multimix_section(found.multimix, inside),
        *training_sections(trainings),
        analyses_section(found.analyses),
    ]
    title = title or "Report: " + ", ".join(Path(x).resolve().name for x in folders)
    page = render_page(title, introduction(found), sections)
    with atomic_file(path) as file:
        # Names of files may hold bytes that are no text.
        file.write(page.encode("utf-8", "replace").decode("utf-8"))


def introduction(found: Found) -> str:
    """What the page is about."""
    counted = [
        (len(found.trainings), "training run"),
        (len(found.evaluations), "evaluation"),
        (len(found.multimix), "run of MultiMix|runs of MultiMix"),
        (len(found.analyses), "analysis|analyses"),
    ]
    texts = []
    for count, name in counted:
        one, _, more = name.partition("|")
        if count:
            texts.append(f"{count} {one if count == 1 else more or one + 's'}")
    return f"From {', '.join(texts)}."
