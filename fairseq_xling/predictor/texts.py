"""What people hand to a model from Python, brought to token sequences."""

from pathlib import Path
from typing import (
    Any,
    Dict,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Type,
    Union,
)

import numpy as np
import torch
from fairseq.data import Dictionary

from fairseq_xling.data.binarize import PairEncoder, TextEncoder
from fairseq_xling.data.streams import Streams
from fairseq_xling.errors import UserError
from fairseq_xling.families.questions.encode import QuestionEncoder
from fairseq_xling.families.questions.raw import Question
from fairseq_xling.families.tagging.encode import WordEncoder
from fairseq_xling.families.tagging.raw import split_words
from fairseq_xling.files.text_lines import no_character

# What reads the inputs of a family of tasks; None is a model without head.
ENCODERS: Dict[Optional[str], Type[TextEncoder]] = {
    None: PairEncoder,
    "classification": PairEncoder,
    "tagging": WordEncoder,
    "qa": QuestionEncoder,
}
# What an input's two texts may be called, the first names for messages.
PREMISE = (("premise", "sentence1"), ("hypothesis", "sentence2"))
QUESTION = (("question",), ("context",))
PAIRS: Dict[Optional[str], Any] = {"classification": PREMISE, "qa": QUESTION}
ANY_PAIR = (
    ("a text", *PREMISE[0], *QUESTION[0]),
    ("a second one (words go in a list)", *PREMISE[1], *QUESTION[1]),
)
Text = Union[str, Sequence[str], Mapping[str, Any]]


class TokenizedText(NamedTuple):
    """A text's tokens.

    Attributes:
        tokens: indices in the dictionary, specials included, ``(len,)``.
        word_starts: of a list of words, the position of each word's first token,
            ``(words,)``; else None.
    """

    tokens: np.ndarray
    word_starts: Optional[np.ndarray] = None


class ArrayStream:
    """Token sequences in memory, read as fairseq's memory-mapped ones are."""

    def __init__(self, sequences: Sequence[Any]) -> None:
        self.sequences = [np.asarray(sequence, np.int64) for sequence in sequences]
        self.sizes = np.array([len(sequence) for sequence in self.sequences])

    def __len__(self) -> int:
        return len(self.sequences)

    def __getitem__(self, row: int) -> torch.Tensor:
        return torch.from_numpy(self.sequences[row])


class TextReader:
    """Turns texts into tokens.

    Args:
        tokenizer: path of the tokenizer's file.
        dictionary: the model's.
        family: the task's, or None for a model without head.

    Raises:
        UserError: the tokenizer cannot be read, or the dictionary is not its own.
    """

    def __init__(
        self, tokenizer: str, dictionary: Dictionary, family: Optional[str]
    ) -> None:
        self.tokenizer = tokenizer
        self.dictionary = dictionary
        self.family = family
        self.encoders: Dict[Type[TextEncoder], Any] = {}
        self._encoder(ENCODERS[family])

    def _encoder(self, kind: Type[TextEncoder]) -> Any:
        if kind not in self.encoders:
            self.encoders[kind] = kind(self.tokenizer, self.dictionary)
        return self.encoders[kind]

    def parse(self, text: Text, where: str) -> Any:
        """Bring an input of the family's task to the form that its encoder takes.

        Raises:
            UserError: it is not of the family's form; the message says ``where``.
        """
        if self.family == "tagging":
            return parse_words(text, where)
        first, second = parse_pair(text, PAIRS[self.family], where)
        if self.family == "classification":
            return first, second
        return Question("", first, second, [], 1, Path(where))

    def streams(self, rows: List[Any], others: List[Any], lang: str) -> Streams:
        """Data of the family's task in memory.

        Args:
            rows: what :meth:`parse` gave.
            others: their sources, None where there is none.
            lang: what the language is called.
        """
        encoder = self._encoder(ENCODERS[self.family])
        if self.family == "qa":
            encoded, back = encoder.encode(rows), encoder.encode(others)
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
        if self.family == "classification":
            pairs = [ArrayStream(cut(*encoder.encode(one))) for one in (rows, others)]
            return Streams(lang, input=pairs[0], source=pairs[1])
        inputs, sources = encoder.encode(rows), encoder.encode(others)
        return Streams(
            lang,
            input=ArrayStream(cut(inputs.tokens, inputs.lengths)),
            word_starts=ArrayStream(cut(inputs.starts, inputs.words)),
            source=ArrayStream(cut(sources.tokens, sources.lengths)),
        )

    def tokenize(self, text: Text, where: str) -> TokenizedText:
        """Tokens of a sentence, of two texts or of a list of words.

        A model with a head takes what it predicts; one for pairs takes a sentence,
        too. Without a head a tuple is two texts, another sequence words.

        Raises:
            UserError: the text is none of these; the message says ``where``.
        """
        form = self._form(text)
        if form == "pair":
            pair = parse_pair(text, PAIRS.get(self.family, ANY_PAIR), where)
            return TokenizedText(self._encoder(PairEncoder).encode([pair])[0])
        if form == "words":
            encoded = self._encoder(WordEncoder).encode([parse_words(text, where)])
            return TokenizedText(encoded.tokens, encoded.starts)
        sentence = text["text"] if isinstance(text, Mapping) else text
        texts = check_texts([sentence], where, "the text")
        tokens, _ = self._encoder(ENCODERS[self.family]).encode_texts(texts)
        bos, eos = self.dictionary.bos(), self.dictionary.eos()
        return TokenizedText(np.concatenate([[bos], tokens, [eos]]))

    def _form(self, text: Any) -> str:
        """Whether a text is a ``"sentence"``, a ``"pair"`` or ``"words"``."""
        if isinstance(text, Mapping):
            if "words" in text:
                return "words"
            if "text" not in text:
                return "pair"
            text = text["text"]
        if self.family == "tagging":
            return "words"
        if isinstance(text, str):
            return "sentence"
        is_pair = self.family is not None or isinstance(text, tuple)
        return "pair" if is_pair else "words"

    def pieces(self, tokens: np.ndarray) -> List[str]:
        """The tokens' names, such as ``▁dog`` or ``</s>``."""
        return [self.dictionary[token] for token in tokens]


def as_list(given: Any, name: str) -> List[Any]:
    """Refuse a single text where several are wanted.

    Raises:
        UserError: it is one; the message calls it ``name``.
    """
    if isinstance(given, (str, Mapping)):
        raise UserError(f"{name}: give a list of them, even of a single one")
    return list(given)


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
        wrong = no_character(text)
        if wrong:
            raise UserError(f"{where}: {wrong} in {wanted}; remove it")
    return [str(text) for text in texts]


def cut(flat: np.ndarray, lengths: np.ndarray) -> List[np.ndarray]:
    """Split concatenated sequences."""
    return np.split(flat, np.cumsum(lengths)[:-1])
