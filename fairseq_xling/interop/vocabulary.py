"""Hugging Face's ids of tokens, and those of fairseq's dictionary."""

import itertools
import logging
from typing import Container, Dict, Iterator, List, Tuple

from fairseq.data import Dictionary

from fairseq_xling.data.tokenizers import Tokenizer, WordPieceTokenizer
from fairseq_xling.errors import UserError

logger = logging.getLogger(__name__)

FIRST = ("<s>", "<pad>", "</s>", "<unk>")
MASK = "<mask>"
# BERT's names of them.
BERT_NAMES = dict(zip(("[CLS]", "[PAD]", "[SEP]", "[UNK]", "[MASK]"), (*FIRST, MASK)))


def tokens_by_id(tokenizer: Tokenizer, shown: str) -> List[str]:
    """The tokens that a tokenizer gives, by Hugging Face's id, specials as fairseq's.

    Args:
        tokenizer: of a fairseq folder.
        shown: the file that messages name.

    Raises:
        UserError: it lacks a special token, or has what no dictionary can have.
    """
    if isinstance(tokenizer, WordPieceTokenizer):
        held = tokenizer.tokenizer
        raw = [held.id_to_token(i) for i in range(held.get_vocab_size())]
        if None in raw:
            raise UserError(
                f"{shown}: id {raw.index(None)} is of no token; number them"
            )
        found = [BERT_NAMES.get(token, token) for token in raw]
        lacking = [name for name in BERT_NAMES if name not in raw]
    else:
        pieces = tokenizer.pieces()
        lacking = [
            name
            for name, piece in zip(("<unk>", "<s>", "</s>"), pieces)
            if name != piece
        ]
        found = [*FIRST, *pieces[3:], MASK]
    if lacking:
        raise UserError(
            f"{shown}: without {lacking[0]} in its place; give the tokenizer that "
            "comes with the model"
        )
    seen = set()
    for token in found:
        if token in seen:
            raise UserError(f"{shown}: {token} is there twice; fairseq needs it once")
        if not token or set(token) & set("\r\n"):
            raise UserError(f"{shown}: a token {token!r}, which no dict.txt can hold")
        seen.add(token)
    return found


def order_tokens(
    tokens: List[str], rows: int, path: str
) -> Tuple[List[str], List[int]]:
    """The dictionary for Hugging Face's tokens, which are ordered by its ids.

    For rows of the embeddings beyond the tokens, fairseq's fillers stand.

    Returns:
        the lines of ``dict.txt``, without specials; and for each token of the loaded
        dictionary, Hugging Face's id.

    Raises:
        UserError: the embeddings lack tokens.
    """
    if rows < len(tokens):
        raise UserError(
            f"{path}: has {len(tokens)} tokens, but config.json says {rows}; give the "
            "tokenizer that comes with the model"
        )
    ids: Dict[str, int] = {token: i for i, token in enumerate(tokens)}
    ids.update(zip(filler_names(set(tokens)), range(len(tokens), rows)))
    symbols = [token for token in ids if token not in (*FIRST, MASK)]
    return symbols, [ids[token] for token in (*FIRST, *symbols, MASK)]


def rows_of_tokens(tokens: List[str], dictionary: Dictionary, path: str) -> List[int]:
    """For each id of Hugging Face, the token of our dictionary, the file ``path``."""
    absent = [token for token in tokens if token not in dictionary]
    if absent:
        logger.warning(
            f"{path}: lacks {len(absent)} of the tokenizer's pieces, such as "
            f"{absent[0]}; they get the weights of <unk>, as which they were read"
        )
    known = set(tokens)
    fillers = [i for i, symbol in enumerate(dictionary.symbols) if symbol not in known]
    return [dictionary.index(token) for token in tokens] + fillers


def filler_names(taken: Container[str]) -> Iterator[str]:
    """Names that fairseq gives tokens that stand for nothing, but those taken."""
    names = (f"madeupword{number:04d}" for number in itertools.count())
    return (name for name in names if name not in taken)


def dictionary_text(symbols: List[str]) -> str:
    """The contents of a ``dict.txt``."""
    return "".join(f"{symbol} 1\n" for symbol in symbols)
