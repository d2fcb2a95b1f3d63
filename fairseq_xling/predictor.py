"""Trained models for people who have text and want tags, answers or classes."""

import argparse
import copy
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence, Union

import numpy as np
import torch
from fairseq import checkpoint_utils
from fairseq.data import Dictionary
from fairseq.tasks import TASK_REGISTRY

from fairseq_xling.data.binarize import PairEncoder, TextEncoder
from fairseq_xling.data.binarize_questions import QuestionEncoder
from fairseq_xling.data.binarize_words import WordEncoder
from fairseq_xling.data.manifest import Manifest, sha256_of
from fairseq_xling.data.pair_streams import Streams
from fairseq_xling.data.raw_questions import HALF_CHARACTER, Question
from fairseq_xling.data.raw_sentences import split_words
from fairseq_xling.data.tokenizers import (
    SENTENCEPIECE_NAME,
    WORDPIECE_NAME,
    find_tokenizer,
)
from fairseq_xling.errors import UserError
from fairseq_xling.models.loading import load_dictionary
from fairseq_xling.prediction.run import (
    check_file,
    merge_classes,
    merge_rows,
    predict_batches,
)
from fairseq_xling.version import __version__

ENCODERS = {
    "classification": PairEncoder,
    "tagging": WordEncoder,
    "qa": QuestionEncoder,
}
# What an input's two texts may be called.
PAIRS = {
    "classification": (("premise", "sentence1"), ("hypothesis", "sentence2")),
    "qa": (("question",), ("context",)),
}
Text = Union[str, Sequence[str], Mapping[str, Any]]


class ArrayStream:
    """Token sequences in memory, read as fairseq's memory-mapped ones are."""

    def __init__(self, sequences: Sequence[Any]) -> None:
        self.sequences = [np.asarray(sequence, np.int64) for sequence in sequences]
        self.sizes = np.array([len(sequence) for sequence in self.sequences])

    def __len__(self) -> int:
        return len(self.sequences)

    def __getitem__(self, row: int) -> torch.Tensor:
        return torch.from_numpy(self.sequences[row])


