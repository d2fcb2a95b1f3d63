"""What a family is: what the tasks of one kind share, whatever their benchmark."""

import itertools
from collections import defaultdict
from dataclasses import dataclass
from typing import (
    Any,
    Dict,
    Iterable,
    Iterator,
    List,
    Optional,
    Sequence,
    Set,
    Tuple,
    Type,
)

import numpy as np
import torch
from fairseq.data import Dictionary
from torch import Tensor

from fairseq_xling.criterions.loss_terms import LossTerms
from fairseq_xling.data.manifest import Manifest
from fairseq_xling.data.paired_dataset import PairedDataset
from fairseq_xling.data.streams import Streams
from fairseq_xling.families.encode import RowEncoder
from fairseq_xling.families.row_file import RowFile
from fairseq_xling.families.translating import RowTranslator

Sample = Dict[str, Any]
# The streams that may give a prediction: both together, or either.
WAYS = ("mean", "target", "source")


@dataclass
class PredictedRow:
    """What a model predicts for a row; families add the prediction and the gold one.

    Attributes:
        lang, row: the language's index, and the row's number in its data.
        has_source: whether a counterpart took part.
    """

    lang: int
    row: int
    has_source: bool


class Predictions:
    """A model's predictions for one language, in the order of its rows.

    Args:
        rows: what :meth:`Family.predict_step` gave.

    Attributes:
        has_source: which rows had a counterpart, bool ``(rows,)``.
        ratio: mixup ratios ``(rows with counterpart, mixing layers)``, or None where
            they are not known.
        ending: of the submission's file.
    """

    ending = "tsv"
    ratio: Optional[np.ndarray] = None

    def __init__(self, rows: RowFile, labels: Sequence[str]) -> None:
        self.rows = rows
        self.labels = labels
        self.has_source = rows.has_source()

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def is_finite(self) -> bool:
        """Whether all probabilities are numbers."""
        raise NotImplementedError

    def scores(self, way: str) -> Optional[Dict[str, float]]:
        """Scores in percent, that of the benchmark as ``score``; None without labels.

        Args:
            way: which stream predicts, one of the family's ``ways``.
        """
        raise NotImplementedError

    def outcomes(self, way: str) -> np.ndarray:
        """What the score is computed from, a row each, for the paired bootstrap."""
        raise NotImplementedError

    def submission(self, way: str) -> Iterator[str]:
        """XTREME's prediction file, in parts."""
        raise NotImplementedError

    def n_best(self) -> Optional[Iterator[str]]:
        """What is written beside it, as JSON, in parts; None where nothing is."""
        return None

    def results(self, texts: Sequence[Any]) -> List[Dict[str, Any]]:
        """A dictionary a row, as :meth:`Predictor.predict` returns it.

        Args:
            texts: the rows that were predicted, as the family's encoder takes them.
        """
        raise NotImplementedError


