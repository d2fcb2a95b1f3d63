"""A run of Algorithm 1: its stages in their order, and its tables."""

from typing import Optional, Sequence, Tuple

from fairseq_xling.data.manifest import Manifest
from fairseq_xling.errors import UserError
from fairseq_xling.files.locks import only_one_run
from fairseq_xling.multimix.algorithm import EPOCHS
from fairseq_xling.multimix.co_teaching import Plan
from fairseq_xling.multimix.epoch import Epoch
from fairseq_xling.multimix.report import (
    describe_epoch,
    describe_training,
    describe_warm_up,
    write_report,
)
from fairseq_xling.stages import run_stages

# By task: the benchmark whose data it reads, and the splits that the target's text is
# taken from, the first that there is. A translation of the source's sentences is the
# target's second-best text for XNER, as its words have no tags; XNLI has no other
# (MultiMix section 4.1).
DATA = {
    "multimix_xner": ("panx", ("supervised", "train")),
    "multimix_xnli": ("xnli", ("train", "supervised")),
}


def run_algorithm(
    plan: Plan,
    jobs: int,
    epochs: int = EPOCHS,
    charts: bool = False,
    percentage: float = 100.0,
    shares: Sequence[int] = (1,),
) -> str:
    """Run what is not complete, ``jobs`` commands at once, and return the tables.

    Args:
        epochs: how many of Algorithm 1's.
        charts: whether to draw appendix B's figures.
        percentage, shares: of the data that is trained on, see :meth:`Plan.sampling`.

    Raises:
        UserError: a stage failed, or the folder holds the stages of other settings.
    """
    with only_one_run(plan.folder):
        if percentage < 100:
            run_stages(plan.sampling(percentage, shares), jobs)
        warm_up = plan.warm_up()
        run_stages(warm_up, jobs)
        run_stages(plan.evaluation(0), jobs)
        for stages in plan.charts() if charts else []:
            run_stages(stages, jobs)
        reports = [describe_warm_up(plan, warm_up)]
        # The first epoch mixes real samples alone.
        if epochs > 1:
            run_stages(plan.generation(), jobs)
            run_stages(plan.exchange(), jobs)
        for number in range(1, epochs + 1):
            epoch = Epoch(plan, number)
            trainings = []
            for step in epoch.steps:
                run_stages(epoch.distillation(step), jobs)
                run_stages(epoch.agreements(step), jobs)
                adaptation = epoch.adaptation(step)
                run_stages(adaptation, jobs)
                run_stages(epoch.validation(step), jobs)
                for stage, choice in zip(adaptation, epoch.choose(step)):
                    trainings.append({**describe_training(stage), **choice})
            epoch.close()
            run_stages(plan.evaluation(number), jobs)
            reports.append(describe_epoch(epoch, trainings))
        return write_report(plan, reports)


def check_data(
    data: str,
    task: str,
    target_lang: str,
    target_split: Optional[str] = None,
    lm_data: Optional[str] = None,
) -> Tuple[str, str]:
    """The source language and the target's split (if not given, the task's usual one).

    Raises:
        UserError: a run cannot learn from the data: they are of another benchmark, or
            lack one of the languages; or ``lm_data``, the same as the generating model
            reads them, are other data.
    """
    manifest = Manifest.load(data)
    benchmark, usual = DATA[task]
    if manifest.task != benchmark:
        raise UserError(f"{data}: holds {manifest.task} data, not {benchmark}")
    if target_split is None:
        held_in = [x for x in usual if target_lang in manifest.splits.get(x, {})]
        target_split = held_in[0] if held_in else "train"
    source = manifest.source_lang
    parts = [("train", source), (target_split, target_lang)]
    for split, lang in parts:
        held = manifest.splits.get(split, {})
        if lang not in held:
            raise UserError(
                f"{data}: no split {split} in {lang}; it has "
                f"{', '.join(x for x in manifest.languages if x in held) or 'none'}"
            )
    if lm_data is not None:
        other = Manifest.load(lm_data)
        for split, lang in parts:
            entry = other.splits.get(split, {}).get(lang)
            rows = manifest.splits[split][lang].rows
            if other.task != manifest.task or entry is None or entry.rows != rows:
                raise UserError(
                    f"--lm-data {lm_data}: holds other data than {data}; preprocess "
                    "the same raw folder with the other tokenizer"
                )
    if target_lang == source:
        raise UserError(f"--target-lang {target_lang}: is the source language")
    return source, target_split