class Predictor:
    """A trained model with all that it takes to read text.

    Args:
        task: its task.
        model: the model.
        encoder: turns text into tokens, by the task's family.
    """

    def __init__(self, task: Any, model: Any, encoder: TextEncoder) -> None:
        self.task = task
        self.model = model.eval()
        self.encoder = encoder
        self.half_model: Any = None

    def predict(
        self,
        inputs: Sequence[Text],
        sources: Optional[Sequence[Optional[Text]]] = None,
        batch_size: int = 32,
        fp16: bool = False,
        cpu: bool = False,
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

        Returns:
            for each input a dictionary: ``label`` and ``probabilities`` by label;
            ``words``, ``tags`` and the ``probabilities`` of these tags; or ``answer``,
            its first character ``start``, its ``probability``, and ``n_best``.

        Raises:
            UserError: an input is not of the form.
        """
        for given, name in ((inputs, "inputs"), (sources, "sources")):
            if isinstance(given, (str, Mapping)):
                raise UserError(f"{name}: give a list of them, even of a single one")
        if batch_size < 1:
            raise UserError(f"batch_size {batch_size}: give 1 or more")
        if sources is None:
            sources = [None] * len(inputs)
        if len(sources) != len(inputs):
            raise UserError(f"{len(inputs)} inputs, but {len(sources)} sources")
        rows = [self.parse(text, f"input {i}") for i, text in enumerate(inputs, 1)]
        others = [
            None if text is None else self.parse(text, f"source {i}")
            for i, text in enumerate(sources, 1)
        ]
        args = argparse.Namespace(
            batch_size=batch_size, max_tokens=None, num_workers=0, fp16=fp16, cpu=cpu
        )
        return self.predict_parsed(rows, others, args)

    def predict_parsed(
        self, rows: List[Any], others: List[Any], args: argparse.Namespace
    ) -> List[Dict[str, Any]]:
        """Predict what :meth:`parse` gave.

        Args:
            rows: the inputs.
            others: their sources, None where there is none.
            args: as :func:`fairseq_xling.prediction.predict_batches`.

        Raises:
            UserError: the model's probabilities are not numbers.
        """
        if not rows:
            return []
        if self.task.cfg.no_mixup_inference:
            others = [None] * len(rows)
        streams = self._encode(rows, others)
        dataset = self.task.make_dataset([streams], [0], [("input", "")], False)
        if self.task.family == "qa":
            self.task.set_examples(dataset, [rows])
        model = self._model(args)
        outputs = predict_batches(self.task, model, dataset, args, "the input")
        if self.task.family == "classification":
            found = merge_classes(outputs)[0]
        else:
            found = merge_rows(self.task, "input", outputs)[0]
        if not found.is_finite:
            raise UserError(
                "the model's probabilities are not numbers; "
                + ("leave out fp16" if args.fp16 else "give an earlier checkpoint")
            )
        if self.task.family == "classification":
            return [self._class_result(one) for one in found.probabilities("mean")]
        if self.task.family == "qa":
            return [answer_result(row.answers) for row in found.rows]
        return [
            {
                "words": words,
                "tags": tags,
                "probabilities": probabilities.max(axis=1).tolist(),
            }
            for words, tags, probabilities in zip(
                rows, found.predicted(), found.probabilities
            )
        ]

    def _model(self, args: argparse.Namespace) -> Any:
        """The model, or a copy for half precision, which leaves it as it is."""
        if not args.fp16 or args.cpu or not torch.cuda.is_available():
            return self.model
        if self.half_model is None:
            self.half_model = copy.deepcopy(self.model).half()
        return self.half_model

    def _class_result(self, probabilities: np.ndarray) -> Dict[str, Any]:
        names = self.task.label_names
        return {
            "label": names[int(probabilities.argmax())],
            "probabilities": dict(zip(names, probabilities.tolist())),
        }

    def parse(self, text: Text, where: str) -> Any:
        """Bring one input to the form that the encoder takes.

        Raises:
            UserError: it is not of the family's form; the message says ``where``.
        """
        if self.task.family == "tagging":
            return parse_words(text, where)
        first, second = parse_pair(text, PAIRS[self.task.family], where)
        if self.task.family == "classification":
            return first, second
        return Question("", first, second, [], 1, Path(where))

    def _encode(self, rows: List[Any], others: List[Any]) -> Streams:
        family = self.task.family
        lang = self.task.source_lang
        if family == "qa":
            encoded = self.encoder.encode(rows)  # type: ignore[attr-defined]
            back = self.encoder.encode(others)  # type: ignore[attr-defined]
            contexts = [one.context for one in encoded]
            return Streams(
                lang,
                input=ArrayStream([one.tokens for one in encoded]),
                source=ArrayStream([() if one is None else one.tokens for one in back]),
                context_length=ArrayStream([[len(c.tokens)] for c in contexts]),
                offsets=ArrayStream(
                    [np.stack([c.begins, c.ends], axis=1).ravel() for c in contexts]
                ),
            )
        if family == "classification":
            pairs = [self._pairs(group) for group in (rows, others)]
            return Streams(lang, input=pairs[0], source=pairs[1])
        inputs = self.encoder.encode(rows)  # type: ignore[attr-defined]
        sources = self.encoder.encode(others)  # type: ignore[attr-defined]
        return Streams(
            lang,
            input=ArrayStream(cut(inputs.tokens, inputs.lengths)),
            word_starts=ArrayStream(cut(inputs.starts, inputs.words)),
            source=ArrayStream(cut(sources.tokens, sources.lengths)),
        )

    def _pairs(self, group: List[Any]) -> ArrayStream:
        tokens, lengths = self.encoder.encode(group)  # type: ignore[attr-defined]
        return ArrayStream(cut(tokens, lengths))


def parse_words(text: Text, where: str) -> List[str]:
    """The words of a sentence, or of a list of words.

    Raises:
        UserError: there are none, or they are not texts.
    """
    words: Any = text
    if isinstance(text, Mapping):
        words = text.get("words", text.get("text"))
    if isinstance(words, str):
        words = split_words(words)
    if not isinstance(words, (Sequence, np.ndarray)) or not len(words):
        raise UserError(f"{where}: no words; give a sentence, or a list of words")
    return check_texts(words, where, "words")


def parse_pair(text: Text, names: Sequence[Sequence[str]], where: str) -> List[str]:
    """Two texts, given as such or by their names.

    Args:
        text: them.
        names: of either, the first one for messages.
        where: what messages say.

    Raises:
        UserError: there are not two, or one is empty.
    """
    wanted = " and ".join(group[0] for group in names)
    parts: Any = text
    if isinstance(text, Mapping):
        found = [[text[name] for name in group if name in text] for group in names]
        parts = [group[0] for group in found if group]
    is_list = isinstance(parts, (Sequence, np.ndarray)) and not isinstance(parts, str)
    if not is_list or len(parts) != 2:
        raise UserError(f"{where}: give {wanted}")
    return check_texts(parts, where, wanted)


def check_texts(texts: Any, where: str, wanted: str) -> List[str]:
    """Refuse what is no text, or empty.

    Raises:
        UserError: there is one.
    """
    for text in texts:
        if not isinstance(text, str):
            raise UserError(
                f"{where}: {wanted} must be text, not {type(text).__name__}"
            )
        if not text.strip():
            raise UserError(f"{where}: {wanted} must not be empty")
        if HALF_CHARACTER.search(text):
            raise UserError(f"{where}: half a character (a lone surrogate) in {wanted}")
    return [str(text) for text in texts]


def cut(flat: np.ndarray, lengths: np.ndarray) -> List[np.ndarray]:
    """Split concatenated sequences."""
    return np.split(flat, np.cumsum(lengths)[:-1])


def answer_result(answers: Sequence[Any]) -> Dict[str, Any]:
    """What is returned for a question."""
    listed = [
        {"answer": a.text, "start": a.begin, "probability": a.probability}
        for a in answers
    ]
    return {**listed[0], "n_best": listed}


def from_pretrained(
    path: Union[str, Path],
    checkpoint_file: str = "checkpoint_best.pt",
    data: Union[str, Path, None] = None,
) -> Predictor:
    """Load a fine-tuned model to predict text with.

    Args:
        path: a checkpoint of fairseq-train, or a folder with one.
        checkpoint_file: the checkpoint's name in the folder.
        data: a folder with ``dict.txt`` and the tokenizer (default: the checkpoint's
            own folder where it has them, else the binarized data that it was trained
            on).

    Raises:
        UserError: a file is missing, or the checkpoint is not one of our tasks.
    """
    path = Path(path)
    path = path / checkpoint_file if path.is_dir() else path
    check_file(path)
    state = checkpoint_utils.load_checkpoint_to_cpu(str(path))
    known = state.get("task_state") or {}
    cfg = state.get("cfg")
    task_class = TASK_REGISTRY.get(known.get("task", ""))
    if cfg is None or task_class is None:
        raise UserError(
            f"{path}: does not tell its task and labels; give a model that was "
            "fine-tuned with one of the xmixup tasks"
        )
    folder = find_folder([data] if data else [path.parent, cfg["task"]["data"]])
    dictionary = load_dictionary(str(folder / "dict.txt"))
    digest = known["dictionary_sha256"]
    if digest and digest != sha256_of(folder / "dict.txt"):
        raise UserError(
            f"{folder}/dict.txt: not the one that {path} was trained with; put that "
            "one there, or name another folder that has it"
        )
    tokenizer = find_tokenizer(folder)
    labels = Dictionary()
    for label in known["labels"]:
        labels.add_symbol(label)
    manifest = Manifest(
        task=known["benchmark"],
        source_lang=known["languages"][0],
        languages=known["languages"],
        labels=known["labels"],
        splits={},
        dictionary_size=len(dictionary),
        dictionary_sha256=known["dictionary_sha256"],
        sentencepiece_sha256="",
        tokenizer="wordpiece" if tokenizer.name == WORDPIECE_NAME else "sentencepiece",
        version=__version__,
    )
    options = cfg["task"]
    if hasattr(options, "truncate_sequence"):
        options.truncate_sequence = True
    task = task_class(options, manifest, dictionary, labels)
    try:
        model = task.build_model(cfg["model"], from_checkpoint=True)
        model.load_state_dict(state["model"], strict=True, model_cfg=cfg["model"])
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
    encoder = ENCODERS[task.family](str(tokenizer), dictionary)
    return Predictor(task, model, encoder)


def find_folder(folders: Sequence[Any]) -> Path:
    """The first folder that holds a dictionary and a tokenizer.

    Raises:
        UserError: none does.
    """
    for folder in map(Path, folders):
        names = (SENTENCEPIECE_NAME, WORDPIECE_NAME)
        if (folder / "dict.txt").exists() and any((folder / n).exists() for n in names):
            return folder
    looked = ", ".join(str(folder) for folder in folders)
    raise UserError(
        f"dict.txt and {SENTENCEPIECE_NAME} (or {WORDPIECE_NAME}): not found in "
        f"{looked}; copy them beside the checkpoint"
    )
