"""The tokenizer of a fairseq folder, out of the files of a Hugging Face folder."""

import logging
import shutil
from pathlib import Path
from typing import Any, Dict, List

import tokenizers
from tokenizers import decoders, normalizers, pre_tokenizers
from tokenizers.models import WordPiece

from fairseq_xling.data.tokenizers import (
    SENTENCEPIECE_NAME,
    WORDPIECE_NAME,
    SentencePieceTokenizer,
    WordPieceTokenizer,
)
from fairseq_xling.errors import UserError
from fairseq_xling.files.text_lines import read_text
from fairseq_xling.interop.hf_folder import read_json
from fairseq_xling.interop.unigram import as_sentencepiece, is_unigram
from fairseq_xling.interop.vocabulary import BERT_NAMES, FIRST, MASK, filler_names

logger = logging.getLogger(__name__)

SETTINGS = "tokenizer_config.json"
VOCABULARY = "vocab.txt"
# The options of BERT's normalizer: Hugging Face's names and defaults, and the
# library's names.
BERT_OPTIONS = {
    "do_lower_case": (True, "lowercase"),
    "strip_accents": (None, "strip_accents"),
    "tokenize_chinese_chars": (True, "handle_chinese_chars"),
}
# The files that added tokens may stand in, and where in them.
ADDED_IN = ("added_tokens.json", WORDPIECE_NAME, SETTINGS, "special_tokens_map.json")
ADDED = (
    "added_tokens", "added_tokens_decoder",
    "additional_special_tokens", "extra_special_tokens",
)  # fmt: skip


def take_tokenizer(source: Path, folder: Path) -> Path:
    """Write the tokenizer of a fairseq folder, and return the file that was read.

    Raises:
        UserError: a file is missing, or is no such tokenizer.
    """
    say_what_is_added(source)
    path = source / SENTENCEPIECE_NAME
    if path.exists():
        SentencePieceTokenizer(str(path))  # which refuses what is none
        shutil.copyfile(path, folder / SENTENCEPIECE_NAME)
        return path
    path = source / VOCABULARY
    if path.exists():
        tokenizer = wordpiece(read_vocabulary(path), read_bert_options(source))
        tokenizer.save(str(folder / WORDPIECE_NAME))
        return path
    path = source / WORDPIECE_NAME
    if not path.exists():
        raise UserError(
            f"{source}: has neither {SENTENCEPIECE_NAME} nor {VOCABULARY} nor "
            f"{WORDPIECE_NAME}; copy one from the model that this one was trained "
            "from (such as xlm-roberta-base), whose pieces it must have"
        )
    settings = read_json(path)
    if is_unigram(settings):
        (folder / SENTENCEPIECE_NAME).write_bytes(as_sentencepiece(settings, path))
        return path
    held = WordPieceTokenizer(str(path)).tokenizer
    # Special tokens are not read from text, and put around it elsewhere.
    tokenizer = tokenizers.Tokenizer(held.model)
    tokenizer.normalizer = held.normalizer
    tokenizer.pre_tokenizer = held.pre_tokenizer
    tokenizer.decoder = held.decoder
    tokenizer.save(str(folder / WORDPIECE_NAME))
    return path


def say_what_is_added(source: Path) -> None:
    """Log tokens that were added to a tokenizer: they are read as other text.

    Which files ``save_pretrained`` has written them to depends on its version.
    """
    known = {*FIRST, MASK, *BERT_NAMES}
    for name in ADDED_IN:
        path = source / name
        settings = read_json(path) if path.exists() else {}
        listed: List[Any] = list(settings) if name == ADDED_IN[0] else []
        for key in ADDED:
            part = settings.get(key)
            part = list(part.values()) if isinstance(part, dict) else part
            listed += part if isinstance(part, list) else []
        found = [one.get("content") if isinstance(one, dict) else one for one in listed]
        tokens = (token for token in found if isinstance(token, str))
        added = [token for token in dict.fromkeys(tokens) if token not in known]
        if added:
            logger.warning(
                f"{path}: {', '.join(added)} are not taken over; such text is read as "
                "any other"
            )
        known.update(added)


def read_vocabulary(path: Path) -> List[str]:
    """The lines of a ``vocab.txt``; of equal ones, the last is what text is read as."""
    lines = read_text(path).removesuffix("\n").split("\n")
    last = {line: i for i, line in enumerate(lines)}
    names = filler_names(last)
    return [line if last[line] == i else next(names) for i, line in enumerate(lines)]


def read_bert_options(source: Path) -> Dict[str, Any]:
    """How text is normalised, by the names of the ``tokenizers`` library.

    Raises:
        UserError: the folder does not say whether letters are made small.
    """
    path = source / SETTINGS
    settings = read_json(path) if path.exists() else {}
    if "do_lower_case" not in settings:
        raise UserError(
            f'{path}: give "do_lower_case": false for a cased vocabulary, else true'
        )
    return {
        name: settings.get(option, default)
        for option, (default, name) in BERT_OPTIONS.items()
    }


def wordpiece(vocabulary: List[str], options: Dict[str, Any]) -> tokenizers.Tokenizer:
    """BERT's tokenizer, without special tokens in or around the text."""
    ids = {token: i for i, token in enumerate(vocabulary)}
    tokenizer = tokenizers.Tokenizer(WordPiece(ids, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(clean_text=True, **options)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece(prefix="##")
    return tokenizer
