"""Trained models for people who have text and want tags, answers, classes or states."""

import copy
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Union

import torch

from fairseq_xling.devices import choose_device
from fairseq_xling.errors import UserError, one_line_errors
from fairseq_xling.families.inputs import Text
from fairseq_xling.families.prediction import BatchOptions, predict_batches
from fairseq_xling.precision import half_dtype
from fairseq_xling.predictor.features import (
    MixedPair,
    TokenFeatures,
    mixed_pairs,
    token_features,
)
from fairseq_xling.predictor.loading import load_files
from fairseq_xling.predictor.texts import TextReader, TokenizedText, as_list
from fairseq_xling.predictor.translating import fill_sources, open_translator
from fairseq_xling.translation.engine import Engine


class Predictor:
    """A model with all that it takes to read text.

    Args:
        path: the model's file, for messages.
        model: the model.
        reader: turns text into tokens.
        task: the model's task, None for a model without head.

    Attributes:
        family: ``"classification"``, ``"tagging"`` or ``"qa"``; None without head.
    """

    def __init__(
        self, path: Path, model: Any, reader: TextReader, task: Any = None
    ) -> None:
        self.path = path
        self.model = model.eval()
        self.reader = reader
        self.family: Optional[str] = task and task.family.stored
        self.half_models: Dict[torch.dtype, Any] = {}
        self.engines: Dict[Any, Engine] = {}
        self._task = task

    @property
    def task(self) -> Any:
        """The task that the model was fine-tuned for.

        Raises:
            UserError: none is known.
        """
        if self._task is None:
            raise UserError(
                f"{self.path}: does not tell its task and labels, so it has no head to "
                "predict with (extract_features and mix work); give a model that was "
                "fine-tuned with one of the xmixup tasks"
            )
        return self._task

    def predict(
        self,
        inputs: Sequence[Text],
        sources: Optional[Sequence[Optional[Text]]] = None,
        batch_size: int = 32,
        fp16: bool = False,
        cpu: bool = False,
        bf16: bool = False,
        translate: Union[str, Engine, None] = None,
        lang: Optional[str] = None,
    ) -> List[Dict[str, Any]]:
        """Predict texts.

        Args:
            inputs: for sentence pairs, two texts each; for tagging, a sentence, which
                is split into words, or a list of words; for question answering,
                ``{"question": ..., "context": ...}``.
            sources: their translations to the source language, in the same form, or
                None for those that have none; they take part by mixup, unless the
                model was trained with ``--no-mixup-inference``.
            batch_size: rows (of long texts: parts) that are run at once.
            fp16: half precision, on a GPU.
            cpu: do not use a GPU.
            bf16: half precision that does not overflow.
            translate: an engine that makes the sources that are not given, such as
                ``"command:apertium -u -f line {src}-{tgt}"``; see ``--engine`` of
                ``preprocess/translate.py``.
            lang: the language of the inputs, for ``translate``.

        Returns:
            for each input a dictionary: ``label`` and ``probabilities`` by label;
            ``words``, ``tags`` and the ``probabilities`` of these tags; or ``answer``,
            its first character ``start``, its ``probability``, and ``n_best``.

        Raises:
            UserError: an input is not of the form, the model has no head, or the
                engine fails.
        """
        inputs = as_list(inputs, "inputs")
        sources = (
            [None] * len(inputs) if sources is None else as_list(sources, "sources")
        )
        check_batch_size(batch_size)
        if len(sources) != len(inputs):
            raise UserError(f"{len(inputs)} inputs, but {len(sources)} sources")
        rows = [self.parse(text, f"input {i}") for i, text in enumerate(inputs, 1)]
        others = [
            None if text is None else self.parse(text, f"source {i}")
            for i, text in enumerate(sources, 1)
        ]
        if translate is not None:
            if (translate, lang) not in self.engines:  # which may load a model
                engine = open_translator(self.task, translate, lang)
                self.engines[translate, lang] = engine
            engine = self.engines[translate, lang]
            others = fill_sources(self.task, rows, others, engine)
        batches = BatchOptions(batch_size, cpu=cpu, fp16=fp16, bf16=bf16)
        return self.predict_parsed(rows, others, batches)

    def extract_features(
        self,
        texts: Sequence[Text],
        layer: Optional[int] = None,
        batch_size: int = 32,
        cpu: bool = False,
    ) -> List[TokenFeatures]:
        """States of texts' tokens, each text by itself, without mixing.

        Args:
            texts: inputs as of :meth:`predict`; a model for pairs takes single
                sentences, too. With a model without head, a sentence, a tuple of two
                texts, or a list of words. ``{"text": ...}``, ``{"words": [...]}``, and
                pairs by their names are understood, as well.
            layer: 0 for the embeddings, 1 and so on for the states after that layer
                (as Hugging Face's ``hidden_states``); None for the last one.
            batch_size: texts that are run at once.
            cpu: do not use a GPU.

        Returns:
            for each text its ``tokens``, ``<s>`` and ``</s>`` included, their
            ``features``, float32 ``(tokens, dim)``, and, where the text was words,
            ``word_starts``: ``features[word_starts]`` are ``(words, dim)``.

        Raises:
            UserError: a text is not of the form, or longer than the model reads; there
                is no such layer.
        """
        read = self._tokenize(texts, "text")
        check_batch_size(batch_size)
        model = self.model.to(choose_device(cpu))
        return token_features(model, self.reader, read, layer, batch_size)

    def mix(
        self,
        targets: Sequence[Text],
        sources: Sequence[Text],
        per_head: bool = False,
        batch_size: int = 32,
        cpu: bool = False,
    ) -> List[MixedPair]:
        """Mix targets with their sources, as at inference, and look inside.

        Args:
            targets: texts as of :meth:`extract_features`.
            sources: their counterparts in the source language.
            per_head: give the alignment of each attention head, not their mean.
            batch_size: pairs that are run at once.
            cpu: do not use a GPU.

        Returns:
            for each pair the ``target`` and ``source`` streams after the last layer,
            as :meth:`extract_features` gives them, and ``layers``: for each layer
            that mixes its number ``layer``, the mixup ``ratio`` (lambda), the
            ``entropy`` that sets it, and the ``alignment``, attention of target
            tokens over source tokens, float32 ``(target_len, source_len)``, with
            ``per_head`` ``(heads, target_len, source_len)``; rows sum to 1.

        Raises:
            UserError: the model does not mix; a text is not of the form, or too long.

        Source: X-Mixup section 4.1, eq. 3 to 5.
        """
        read = self._tokenize(targets, "target")
        others = self._tokenize(sources, "source")
        if len(others) != len(read):
            raise UserError(f"{len(read)} targets, but {len(others)} sources")
        check_batch_size(batch_size)
        model = self.model.to(choose_device(cpu))
        return mixed_pairs(model, self.reader, read, others, per_head, batch_size)

    def _tokenize(self, texts: Sequence[Text], name: str) -> List[TokenizedText]:
        given = enumerate(as_list(texts, f"{name}s"), 1)
        return [self.reader.tokenize(text, f"{name} {i}") for i, text in given]

    def parse(self, text: Text, where: str) -> Any:
        """Bring one input to the form that :meth:`predict_parsed` takes.

        Raises:
            UserError: it is not of the task's form; the message says ``where``.
        """
        return self.task and self.reader.encoder.parse(text, where)

    def predict_parsed(
        self, rows: List[Any], others: List[Any], batches: BatchOptions
    ) -> List[Dict[str, Any]]:
        """Predict what :meth:`parse` gave.

        Args:
            rows: the inputs.
            others: their sources, None where there is none.
            batches: how batches are made, and where they run.

        Raises:
            UserError: the model's probabilities are not numbers.
        """
        task = self.task
        if not rows:
            return []
        if task.cfg.no_mixup_inference:
            others = [None] * len(rows)
        streams = self.reader.streams(rows, others, task.source_lang)
        dataset = task.family.make_dataset(
            [streams], ["input"], is_train=False, texts=[rows]
        )
        model = self._model(batches)
        outputs = predict_batches(task, model, dataset, batches, "the input")
        (found,) = task.family.collect(outputs).values()
        if not found.is_finite:
            raise UserError(
                "the model's probabilities are not numbers; "
                + ("leave out fp16" if batches.fp16 else "give an earlier checkpoint")
            )
        return found.results(rows)

    def _model(self, batches: BatchOptions) -> Any:
        """The model, or a copy for half precision, which leaves it as it is."""
        dtype = half_dtype(batches, choose_device(batches.cpu).type != "cpu")
        if dtype is None:
            return self.model
        if dtype not in self.half_models:
            self.half_models[dtype] = copy.deepcopy(self.model).to(dtype)
        return self.half_models[dtype]


def check_batch_size(batch_size: int) -> None:
    """Refuse batches of nothing."""
    if batch_size < 1:
        raise UserError(f"batch_size {batch_size}: give 1 or more")


@one_line_errors()
def from_pretrained(
    path: Union[str, Path],
    checkpoint_file: Optional[str] = None,
    data: Union[str, Path, None] = None,
    **overrides: Any,
) -> Predictor:
    """Load a model: fine-tuned, to predict with; or pre-trained, for its states.

    Args:
        path: a checkpoint; a folder with ``checkpoint_best.pt`` or ``model.pt``; a
            Hugging Face folder, which is converted once; or a name such as
            ``xlmr.base`` or ``xlm-roberta-base``, which is downloaded.
        checkpoint_file: the checkpoint's name in the folder.
        data: a folder with ``dict.txt`` and the tokenizer (default: the checkpoint's
            own folder where it has them, else the binarized data that it was trained
            on).
        overrides: options of the model that are to differ from the checkpoint's, such
            as ``mixup_layer="1"`` to mix with a pre-trained model.

    Raises:
        UserError: a file is missing or is not of such a model, or there is no such
            option.
    """
    return Predictor(*load_files(path, checkpoint_file, data, overrides))