class Family:
    """A kind of task: how its rows are read, trained on, predicted and scored.

    A task has one, made for its options and data. What depends on neither is told by
    the class, which :data:`fairseq_xling.families.FAMILIES` finds by its stored name.

    Args:
        languages: the source language first; batches name them by their index.

    Attributes:
        name: of the family.
        stored: the same in files, such as ``results.json``.
        metric: the benchmark's score, as figures name it.
        title: what tables show.
        scores: what validation logs, the one to choose checkpoints by first.
        ways: the streams that can predict, the default first.
        label_streams: the streams that hold labels, of which a row has one.
        labels_words: whether each word of a row has a label of its own.
        reads_windows: whether long rows are read in windows, which are trained on one
            by one, so that only other splits are predicted.
        default_source_loss_weight: alpha, where none is given.
        has_prediction_term: whether the objective compares the predictions of both
            streams (the KL of eq. 7).
        scores_in_training: whether scores are cheap enough to be logged for training
            batches, too.
        head_bias: the bias of the head's last layer, by its name in checkpoints.
        predictions: what :meth:`collect` makes.
        encoder: makes streams of rows.
        translator: tells what of rows is translated.
    """

    name: str
    stored: str
    metric: str
    title: str
    scores: Tuple[str, ...]
    ways: Tuple[str, ...] = ("target",)
    label_streams: Set[str]
    labels_words = False
    reads_windows = True
    default_source_loss_weight: float
    has_prediction_term = False
    scores_in_training = False
    head_bias: str
    predictions: Type[Predictions]
    encoder: Type[RowEncoder]
    translator: Type[RowTranslator]

    def __init__(
        self,
        cfg: Any,
        manifest: Manifest,
        dictionary: Dictionary,
        label_dictionary: Dictionary,
        languages: List[str],
    ) -> None:
        self.cfg = cfg
        self.manifest = manifest
        self.dictionary = dictionary
        self.languages = languages
        self.label_offset = label_dictionary.nspecial
        self.label_names: List[str] = label_dictionary.symbols[self.label_offset :]

    @staticmethod
    def chance(labels: Sequence[str]) -> Optional[float]:
        """The score of guessing, in percent; None where it depends on the data."""
        return None

    @property
    def outputs(self) -> int:
        """How many outputs the head has."""
        return len(self.label_names)

    def default_mixup_layer(self, layers: int) -> str:
        """The layer to mix in where none is given, of a model with ``layers``."""
        raise NotImplementedError

    def own_streams(self, paired: Set[str]) -> Set[str]:
        """The streams that are read beside the text.

        Args:
            paired: those of ``source`` and ``backtranslation`` that are read.
        """
        raise NotImplementedError

    def needed_streams(self, is_train: bool) -> Set[str]:
        """Those of them that every row has."""
        return set()

    def make_dataset(
        self, streams: List[Streams], splits: List[str], is_train: bool, texts=None
    ) -> PairedDataset:
        """Make the dataset of some streams, one entry a language.

        Args:
            is_train: whether it is trained on.
            texts: the raw rows of each, where they are in memory.
        """
        raise NotImplementedError

    def dataset(
        self, kind: Any, streams: List[Streams], shuffle: bool, **own: Any
    ) -> Any:
        """Call a dataset's class with what those of all families are told, and more."""
        return kind(
            streams,
            [self.languages.index(one.lang) for one in streams],
            pad=self.dictionary.pad(),
            eos=self.dictionary.eos(),
            max_length=self.cfg.max_positions,
            shuffle=shuffle,
            group_translations=shuffle and self.cfg.group_translations,
            seed=self.cfg.seed,
            **own,
        )

    def build_head(self, model: Any) -> None:
        """Add the head to a new model."""
        raise NotImplementedError

    def head_options(self) -> Dict[str, Any]:
        """What the model is told, so that it applies the head."""
        raise NotImplementedError

    def forward(self, model: Any, sample: Sample) -> Tuple[Tensor, Any]:
        """Logits of a batch, and what the model says beside them.

        Returns:
            those of the target stream, ``(batch, ...)``; in ``source_logits`` those of
            the sources, where there are some.
        """
        return model(
            **sample["net_input"],
            lengths=sample.get("lengths"),
            features_only=True,
            **self.head_options(),
        )

    def loss_terms(self, logits: Tensor, extra: Any, sample: Sample) -> LossTerms:
        """The losses of each row of a batch and of each pair."""
        raise NotImplementedError

    def counted_words(self, sample: Sample) -> Optional[Tensor]:
        """Which words of a batch are trained on, bool ``(batch, words)``.

        None where an instance has one prediction.
        """
        return None

    def count_scores(
        self, logits: Tensor, extra: Any, sample: Sample
    ) -> Dict[str, Any]:
        """What the family's score is computed from, summed over a batch.

        Returns:
            sums by name and language, such as ``rows:en``; the same names for every
            batch. See :mod:`fairseq_xling.criterions.score_logging`.
        """
        raise NotImplementedError

    def rows(
        self, logits: Tensor, extra: Any, sample: Sample
    ) -> Iterator[PredictedRow]:
        """The predicted rows of a batch of whole rows."""
        raise NotImplementedError

    @torch.no_grad()
    def predict_step(self, sample: Sample, model: Any) -> List[PredictedRow]:
        """Predict the rows of a batch (X-Mixup section 4.3)."""
        model.eval()
        logits, extra = self.forward(model, sample)
        return list(self.rows(logits, extra, sample))

    def collect(self, batches: Iterable[Sequence[Any]]) -> Dict[str, Predictions]:
        """Put together what :meth:`predict_step` gave for all batches.

        Returns:
            predictions by language, in the task's order of languages.
        """
        found: Dict[int, RowFile] = defaultdict(RowFile)
        for one in itertools.chain.from_iterable(batches):
            found[one.lang].add(one)
        return {
            self.languages[lang]: self.predictions(found[lang], self.label_names)
            for lang in sorted(found)
        }


def pairs_in(sample: Sample) -> int:
    """How many rows of a batch, its first ones, have a counterpart."""
    sources = sample["net_input"]["source_tokens"]
    return 0 if sources is None else len(sources)
