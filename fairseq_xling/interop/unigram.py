"""A ``tokenizer.json`` of unigram pieces as the SentencePiece model that it was.

Hugging Face's folders have had that model beside it; later ones have it alone. It holds
the same pieces, scores and normalisation.
"""

import base64
from pathlib import Path
from typing import Any, Dict, List

from fairseq_xling.data.tokenizers import SENTENCEPIECE_NAME
from fairseq_xling.errors import UserError
from fairseq_xling.interop.sentencepiece_file import sentencepiece_model
from fairseq_xling.interop.vocabulary import FIRST, MASK

BEGIN = "\u2581"
# Steps that cut text at spaces, however many there are.
TRIMMING = ("Strip", "Replace", "WhitespaceSplit")
KNOWN = ("Precompiled", *TRIMMING, "Prepend", "Metaspace")


def is_unigram(settings: Dict[str, Any]) -> bool:
    """Whether a ``tokenizer.json`` is of unigram pieces."""
    model = settings.get("model")
    return isinstance(model, dict) and model.get("type") == "Unigram"


def as_sentencepiece(settings: Dict[str, Any], path: Path) -> bytes:
    """The SentencePiece model of a ``tokenizer.json``, the file ``path``.

    Raises:
        UserError: it is not as XLM-R's, or does what no such model does.
    """
    try:
        model = settings["model"]
        pieces = [(str(piece), float(score)) for piece, score in model["vocab"]]
        steps = flatten(settings.get("normalizer"))
        steps += flatten(settings.get("pre_tokenizer"))
        kinds = {str(step["type"]) for step in steps}
        (spaces,) = [step for step in steps if step["type"] == "Metaspace"]
        maps = [step["precompiled_charsmap"] for step in steps
                if step["type"] == "Precompiled"]  # fmt: skip
        character_map = base64.b64decode("".join(one or "" for one in maps))
    except (KeyError, TypeError, ValueError, AttributeError):
        raise UserError(f"{path}: {wanted('not of the form that XLM-R has')}") from None
    if tuple(piece for piece, _ in pieces[:4]) != FIRST or model.get("unk_id") != 3:
        reason = f"does not begin with {' '.join(FIRST)}, as XLM-R's does"
        raise UserError(f"{path}: {wanted(reason)}")
    others = sorted(kinds.difference(KNOWN))
    if others or model.get("byte_fallback") or len(maps) > 1:
        reason = f"normalises by {others[0]}" if others else "falls back to bytes"
        raise UserError(f"{path}: {wanted(reason)}")
    if pieces[-1][0] == MASK:
        pieces.pop()
    # Older files have the one setting, later ones the other.
    scheme = "always" if spaces.get("add_prefix_space", True) else "never"
    adds_space = spaces.get("prepend_scheme", scheme) != "never" or "Prepend" in kinds
    trims = not kinds.isdisjoint(TRIMMING)
    return sentencepiece_model(pieces[4:], character_map, adds_space, trims)


def flatten(step: Any) -> List[Any]:
    """The steps of a normalizer or pre-tokenizer, whether there are none or many."""
    if step is None:
        return []
    if step["type"] != "Sequence":
        return [step]
    parts = step.get("normalizers") or step.get("pretokenizers") or []
    return [each for part in parts for each in flatten(part)]


def wanted(reason: str) -> str:
    """A refusal that says what to give instead."""
    return (
        f"{reason}; copy the {SENTENCEPIECE_NAME} of the model that this one was "
        "trained from (such as xlm-roberta-base), whose pieces it must have"
    )
