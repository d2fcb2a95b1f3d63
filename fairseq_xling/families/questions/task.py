"""Question answering: windows, spans, answers."""

import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import (
    Any,
    Dict,
    Iterator,
    List,
    Mapping,
    Optional,
    Set,
    Tuple,
)

import numpy as np
import torch.nn.functional as F
from torch import Tensor

from fairseq_xling.criterions.loss_terms import LossTerms
from fairseq_xling.criterions.losses import span_loss
from fairseq_xling.data.streams import Streams
from fairseq_xling.data.window_dataset import windows_by_row
from fairseq_xling.errors import UserError
from fairseq_xling.families.base import Family, Sample, pairs_in
from fairseq_xling.families.config import XMixupConfig
from fairseq_xling.families.questions.answers import WindowScores, best_answers
from fairseq_xling.families.questions.dataset import SpanDataset
from fairseq_xling.families.questions.encode import QuestionEncoder
from fairseq_xling.families.questions.metric import score_answer
from fairseq_xling.families.questions.predictions import (
    AnsweredRow,
    AnswerPredictions,
    ExampleFile,
)
from fairseq_xling.families.questions.translating import QuestionTranslator
from fairseq_xling.option_values import flag_of

SPAN_HEAD = "span_head"

logger = logging.getLogger(__name__)

# Options that must be 1 or more.
SIZES = ("doc_stride", "max_question_length", "max_answer_length", "n_best_size")


@dataclass
class QuestionsConfig(XMixupConfig):
    """Options of the question answering tasks."""

    scheduled_sampling_decay: float = field(
        default=2000.0,
        metadata={"help": "decay k of the real source's probability; 0: always real"},
    )
    max_positions: int = field(
        default=384, metadata={"help": "longest window of a passage, in tokens"}
    )
    doc_stride: int = field(
        default=128,
        metadata={"help": "tokens from one window's beginning to that of the next"},
    )
    max_question_length: int = field(
        default=64, metadata={"help": "longer questions are cut to this many tokens"}
    )
    max_answer_length: int = field(
        default=30, metadata={"help": "longest answer that is predicted, in tokens"}
    )
    n_best_size: int = field(
        default=20, metadata={"help": "how many answers are listed for a question"}
    )


