"""F1 of tagged words, chunk by chunk, as seqeval computes it.

Chunks are runs of words by seqeval's rules, for POS tags, too: XTREME scores those as
if they were entities. seqeval 1.2.2 takes a POS tag's first letter for that of a scheme
like ``B-`` and ``I-``, so that it does not tell ``CCONJ`` from ``SCONJ``, and a word
tagged ``X`` at either end of a sentence is seen as joined to the boundary.
"""

import warnings
from typing import List, Sequence, Set, Tuple

import numpy as np
from seqeval.metrics.sequence_labeling import get_entities

# Type, first and last position.
Chunk = Tuple[str, int, int]


def chunk_counts(gold: Sequence[str], predicted: Sequence[str]) -> Tuple[int, int, int]:
    """Chunks of one sentence by itself: ``(correct, predicted, gold)``.

    Raises:
        ValueError: there are not as many of one as of the other.
    """
    correct, found, wanted = sentence_counts([gold], [predicted])[0]
    return int(correct), int(found), int(wanted)


def sentence_counts(
    gold_sentences: Sequence[Sequence[str]],
    predicted_sentences: Sequence[Sequence[str]],
) -> np.ndarray:
    """Chunks of each sentence, a chunk being of the sentence that it ends in.

    The chunks are those of the sentences in a row, so that the sums over sentences are
    seqeval's. Sentence by sentence, :func:`chunk_counts` finds the same for tags like
    ``B-LOC`` and ``O``, but not always for one-letter tags like POS tag ``X``.

    Args:
        gold_sentences, predicted_sentences: tags of the words of each sentence.

    Returns:
        ``(correct, predicted, gold)`` of each sentence, ``(sentences, 3)``.

    Raises:
        ValueError: they differ in the number of sentences or of a sentence's words.
    """
    lengths = [len(sentence) for sentence in gold_sentences]
    found = [len(sentence) for sentence in predicted_sentences]
    if len(lengths) != len(found):
        raise ValueError(f"{len(lengths)} gold sentences, {len(found)} predicted ones")
    for i, (wanted, length) in enumerate(zip(lengths, found)):
        if wanted != length:
            raise ValueError(f"sentence {i}: {wanted} gold tags, {length} predicted")
    gold, predicted = _chunks(gold_sentences), _chunks(predicted_sentences)
    # After a sentence's words comes the boundary, a position of its own.
    sentence_of = [i for i, length in enumerate(lengths) for _ in range(length + 1)]
    counts = np.zeros((len(lengths), 3), int)
    for column, chunks in enumerate((gold & predicted, predicted, gold)):
        for _, _, end in chunks:
            counts[sentence_of[end], column] += 1
    return counts


def _chunks(sentences: Sequence[Sequence[str]]) -> Set[Chunk]:
    """The chunks of all sentences in a row, ``"O"`` after each."""
    tags: List[List[str]] = [list(sentence) for sentence in sentences]
    with warnings.catch_warnings():
        # That POS tags are not those of entities.
        warnings.simplefilter("ignore", UserWarning)
        return set(get_entities(tags))


def f1_from_counts(correct: float, predicted: float, gold: float) -> float:
    """F1 in percent of numbers of chunks; 0 where there are none."""
    return 200.0 * correct / (predicted + gold) if predicted + gold else 0.0


def tagging_f1(
    gold_sentences: Sequence[Sequence[str]],
    predicted_sentences: Sequence[Sequence[str]],
) -> float:
    """F1 over all chunks in percent: seqeval's ``f1_score``, times 100.

    Args, Raises: as in :func:`sentence_counts`.

    Source: XTREME (Hu et al. 2020), its ``evaluate.py`` for UD-POS and PAN-X.
    """
    return f1_from_counts(
        *sentence_counts(gold_sentences, predicted_sentences).sum(axis=0).tolist()
    )
