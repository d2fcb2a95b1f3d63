"""Trained models for people who have text and want tags, answers or classes."""

import argparse
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
from fairseq_xling.data.manifest import Manifest
from fairseq_xling.data.pair_streams import Streams
from fairseq_xling.data.raw_questions import Question
from fairseq_xling.data.raw_sentences import split_words
from fairseq_xling.errors import UserError
from fairseq_xling.models.loading import SENTENCEPIECE_NAME, load_dictionary
from fairseq_xling.prediction.run import merge_classes, merge_rows, predict_batches
from fairseq_xling.version import __version__

ENCODERS = {
    "classification": PairEncoder,
    "tagging": WordEncoder,
    "qa": QuestionEncoder,
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
                None for those that have none; they take part by mixup.
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
        if not len(inputs):
            return []
        if sources is not None and len(sources) != len(inputs):
            raise UserError(f"{len(inputs)} inputs, but {len(sources)} sources")
        rows = [self.parse(text, f"input {i}") for i, text in enumerate(inputs, 1)]
        others: List[Any] = [None] * len(rows)
        for i, text in enumerate(sources or ()):
            others[i] = None if text is None else self.parse(text, f"source {i + 1}")
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
        """
        streams = self._encode(rows, others)
        dataset = self.task.make_dataset([streams], [0], [("input", "")], False)
        if self.task.family == "qa":
            self.task.set_examples("input", dataset, [rows])
        outputs = predict_batches(self.task, self.model, dataset, args, "predicting")
        if self.task.family == "classification":
            found = merge_classes(outputs)[0]
            return [self._class_result(one) for one in found.probabilities("mean")]
        found = merge_rows(self.task, "input", outputs)[0]
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
        family = self.task.family
        fields = dict(text) if isinstance(text, Mapping) else None
        if family == "tagging":
            words = text
            if fields is not None:
                words = fields.get("words", fields.get("text", ""))
            if isinstance(words, str):
                words = split_words(words)
            found = [str(word) for word in words]  # type: ignore[union-attr]
            if not found:
                raise UserError(f"{where}: no words; give a sentence")
            return found
        names: List[Sequence[str]] = [["question"], ["context"]]
        if family == "classification":
            names = [["premise", "sentence1"], ["hypothesis", "sentence2"]]
        if fields is not None:
            parts = [
                next((fields[n] for n in group if n in fields), "") for group in names
            ]
        else:
            parts = [] if isinstance(text, str) else [str(part) for part in text]
        if len(parts) != 2 or not all(str(part).strip() for part in parts):
            wanted = " and ".join(group[0] for group in names)
            raise UserError(f"{where}: give {wanted}, neither of them empty")
        if family == "classification":
            return tuple(parts)
        return Question("", parts[0], parts[1], [], 1, Path(where))

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
        data: a folder with ``dict.txt`` and ``sentencepiece.bpe.model`` (default: the
            checkpoint's own folder where it has them, else the binarized data that it
            was trained on).

    Raises:
        UserError: a file is missing, or the checkpoint is not one of our tasks.
    """
    path = Path(path)
    path = path / checkpoint_file if path.is_dir() else path
    if not path.exists():
        raise UserError(f"{path}: not found; give a checkpoint of fairseq-train")
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
        version=__version__,
    )
    options = cfg["task"]
    if hasattr(options, "truncate_sequence"):
        options.truncate_sequence = True
    task = task_class(options, manifest, dictionary, labels)
    model = task.build_model(cfg["model"], from_checkpoint=True)
    model.load_state_dict(state["model"], strict=True, model_cfg=cfg["model"])
    encoder = ENCODERS[task.family](str(folder / SENTENCEPIECE_NAME), dictionary)
    return Predictor(task, model, encoder)


def find_folder(folders: Sequence[Any]) -> Path:
    """The first folder that holds what reading text takes.

    Raises:
        UserError: none does.
    """
    for folder in map(Path, folders):
        if all((folder / name).exists() for name in ("dict.txt", SENTENCEPIECE_NAME)):
            return folder
    looked = ", ".join(str(folder) for folder in folders)
    raise UserError(
        f"dict.txt and {SENTENCEPIECE_NAME}: not found in {looked}; copy them beside "
        "the checkpoint"
    )
