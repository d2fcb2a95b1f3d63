"""The tokenizer's files of a Hugging Face folder, out of those of a fairseq folder."""

import json
import logging
import shutil
from pathlib import Path
from typing import Any, Dict, List

import tokenizers
from tokenizers import AddedToken, Regex, decoders, normalizers, pre_tokenizers
from tokenizers.models import Unigram
from tokenizers.processors import TemplateProcessing

from fairseq_xling.data.tokenizers import (
    SENTENCEPIECE_NAME,
    WORDPIECE_NAME,
    SentencePieceTokenizer,
    Tokenizer,
    WordPieceTokenizer,
)
from fairseq_xling.errors import UserError
from fairseq_xling.interop.layers import XLMR
from fairseq_xling.interop.sentencepiece_file import read_sentencepiece
from fairseq_xling.interop.shapes import Shape
from fairseq_xling.interop.tokenizer_files import BERT_OPTIONS, SETTINGS, VOCABULARY
from fairseq_xling.interop.unigram import BEGIN
from fairseq_xling.interop.vocabulary import BERT_NAMES, FIRST, MASK

logger = logging.getLogger(__name__)

# What Hugging Face's settings call the special tokens of both kinds of tokenizers.
SPECIALS = {
    "sentencepiece": {
        "bos_token": "<s>",
        "eos_token": "</s>",
        "sep_token": "</s>",
        "cls_token": "<s>",
        "unk_token": "<unk>",
        "pad_token": "<pad>",
        "mask_token": MASK,
    },
    "wordpiece": {
        "unk_token": "[UNK]",
        "sep_token": "[SEP]",
        "pad_token": "[PAD]",
        "cls_token": "[CLS]",
        "mask_token": "[MASK]",
    },
}


def give_tokenizer(
    tokenizer: Tokenizer, path: Path, folder: Path, shape: Shape
) -> None:
    """Write the tokenizer's files of a Hugging Face folder.

    Args:
        path: of the tokenizer.
        shape: of the model.

    Raises:
        UserError: no tokenizer of Hugging Face's would read text in the same way.
    """
    specials = SPECIALS[tokenizer.kind]
    settings: Dict[str, Any] = {**specials, "model_max_length": shape.longest}
    if tokenizer.kind == "sentencepiece":
        settings["tokenizer_class"] = f"{XLMR.classes}Tokenizer"
        shutil.copyfile(path, folder / SENTENCEPIECE_NAME)
        give_fast_xlmr(path, folder)
    else:
        settings["tokenizer_class"] = f"{shape.kind.classes}Tokenizer"
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
