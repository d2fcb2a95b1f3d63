"""Virtual samples from Python: :func:`augment`."""

from typing import Any, List, NamedTuple, Optional, Sequence, Tuple, Union

import numpy as np
from fairseq.models.roberta.hub_interface import RobertaHubInterface
from tqdm import tqdm

from fairseq_xling.data.binarize import TextEncoder
from fairseq_xling.data.sequences import split_pair
from fairseq_xling.data.tokenizers import SentencePieceTokenizer, Tokenizer
from fairseq_xling.errors import UserError
from fairseq_xling.files.text_lines import no_character
from fairseq_xling.models.xmixup_xlmr import XMixupXLMRModel
from fairseq_xling.multimix.decoding import Decoding
from fairseq_xling.multimix.lm_checkpoint import check_loaded
from fairseq_xling.multimix.masked_lm import MaskedLM
from fairseq_xling.multimix.parts import Filled, Sample
from fairseq_xling.multimix.pieces import PieceTable, find_units
from fairseq_xling.multimix.successive import Limits, SuccessiveGenerator
from fairseq_xling.multimix.surface import Surface
from fairseq_xling.multimix.variants import (
    AUG_TYPES,
    MASK_UNITS,
    GenLM,
    read_augmentation,
)

Text = Union[str, Tuple[str, str], List[str]]
# The stream that texts count as; their random words depend on its name.
STREAM = "text"
# Samples whose variants are made together.
CHUNK = 1024


class AugmentedText(NamedTuple):
    """A virtual sample.

    Attributes:
        text: of the kind that was given: a sentence, a pair, or a list of words; what
            was not changed in it stands as it was given.
        log_prob: what the language model gave all that it predicted (natural
            logarithm).
    """

    text: Text
    log_prob: float


def augment(
    texts: Sequence[Text],
    model: Union[str, RobertaHubInterface] = "xlmr.base",
    aug_type: Optional[str] = None,
    percentage: float = 30,
    factor: Optional[str] = None,
    mask_unit: str = "word",
    sampling_topk: int = 1,
    temperature: float = 1.0,
    seed: int = 1,
    keep_duplicates: bool = False,
    max_tokens: int = 4096,
) -> List[List[AugmentedText]]:
    """Make virtual sentences around real ones.

    Args:
        texts: sentences, or pairs of sentences, or lists of words (which stay as many,
            so that tags fit); all of one kind.
        model: XLM-R or mBERT: a folder with ``model.pt``, ``dict.txt`` and the
            tokenizer, the name of one of fairseq's, such as ``xlmr.base``, or what
            ``XLMRModel.from_pretrained`` gave, on any device and in any precision.
        aug_type: ``"successive-max"`` (default), or ``"successive-cross"`` (default
            for pairs).
        percentage: P, how many of a text's words are masked.
        factor: delta, variants of a text, such as ``"3"``, or for successive-cross of
            its two parts, such as ``"2x2"`` (these two are the defaults).
        mask_unit: ``"word"``, or ``"piece"``, for languages without spaces, or
            ``"single"``, for words that become one piece each.
        sampling_topk: candidates to sample from; 1 takes the most probable token, 0
            samples from the whole vocabulary.
        temperature: what logits are divided by before sampling.
        seed: of the words that are masked, and of sampling.
        keep_duplicates: keep variants that equal the text or each other.
        max_tokens: of a batch of the model.

    Returns:
        the variants of each text, in its order; a text that cannot be changed (empty,
        or longer than the model reads) has itself as its only one.

    Raises:
        UserError: texts of several kinds, an option out of range, or a model that
            cannot be loaded or is no masked language model.

    Source: MultiMix section 3.2.
    """
    kind = _kind_of(texts)
    for name, value, known in (
        ("aug_type", AUG_TYPES[0] if aug_type is None else aug_type, AUG_TYPES),
        ("mask_unit", mask_unit, MASK_UNITS),
    ):
        if value not in known:
            raise UserError(f"{name} {value}: give {' or '.join(known)}")
    what = read_augmentation(
        kind == "pairs",
        aug_type,
        percentage,
        factor and str(factor),
        mask_unit,
        seed,
        keep_duplicates,
    )
    if sampling_topk < 0 or temperature <= 0:
        raise UserError(
            f"sampling_topk {sampling_topk}, temperature {temperature}: give 0 or "
            "more, and a value above 0"
        )
    name = "the model"
    if isinstance(model, str):
        name = model
        model = XMixupXLMRModel.from_pretrained(model, mixup_layer="0")
    check_loaded(model, name)
    codec = _Codec(model, kind)
    generator = SuccessiveGenerator(
        MaskedLM(model.model, model.task.source_dictionary),
        codec.table,
        Decoding(sampling_topk, temperature),
        Limits(max_tokens, None),
    )
    gen_lm = GenLM(generator, what)
    results = []
    with tqdm(total=len(texts), unit=" sentences", disable=None) as bar:
        for low in range(0, len(texts), CHUNK):
            chunk = texts[low : low + CHUNK]
            samples = [codec.encode(low + i, text) for i, text in enumerate(chunk)]
            for text, sample, variants in zip(
                chunk, samples, gen_lm.generate(samples, bar.update)
            ):
                filled = [variant.filled for variant in variants]
                written = codec.decode(text, sample, filled)
                results.append(
                    [
                        AugmentedText(one, float(which.log_probs.sum()))
                        for one, which in zip(written, filled)
                    ]
                )
    return results