class QuestionsFamily(Family):
    """Find answers in passages of languages without questions of their own.

    Args:
        rules: by whose rules answers are scored, by split (default: SQuAD's).

    Source: X-Mixup sections 4.2 and 5.1.
    """

    name = "questions"
    stored = "qa"
    metric = "(F1 + EM) / 2"
    title = "F1 and exact match"
    scores = ("score", "f1", "exact_match")
    label_streams = {"span"}
    default_source_loss_weight = 0.2
    head_bias = f"token_heads.{SPAN_HEAD}.out_proj.bias"
    predictions = AnswerPredictions
    encoder = QuestionEncoder
    translator = QuestionTranslator

    def __init__(self, *given: Any, rules: Optional[Mapping[str, str]] = None) -> None:
        super().__init__(*given)
        self.rules = rules or {}
        # By split and language, the questions by row and their tokens' characters.
        self.examples: Dict[str, Dict[int, Tuple[Any, Any]]] = {}

    @property
    def outputs(self) -> int:
        """That a token is the answer's first, and its last."""
        return 2

    def default_mixup_layer(self, layers: int) -> str:
        """Two thirds up: 16 of 24 layers, 8 of 12 (X-Mixup section 5.1)."""
        return str(max(1, 2 * layers // 3))

    def own_streams(self, paired: Set[str]) -> Set[str]:
        streams = {"context_length", "span", "offsets"}
        return streams | ({"source_span"} if "source" in paired else set())

    def needed_streams(self, is_train: bool) -> Set[str]:
        return {"context_length"} | ({"span"} if is_train else {"offsets"})

    def make_dataset(
        self, streams: List[Streams], splits: List[str], is_train: bool, texts=None
    ) -> SpanDataset:
        for name in SIZES:
            if getattr(self.cfg, name) < 1:
                option = flag_of(name)
                raise UserError(f"{option} {getattr(self.cfg, name)}: give 1 or more")
        dataset = self.dataset(
            SpanDataset,
            streams,
            shuffle=is_train,
            split=splits[-1],
            doc_stride=self.cfg.doc_stride,
            max_question_length=self.cfg.max_question_length,
            separators=self.manifest.separators,
            whole_rows=not is_train,
        )
        if not is_train:
            folder = Path(self.cfg.data)
            if texts is None:
                parts = zip(splits, streams)
                texts = [ExampleFile(folder, x, one.lang) for x, one in parts]
            self.examples[dataset.split] = {
                lang: (each, one.offsets)
                for lang, each, one in zip(dataset.lang_ids, texts, streams)
            }
            return dataset
        for one, split in zip(streams, splits):
            if one.span is None or not np.any(one.span.sizes):
                raise UserError(
                    f"{self.cfg.data}: {split}.{one.lang} has no answers to train on; "
                    f"leave {one.lang} out of --target-langs"
                )
        windows = np.bincount(dataset.part, minlength=len(streams))
        for one, split, count in zip(streams, splits, windows):
            lost = dataset.answers_in_no_window(one)
            logger.info(
                f"{split}.{one.lang}: {len(one)} questions in {count} windows, "
                f"{lost} answers too long for any"
            )
        return dataset

    def build_head(self, model: Any) -> None:
        model.register_token_head(SPAN_HEAD, self.outputs, 0.0)

    def head_options(self) -> Dict[str, Any]:
        """For logits of tokens, ``(batch, width, 2)``."""
        return {"token_head_name": SPAN_HEAD}

    def loss_terms(self, logits: Tensor, extra: Any, sample: Sample) -> LossTerms:
        """Cross-entropy of both ends of the answers in both streams (eq. 8 and 13).

        Back-translations have no answers: where one takes the source's place, the
        source's loss does not count.
        """
        source_logits = extra.get("source_logits", logits[:0])
        labelled = sample["has_source_span"][: len(source_logits)]
        if "source_is_real" in sample:
            labelled = labelled & sample["source_is_real"]
        # Where the span is none of this text, <s> keeps the loss finite.
        spans = sample["source_span"] * labelled.unsqueeze(-1)
        source = logits.new_zeros(0)
        if len(source_logits):
            tokens = sample["net_input"]["source_tokens"]
            source = span_loss(source_logits, spans, self._real(tokens, source_logits))
        tokens = self._real(sample["net_input"]["src_tokens"], logits)
        return LossTerms(span_loss(logits, sample["span"], tokens), source, labelled)

    def _real(self, tokens: Tensor, logits: Tensor) -> Tensor:
        """Positions of ``logits`` that are tokens and not padding."""
        real = tokens.ne(self.dictionary.pad())
        return F.pad(real, (0, logits.size(1) - real.size(1)))

    def count_scores(
        self, logits: Tensor, extra: Any, sample: Sample
    ) -> Dict[str, Any]:
        """Questions, exact matches and F1 of their answers, summed a language."""
        names = ("questions", "answer_em", "answer_f1")
        counts = {f"{name}:{lang}": 0.0 for name in names for lang in self.languages}
        if sample["split"] not in self.examples:  # one to train on
            return counts
        for answered in self.rows(logits.detach(), extra, sample):
            if answered.scores is not None:
                lang = self.languages[answered.lang]
                for name, value in zip(names, (1.0, *answered.scores)):
                    counts[f"{name}:{lang}"] += value
        return counts

    def rows(self, logits: Tensor, extra: Any, sample: Sample) -> Iterator[AnsweredRow]:
        """The questions of a batch, each with all its windows."""
        scores = logits.float().cpu().numpy()
        pairs, split = pairs_in(sample), sample["split"]
        for (lang, row), positions in windows_by_row(sample).items():
            found = []
            for position in positions:
                before, begin, end = sample["context"][position]
                here = scores[position, before : before + end - begin]
                found.append(WindowScores(int(begin), here))
            examples, offsets = self.examples[split][lang]
            example = examples[row]
            answers = best_answers(
                found,
                example.context,
                offsets[row].view(-1, 2).numpy(),
                self.cfg.n_best_size,
                self.cfg.max_answer_length,
            )
            score = None
            if example.answers:
                rules = self.rules.get(split, "squad")
                name = self.languages[lang]
                score = score_answer(answers[0].text, example.answers, name, rules)
            has_source = positions[0] < pairs
            yield AnsweredRow(lang, row, has_source, example, answers, score)
