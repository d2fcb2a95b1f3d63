"""The labels of the benchmarks, and labels matched by their names."""

from typing import Dict, List, Mapping, Optional, Sequence, Tuple

# In the order of their ids. Parts of speech are the universal ones
# (https://universaldependencies.org/u/pos/).
LABELS: Dict[str, Tuple[str, ...]] = {
    "xnli": ("contradiction", "entailment", "neutral"),
    "pawsx": ("0", "1"),
    "udpos": (
        *("ADJ", "ADP", "ADV", "AUX", "CCONJ", "DET", "INTJ", "NOUN", "NUM", "PART"),
        *("PRON", "PROPN", "PUNCT", "SCONJ", "SYM", "VERB", "X"),
    ),
    "panx": ("B-LOC", "B-ORG", "B-PER", "I-LOC", "I-ORG", "I-PER", "O"),
}
# Other names that raw data and Hugging Face's models have for them.
SPELLINGS: Dict[str, Dict[str, str]] = {
    "xnli": {"contradictory": "contradiction"},
    "pawsx": {
        **{"LABEL_0": "0", "LABEL_1": "1"},
        **{"not_paraphrase": "0", "paraphrase": "1"},
    },
}


def find_label(name: str, known: Mapping[str, str]) -> Optional[str]:
    """The label that a name means: as it is, or but for case and spaces around it.

    Returns:
        the label, or None where there is none, or more than one.
    """
    if name in known:
        return known[name]
    wanted = name.strip().casefold()
    found = {label for one, label in known.items() if one.casefold() == wanted}
    return found.pop() if len(found) == 1 else None


def order_of(
    theirs: Sequence[str],
    ours: Sequence[str],
    spellings: Optional[Mapping[str, str]] = None,
) -> Optional[List[int]]:
    """Where each of our labels stands among theirs.

    Args:
        theirs, ours: labels in the order of their ids.

    Returns:
        a place for each of ours, or None where they are not the same labels.
    """
    known = {**dict(zip(ours, ours)), **(spellings or {})}
    found = [find_label(name, known) for name in theirs]
    if len(found) != len(ours) or set(found) != set(ours):
        return None
    return [found.index(label) for label in ours]
