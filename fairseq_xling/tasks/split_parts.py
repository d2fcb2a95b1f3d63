"""Which parts of the data a task reads: its languages, and what a split has of them."""

import logging
from typing import Iterable, List, Sequence, Tuple

from fairseq_xling.data.manifest import Manifest
from fairseq_xling.errors import UserError
from fairseq_xling.families.config import XMixupConfig
from fairseq_xling.option_values import read_languages

logger = logging.getLogger(__name__)

# A split and a language.
Part = Tuple[str, str]
# What the log says of a stream that is wanted and not there.
CONSEQUENCES = {
    "source": "no mixup and no consistency there, the target stands alone",
    "backtranslation": "no scheduled sampling there, the source is always real",
}


def choose_languages(cfg: XMixupConfig, manifest: Manifest) -> List[str]:
    """The source language, and the target languages in their order.

    Raises:
        UserError: the data do not hold what is asked for.
    """
    source = cfg.source_lang if cfg.source_lang is not None else manifest.source_lang
    if source != manifest.source_lang:
        raise UserError(
            f"--source-lang {source}: the data's counterparts are in "
            f"{manifest.source_lang}; run preprocessing with that source"
        )
    held = [lang for lang in manifest.languages if lang != source]
    wanted = held
    if cfg.target_langs is not None:
        wanted = read_languages("--target-langs", cfg.target_langs)
    unknown = sorted(set(wanted) - set(held))
    if unknown:
        raise UserError(
            f"--target-langs {','.join(unknown)}: not in {cfg.data}, which "
            f"holds {','.join(held)}"
        )
    return [source] + wanted


def parts_of(
    cfg: XMixupConfig, manifest: Manifest, split: str, languages: Sequence[str]
) -> List[Part]:
    """The parts of a split; to ``"supervised"`` belong the source's of ``"train"``."""
    parts = [(split, x) for x in languages if x in manifest.splits.get(split, {})]
    if split == "supervised" and parts:
        parts.insert(0, ("train", languages[0]))
    if split == cfg.train_subset and cfg.training_set == "source":
        parts = [(part, lang) for part, lang in parts if lang == languages[0]]
    if not parts:
        raise UserError(
            f"{cfg.data}: no split {split} for {','.join(languages)}; "
            f"it has {', '.join(sorted(manifest.splits))}"
        )
    return parts


def say_what_is_missing(
    manifest: Manifest, split: str, languages: Sequence[str], wanted: Iterable[str]
) -> None:
    """Log which languages lack a stream that is wanted, and what follows."""
    for stream in sorted(wanted):
        lacking = [
            lang
            for lang in languages
            if lang != manifest.source_lang
            and stream not in manifest.splits[split][lang].streams
        ]
        if lacking:
            logger.warning(
                f"{split}: {','.join(lacking)} without {stream}: {CONSEQUENCES[stream]}"
            )
