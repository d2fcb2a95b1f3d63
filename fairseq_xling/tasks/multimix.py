"""MultiMix's task models, which are trained on mixtures of data sets."""

import os
from dataclasses import dataclass, field
from typing import Any, Dict, List, Optional

import numpy as np
from fairseq.dataclass import ChoiceEnum
from fairseq.tasks import register_task

from fairseq_xling.data.manifest import Manifest
from fairseq_xling.data.mixture_dataset import MixtureDataset
from fairseq_xling.data.streams import Streams
from fairseq_xling.errors import UserError
from fairseq_xling.families.config import XMixupConfig
from fairseq_xling.families.pairs.task import PairsConfig, PairsFamily
from fairseq_xling.families.tagging.task import TaggingConfig, TaggingFamily
from fairseq_xling.files.path_lists import split_paths
from fairseq_xling.tasks.xmixup_task import XMixupTask


@dataclass
class MultiMixConfig(XMixupConfig):
    """Options of MultiMix's task models."""

    training_set: ChoiceEnum(  # type: ignore[valid-type]
        ["source", "concatenated", "pairs"]
    ) = field(
        default="source",
        metadata={
            "help": "a plain model, warmed up on the source language (source) or on "
            "all languages of the data (concatenated), or an X-Mixup model (pairs)"
        },
    )
    mixture: Optional[str] = field(
        default=None,
        metadata={
            "help": "comma list of folders (one that has a comma in double quotes) "
            "whose train splits are mixed, instead of the data's own; one that is the "
            "data folder gives its source language"
        },
    )
    sampling_factor: float = field(
        default=0.7,
        metadata={"help": "alpha: 1 draws from the folders by size, 0 alike"},
    )


class MultiMixTask(XMixupTask):
    """A task model: trained on labelled source data, then on mixtures of data sets.

    Source: MultiMix sections 3.1 and 3.4.
    """

    cfg: MultiMixConfig

    def load_dataset(  # type: ignore[override]
        self, split: str, combine: bool = False, **kwargs: Any
    ) -> Any:
        """Load a split; to train on, the mixture, where there is one.

        Raises:
            UserError: as fairseq_xling's other tasks; a folder of the mixture is empty,
                or made with other labels or another dictionary.
        """
        if split != self.cfg.train_subset or not self.cfg.mixture:
            return super().load_dataset(split, combine, **kwargs)
        streams: List[Streams] = []
        groups: List[int] = []
        folders = split_paths(self.cfg.mixture, "--mixture")
        for number, folder in enumerate(folders):
            opened = self._open_folder(folder, split)
            streams += opened
            groups += [number] * len(opened)
        splits = [split] * len(streams)
        dataset = self.family.make_dataset(streams, splits, is_train=True)
        self.datasets[split] = MixtureDataset(
            dataset, np.array(groups)[dataset.item_parts], self.cfg.sampling_factor
        )
        return self.datasets[split]

    def training_streams(self) -> List[Streams]:
        if not self.cfg.mixture:
            return super().training_streams()
        split = self.cfg.train_subset
        folders = split_paths(self.cfg.mixture, "--mixture")
        return [one for folder in folders for one in self._open_folder(folder, split)]

    def _open_folder(self, folder: str, split: str) -> List[Streams]:
        manifest = Manifest.load(folder)
        if manifest.labels != self.manifest.labels:
            raise UserError(
                f"--mixture {folder}: labels {', '.join(manifest.labels)}, but "
                f"{self.cfg.data} has {', '.join(self.manifest.labels)}"
            )
        if manifest.dictionary_sha256 != self.manifest.dictionary_sha256:
            raise UserError(
                f"--mixture {folder}: binarized with another dict.txt than "
                f"{self.cfg.data}"
            )
        held = manifest.splits.get(split, {})
        wanted = [lang for lang in self.languages if lang in held and held[lang].rows]
        if os.path.realpath(folder) == os.path.realpath(self.cfg.data):
            wanted = [lang for lang in wanted if lang == self.source_lang]
        if not wanted:
            raise UserError(
                f"--mixture {folder}: has no rows of {split} in "
                f"{','.join(self.languages)}; leave it out"
            )
        paired = self._streams_for(True, None)
        return [
            self._open_part(folder, manifest, (split, lang), paired, True)
            for lang in wanted
        ]

    def state_dict(self) -> Dict[str, Any]:
        return {**super().state_dict(), "task": self.cfg._name}


@dataclass
class MultiMixXNLIConfig(MultiMixConfig, PairsConfig):
    """Options of ``--task multimix_xnli``."""


@dataclass
class MultiMixXNERConfig(MultiMixConfig, TaggingConfig):
    """Options of ``--task multimix_xner``."""


@register_task("multimix_xnli", dataclass=MultiMixXNLIConfig)
class MultiMixXNLITask(MultiMixTask):
    """Entailment, neutral or contradiction, without labels in the target language."""

    benchmark, family_class = "xnli", PairsFamily


@register_task("multimix_xner", dataclass=MultiMixXNERConfig)
class MultiMixXNERTask(MultiMixTask):
    """Named entities, one tag on the first piece of each word."""

    benchmark, family_class = "panx", TaggingFamily
