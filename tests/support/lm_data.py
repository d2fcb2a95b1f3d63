"""Word pieces of several scripts, a small masked language model, random samples."""

from argparse import Namespace
from types import SimpleNamespace
from typing import Dict, List, Optional, Sequence, Tuple, Union

import numpy as np
import torch
from fairseq.data import Dictionary
from fairseq.models.roberta import RobertaModel
from fairseq.modules import gelu

from fairseq_xling.multimix.decoding import Decoding
from fairseq_xling.multimix.masked_lm import MaskedLM
from fairseq_xling.multimix.parts import Sample
from fairseq_xling.multimix.pieces import PieceTable
from fairseq_xling.multimix.successive import Limits, SuccessiveGenerator
from fairseq_xling.multimix.variants import Augmentation, GenLM

BEGIN = "\u2581"
# What stands at the beginning of a word, and inside. "dog s" and "do gs" are one text.
PIECES = {
    "en": (
        "the dog do cat run sleep big small house in under".split(),
        "gs g s ning ed er ly ing".split(),
    ),
    "de": (
        "der Hund Katze läuf schlaf groß klein Haus unter".split(),
        "t e en er heit ung isch".split(),
    ),
    "ru": (
        "собака кошка беж сп большой дом в под крас".split(),
        "ит ный ная ом а ы".split(),
    ),
    "zh": ("狗 猫 大 小 房".split(), "狗 猫 跑 睡 大 小 房子 在 红色 绿色".split()),
    "ar": ("كلب قط بيت كبير صغير في".split(), "ة ان ون ها".split()),
    "sw": ("mbwa paka nyumba kubwa ndogo chini".split(), "ni ki wa li".split()),
    "hi": ("कुत्ता बिल्ली घर बड़ा में".split(), "ों ी ा ने".split()),
}
LANGUAGES = list(PIECES)
# Neither may ever be predicted: more than one word, or a boundary alone.
ODD_PIECES = [BEGIN, f"{BEGIN}in{BEGIN}the", f"s{BEGIN}in"]
MARKS = [".", ",", "?", "'", "7"]
LONGEST = 32


def piece_dictionary(with_mask: bool = True) -> Dictionary:
    """A dictionary as XLM-R's, of 109 symbols."""
    dictionary = Dictionary()
    for begins, inside in PIECES.values():
        for piece in begins:
            dictionary.add_symbol(BEGIN + piece)
        for piece in inside:
            dictionary.add_symbol(piece)
    for piece in ODD_PIECES + MARKS:
        dictionary.add_symbol(piece)
    for index in range(3):
        dictionary.add_symbol(f"madeupword{index:04d}")
    if with_mask:
        dictionary.add_symbol("<mask>")
    return dictionary


def small_lm(seed: int = 0, dictionary: Optional[Dictionary] = None, **options):
    """Matrices are drawn larger than at initialisation, so that predictions vary."""
    torch.manual_seed(seed)
    shape = {
        "encoder_layers": 2,
        "encoder_embed_dim": 16,
        "encoder_ffn_embed_dim": 24,
        "encoder_attention_heads": 2,
        "max_positions": LONGEST,
    }
    task = SimpleNamespace(source_dictionary=dictionary or piece_dictionary())
    model = RobertaModel.build_model(Namespace(**{**shape, **options}), task)
    for parameter in model.parameters():
        size = 0.7 if parameter.dim() > 1 else 0.1
        parameter.data.add_(size * torch.randn_like(parameter))
    for module in model.modules():
        # fairseq's own computes in single precision, whatever it is given.
        if getattr(module, "activation_fn", None) is gelu:
            module.activation_fn = torch.nn.functional.gelu
    return model.eval()


def build_gen_lm(
    model: Union[RobertaModel, "FakeLM"],
    aug_type: str = "successive-max",
    percentage: float = 30,
    factors: Sequence[int] = (),
    mask_unit: str = "word",
    seed: int = 0,
    keep_duplicates: bool = True,
    max_tokens: Optional[int] = None,
    max_rows: Optional[int] = None,
    topk: int = 1,
    temperature: float = 1.0,
    dictionary: Optional[Dictionary] = None,
) -> GenLM:
    dictionary = dictionary or piece_dictionary()
    generator = SuccessiveGenerator(
        model if isinstance(model, FakeLM) else MaskedLM(model, dictionary),
        PieceTable(dictionary),
        Decoding(topk, temperature),
        Limits(max_tokens, max_rows),
    )
    factors = factors or ((3,) if aug_type == "successive-max" else (2, 2))
    what = Augmentation(
        aug_type, percentage, tuple(factors), mask_unit, seed, keep_duplicates
    )
    return GenLM(generator, what)