def _kind_of(texts: Sequence[Text]) -> str:
    if isinstance(texts, str):
        raise UserError("texts: one sentence; give a list of them")
    for number, text in enumerate(texts):
        parts = [text] if isinstance(text, str) else text
        if not isinstance(parts, (list, tuple)) or not all(
            isinstance(part, str) for part in parts
        ):
            raise UserError(
                f"texts: number {number} is {text!r:.60}; give a sentence, a pair of "
                "them or a list of words"
            )
        wrong = no_character("".join(parts))
        if wrong:
            raise UserError(f"texts: number {number} has {wrong}; remove it")
    kinds = {
        "sentences"
        if isinstance(text, str)
        else "pairs"
        if isinstance(text, tuple) and len(text) == 2
        else "words"
        for text in texts
    }
    if len(kinds) > 1:
        raise UserError(f"texts: {' and '.join(sorted(kinds))}; give one kind")
    return kinds.pop() if kinds else "sentences"


class _Codec:
    """Texts of one kind to samples, and back."""

    def __init__(self, hub: RobertaHubInterface, kind: str) -> None:
        self.dictionary = hub.task.source_dictionary
        self.kind = kind
        # fairseq's own interfaces hold SentencePiece in another way.
        held = getattr(hub.bpe, "tokenizer", None)
        self.tokenizer: Tokenizer = held or SentencePieceTokenizer.around(hub.bpe.sp)
        self.table = PieceTable(self.dictionary, self.tokenizer.kind)
        self.encoder = TextEncoder(self.tokenizer, self.dictionary)

    def encode(self, row: int, text: Any) -> Sample:
        if self.kind == "pairs":
            return Sample(STREAM, row, self.encoder.pairs([text]).values, None)
        if self.kind == "words":
            words, places = self.encoder.words([text])
            return Sample(STREAM, row, words.values, places.values)
        tokens = self.encoder.sentences([text]).values
        starts = find_units(self.table, tokens, None, "word")[0]
        return Sample(STREAM, row, tokens, starts)

    def decode(
        self, text: Any, sample: Sample, variants: Sequence[Filled]
    ) -> List[Text]:
        """The texts of a sample's variants; what stayed keeps the form of ``text``."""
        old = sample.tokens
        aligned = [filled.aligned(old) for filled in variants]
        if self.kind == "words":
            return [self._words(text, sample, new) for new in aligned]
        if self.kind == "sentences":
            surface = self._surface(text)
            return [surface.replaced(old[1:-1], new[1:-1]) for new in aligned]
        surfaces = [self._surface(one) for one in text]
        frame = self.table.eos, self.table.separators
        halves = split_pair(old, *frame)
        found: List[Text] = []
        for new in aligned:
            first, second = (
                surface.replaced(a[1:-1], b[1:-1])
                for surface, a, b in zip(surfaces, halves, split_pair(new, *frame))
            )
            found.append((first, second))
        return found

    def _surface(self, text: str) -> Surface:
        return Surface(self.tokenizer, self.dictionary.symbols, text)

    def _words(self, words: Any, sample: Sample, new: np.ndarray) -> List[str]:
        assert sample.word_starts is not None
        old, ends = sample.tokens, np.append(sample.word_starts[1:], len(new) - 1)
        return [
            word
            if (new[a:b] == old[a:b]).all()
            else "".join(self._surface(word).replaced(old[a:b], new[a:b]).split())
            for word, a, b in zip(words, sample.word_starts, ends)
        ]
