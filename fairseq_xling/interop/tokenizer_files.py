"""Tokenizers' files: those of a Hugging Face folder, and those of fairseq's."""

import json
import logging
import shutil
from pathlib import Path
from typing import Any, Dict, List

import tokenizers
from tokenizers import AddedToken, Regex, decoders, normalizers, pre_tokenizers
from tokenizers.models import Unigram, WordPiece
from tokenizers.processors import TemplateProcessing

from fairseq_xling.data.tokenizers import (
    SENTENCEPIECE_NAME,
    WORDPIECE_NAME,
    SentencePieceTokenizer,
    WordPieceTokenizer,
)
from fairseq_xling.errors import UserError
from fairseq_xling.files.text_lines import read_text
from fairseq_xling.interop.hf_folder import read_json
from fairseq_xling.interop.sentencepiece_file import read_sentencepiece
from fairseq_xling.interop.shapes import XLMR, Backbone
from fairseq_xling.interop.vocabulary import BERT_NAMES, FIRST, MASK, filler_names

logger = logging.getLogger(__name__)

SETTINGS = "tokenizer_config.json"
VOCABULARY = "vocab.txt"
BEGIN = "\u2581"
# What Hugging Face's settings call the special tokens.
SPECIALS = {
    "xlm-roberta": {
        "bos_token": "<s>",
        "eos_token": "</s>",
        "sep_token": "</s>",
        "cls_token": "<s>",
        "unk_token": "<unk>",
        "pad_token": "<pad>",
        "mask_token": MASK,
    },
    "bert": {
        "unk_token": "[UNK]",
        "sep_token": "[SEP]",
        "pad_token": "[PAD]",
        "cls_token": "[CLS]",
        "mask_token": "[MASK]",
    },
}
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


def take_tokenizer(backbone: Backbone, source: Path, folder: Path) -> Path:
    """Write the tokenizer of a fairseq folder, and return the file that was read.

    Raises:
        UserError: a file is missing, or is no such tokenizer.
    """
    say_what_is_added(source)
    if backbone is XLMR:
        path = source / SENTENCEPIECE_NAME
        if not path.exists():
            raise UserError(
                f"{path}: not found, and {WORDPIECE_NAME} is not read instead; copy "
                "the file from the model that this one was trained from (such as "
                "xlm-roberta-base), whose pieces it must have"
            )
        SentencePieceTokenizer(str(path))  # which refuses what is none
        shutil.copyfile(path, folder / SENTENCEPIECE_NAME)
        return path
    path = source / VOCABULARY
    if path.exists():
        tokenizer = wordpiece(read_vocabulary(path), read_bert_options(source))
    else:
        path = source / WORDPIECE_NAME
        model = read_json(path).get("model") if path.exists() else None
        is_unigram = isinstance(model, dict) and model.get("type") == "Unigram"
        if (source / SENTENCEPIECE_NAME).exists() or is_unigram:
            raise UserError(
                f"{source}: a BERT with a SentencePiece tokenizer, which is not "
                f"converted; give an XLM-R, or a BERT with its {VOCABULARY}"
            )
        if not path.exists():
            raise UserError(f"{source}: has neither {VOCABULARY} nor {WORDPIECE_NAME}")
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


def give_tokenizer(backbone: Backbone, path: Path, folder: Path, longest: int) -> None:
    """Write the tokenizer's files of a Hugging Face folder; ``longest`` in tokens.

    Raises:
        UserError: ``path``, of a fairseq folder, is no such tokenizer.
    """
    specials = SPECIALS[backbone.model_type]
    settings: Dict[str, Any] = {**specials, "model_max_length": longest}
    settings["tokenizer_class"] = f"{backbone.classes}Tokenizer"
    if backbone is XLMR:
        shutil.copyfile(path, folder / SENTENCEPIECE_NAME)
        give_fast_xlmr(path, folder)
    else:
        settings.update(give_bert(path, folder))
    for name, contents in ((SETTINGS, settings), ("special_tokens_map.json", specials)):
        text = json.dumps(contents, indent=2, ensure_ascii=False) + "\n"
        (folder / name).write_text(text, encoding="utf-8")


def give_fast_xlmr(path: Path, folder: Path) -> None:
    """Write XLM-R's tokenizer in the form of the ``tokenizers`` library, if it can be.

    Its normalisation is that of Hugging Face's own conversion: SentencePiece's map of
    characters, then spaces; where the model treats spaces in a way of its own, that.

    Raises:
        UserError: spaces belong to the words before them, which no Hugging Face
            tokenizer of this kind can do.
    """
    model = read_sentencepiece(path)
    if model.space_is_suffix:
        raise UserError(
            f"{path}: was trained with treat_whitespace_as_suffix, which Hugging "
            "Face's XLM-R would tokenise otherwise; it cannot be converted"
        )
    if not model.is_plain:
        logger.warning(
            f"{path}: no unigram model of plain pieces, so no {WORDPIECE_NAME} is "
            "written; Hugging Face's slow tokenizer reads it"
        )
        return
    processor = SentencePieceTokenizer(str(path)).processor
    pieces = [(token, 0.0) for token in FIRST]
    pieces += [
        (processor.id_to_piece(i), processor.get_score(i))
        for i in range(3, processor.get_piece_size())
    ]
    pieces.append((MASK, 0.0))
    tokenizer = tokenizers.Tokenizer(Unigram(pieces, FIRST.index("<unk>")))
    steps: List[Any] = []
    if model.character_map:
        steps.append(normalizers.Precompiled(model.character_map))
    if model.trims_spaces:
        steps.append(normalizers.Strip(left=not model.adds_space))
        steps.append(normalizers.Replace(Regex(" {2,}"), BEGIN))
    elif model.adds_space:  # also where there is one already
        steps.append(normalizers.Prepend(BEGIN))
    tokenizer.normalizer = normalizers.Sequence(steps)
    scheme = "always" if model.adds_space and model.trims_spaces else "never"
    # Where spaces are kept, a piece may be of several.
    spaces = {"prepend_scheme": scheme, "split": model.trims_spaces}
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(BEGIN, **spaces)
    tokenizer.decoder = decoders.Metaspace(BEGIN, **spaces)
    tokenizer.post_processor = TemplateProcessing(
        single="<s> $A </s>",
        pair="<s> $A </s> </s> $B </s>",
        special_tokens=[("<s>", 0), ("</s>", 2)],
    )
    mask = AddedToken(MASK, lstrip=True, normalized=False, special=True)
    tokenizer.add_special_tokens([*FIRST, mask])
    tokenizer.save(str(folder / WORDPIECE_NAME))


def give_bert(path: Path, folder: Path) -> Dict[str, Any]:
    """Write BERT's files, and return how text is normalised, by Hugging Face's names.

    Raises:
        UserError: it is normalised as no BERT does.
    """
    tokenizer = WordPieceTokenizer(str(path)).tokenizer
    normalizer = json.loads(tokenizer.to_str())["normalizer"]
    if (normalizer or {}).get("type") != "BertNormalizer":
        raise UserError(f"{path}: has no BertNormalizer, which Hugging Face's BERT has")
    tokens = [tokenizer.id_to_token(i) for i in range(tokenizer.get_vocab_size())]
    text = "".join(f"{token}\n" for token in tokens)
    (folder / VOCABULARY).write_text(text, encoding="utf-8")
    tokenizer.add_special_tokens(list(BERT_NAMES))
    ends = [(name, tokenizer.token_to_id(name)) for name in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=ends
    )
    tokenizer.save(str(folder / WORDPIECE_NAME))
    return {option: normalizer[name] for option, (_, name) in BERT_OPTIONS.items()}