class FakeLM:
    """Says random things of any sequence, or always the same; fast.

    Args:
        logits: what it always says, ``(symbols,)``.
    """

    device = torch.device("cpu")

    def __init__(
        self, symbols: int, logits: Optional[torch.Tensor] = None, longest: int = 10**6
    ) -> None:
        self.symbols = symbols
        self.always = logits
        self.longest = longest
        self.generator = torch.Generator().manual_seed(0)
        # Tokens and positions of each call.
        self.calls: List[Tuple[List[List[int]], List[int]]] = []

    def states(self, tokens, positions, has_padding):
        self.calls.append((tokens.tolist(), positions.tolist()))
        assert has_padding == bool(tokens.eq(1).any())
        return torch.zeros(len(tokens), 1)

    def logits(self, states):
        if self.always is not None:
            return self.always.repeat(len(states), 1)
        return torch.randn(len(states), self.symbols, generator=self.generator)


class Writer:
    """Draws sentences, in pieces.

    Args:
        seed: of what is drawn.
        odd: how many words have an unknown piece, or begin with a boundary alone.
    """

    def __init__(self, seed: int = 0, odd: float = 0.05) -> None:
        self.dictionary = piece_dictionary()
        self.generator = np.random.default_rng(seed)
        self.odd = odd

    def ids(self, text: str) -> List[int]:
        """Pieces with spaces between them as ids; ``_`` is a word boundary."""
        return [
            self.dictionary.index(piece.replace("_", BEGIN)) for piece in text.split()
        ]

    def word(self, lang: str) -> List[int]:
        begins, inside = PIECES[lang]
        # Chinese has no spaces: a word is a clause.
        most = 5 if lang == "zh" else 2
        pieces = [BEGIN + str(self.generator.choice(begins))]
        # Short words are common.
        for _ in range(self.generator.integers(0, most + 1, size=2).min()):
            pieces.append(str(self.generator.choice(inside + MARKS[:2])))
        if self.generator.random() < self.odd:
            if self.generator.random() < 0.5:
                pieces = [BEGIN, *pieces[1:], str(self.generator.choice(inside))]
            else:
                pieces[self.generator.integers(len(pieces))] = "not known"
        return [self.dictionary.index(piece) for piece in pieces]

    def words(self, lang: str, most: int) -> List[List[int]]:
        if lang == "zh":
            most = max(1, most // 3)
        count = int(self.generator.integers(0, most + 1))
        return [self.word(lang) for _ in range(count)]

    def pair(self, stream: str, row: int, most: int = 6) -> Sample:
        lang = stream.split(".")[1]
        first, second = (sum(self.words(lang, most), []) for _ in range(2))
        tokens = [0, *first, 2, 2, *second, 2]
        return Sample(stream, row, np.array(tokens), None)

    def tagged(self, stream: str, row: int, most: int = 10) -> Sample:
        words = self.words(stream.split(".")[1], most)
        starts = np.cumsum([1, *map(len, words)])[:-1].astype(np.int64)
        return Sample(stream, row, np.array([0, *sum(words, []), 2]), starts)

    def samples(self, kind: str, count: int, most: int = 0) -> List[Sample]:
        """Samples of every language's training data and of the validation data."""
        streams = [f"{x}.{lang}" for x in ("train", "valid") for lang in LANGUAGES]
        rows: Dict[str, int] = dict.fromkeys(streams, 0)
        made = []
        for _ in range(count):
            stream = str(self.generator.choice(streams))
            draw = self.pair if kind == "pair" else self.tagged
            made.append(draw(stream, rows[stream], *([most] if most else [])))
            rows[stream] += 1
        return made


def pair_of(first: Sequence[int], second: Sequence[int], row: int = 0) -> Sample:
    tokens = np.array([0, *first, 2, 2, *second, 2])
    return Sample("train.en", row, tokens, None)


def tagged_of(words: Sequence[Sequence[int]], row: int = 0) -> Sample:
    starts = np.cumsum([1, *map(len, words)])[:-1].astype(np.int64)
    tokens = np.array([0, *sum(map(list, words), []), 2])
    return Sample("train.en", row, tokens, starts)
