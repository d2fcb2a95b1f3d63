"""What pieces are to words, and the words found in a sentence of pieces."""

import numpy as np
import pytest
from fairseq.data import Dictionary
from hypothesis import given
from hypothesis import strategies as st
from lm_data import BEGIN, Writer, piece_dictionary
from refusals import refused

from fairseq_xling.multimix.pieces import PieceTable, find_units

WRITER = Writer()
TABLE = PieceTable(piece_dictionary())


def named(table, which):
    return {table.symbols[i].replace(BEGIN, "_") for i in np.flatnonzero(which)}


def units_of(text, starts=None, mask_unit="word"):
    """Units of a text whose pieces, and special tokens, have spaces between them."""
    tokens = np.array(WRITER.ids(text))
    starts = None if starts is None else np.array(starts, np.int64)
    found = find_units(TABLE, tokens, starts, mask_unit)
    return [values.tolist() for values in found]


def dictionary_of(*symbols):
    dictionary = Dictionary()
    for symbol in symbols:
        dictionary.add_symbol(symbol.replace("_", BEGIN))
    return dictionary


def test_a_word_begins_with_one_beginning_and_goes_on_without():
    table = PieceTable(
        dictionary_of("_a", "b", "_", "_c_d", "e_f", ".", "7", "<mask>", "__")
    )
    assert named(table, table.may_begin) == {"_a"}
    assert named(table, table.may_continue) == {"b", ".", "7"}
    assert named(table, table.begins) == {"_a", "_", "_c_d", "__"}
    assert named(table, table.special) == {"<s>", "<pad>", "</s>", "<mask>"}


def test_only_the_ids_of_special_tokens_are_special():
    table = TABLE
    assert (table.pad, table.eos) == (1, 2)
    assert table.symbols[table.mask] == "<mask>"
    assert table.mask == len(table.symbols) - 1
    # Unknown text is text, but nothing to be predicted.
    assert not table.special[3]
    assert not (table.may_begin | table.may_continue)[[0, 1, 2, 3, table.mask]].any()
    assert not (table.may_begin & table.may_continue).any()


def test_fillers_are_never_predicted_but_pieces_that_resemble_them_are():
    table = PieceTable(
        dictionary_of("_a", "madeupword0000", "madeupword0123", "madeupword", "<mask>")
    )
    assert named(table, table.may_continue) == {"madeupword"}


def test_a_dictionary_may_lack_the_mask():
    table = PieceTable(dictionary_of("_a", "b"))
    # As in fairseq's dictionaries, what is not there is unknown.
    assert table.mask == 3
    assert named(table, table.special) == {"<s>", "<pad>", "</s>"}
    assert named(table, table.may_continue) == {"b"}


@pytest.mark.parametrize("symbols", [["the", "cat"], ["_", "cat"], ["_a_b", "<mask>"]])
def test_a_dictionary_of_other_than_sentencepiece_is_refused(symbols):
    with refused("no piece begins with \u2581") as caught:
        PieceTable(dictionary_of(*symbols))
    assert str(caught.value).startswith("dict.txt: ")
    assert "\n" not in str(caught.value)


def test_the_text_of_pieces_has_their_boundaries():
    tokens = np.array([0, *WRITER.ids("_do g s _cat"), 2])
    assert TABLE.text(tokens) == "<s>\u2581dogs\u2581cat</s>"


def test_two_splits_of_a_word_are_one_text():
    texts = {TABLE.text(np.array(WRITER.ids(x))) for x in ("_do gs", "_dog s")}
    assert texts == {"\u2581dogs"}


@pytest.mark.parametrize(
    "text, starts, widths",
    [
        # Words reach from one beginning to the next, in both sentences of a pair.
        ("<s> _the _do g s _cat ing </s>", [1, 2, 5], [1, 3, 2]),
        ("<s> _the _do gs </s> </s> _cat s </s>", [1, 2, 6], [1, 2, 2]),
        # Empty sentences have none.
        ("<s> </s>", [], []),
        ("<s> </s> </s> </s>", [], []),
        ("<s> </s> </s> _cat s </s>", [3], [2]),
        ("<s> _cat s </s> </s> </s>", [1], [2]),
        # What stands first begins one, in a sentence that was cut or is unknown.
        (
            "<s> gs _cat </s> </s> not-known s _cat </s>",
            [1, 2, 5, 7], [1, 1, 2, 1],
        ),
        # An unknown piece is part of the word before it, a boundary of that after it.
        ("<s> _cat not-known s _the </s>", [1, 4], [3, 1]),
        ("<s> _ 狗 _cat _ not-known </s>", [1, 3, 4], [2, 1, 2]),
        ("<s> _狗 睡 在 红色 房子 . </s>", [1], [6]),  # no spaces
    ],
)  # fmt: skip
def test_words_are_found(text, starts, widths):
    assert units_of(text) == [starts, widths, [True] * len(starts)]
    assert units_of(text, mask_unit="piece")[1] == [1] * sum(widths)


def test_given_words_are_taken_as_they_are():
    # "the" and "cat" are one word here, and "dogs" two.
    found = units_of("<s> _the _cat _do gs </s>", [1, 3, 4])
    assert found == [[1, 3, 4], [2, 1, 1], [True] * 3]
    assert units_of("<s> </s>", []) == [[], [], []]


@pytest.mark.parametrize(
    "text, words, starts, begins",
    [
        (
            "<s> _the _do g s </s> </s> _cat </s>",
            None,
            [1, 2, 3, 4, 7],
            [1, 1, 0, 0, 1],
        ),
        ("<s> _the _cat gs s </s>", [1, 3], [1, 2, 3, 4], [1, 0, 1, 0]),
        ("<s> not-known s _cat </s>", None, [1, 2, 3], [1, 0, 1]),
    ],
)
def test_pieces_masked_alone_know_where_words_begin(text, words, starts, begins):
    found = units_of(text, words, "piece")
    assert found == [starts, [1] * len(starts), [bool(x) for x in begins]]


@given(
    lang=st.sampled_from(["en", "ru", "zh", "ar", "sw"]),
    count=st.integers(0, 30),
    seed=st.integers(0, 999),
)
def test_words_found_are_those_written(lang, count, seed):
    writer = Writer(seed, odd=0)
    words = [writer.word(lang) for _ in range(count)]
    tokens = np.array([0, *sum(words, []), 2])
    starts, widths, begins = find_units(TABLE, tokens, None, "word")
    assert widths.tolist() == [len(word) for word in words]
    assert [tokens[a : a + n].tolist() for a, n in zip(starts, widths)] == words
    assert begins.all() and len(begins) == count
    given_starts, given_widths, _ = find_units(TABLE, tokens, starts, "word")
    assert (given_starts == starts).all() and (given_widths == widths).all()


WORDPIECES = PieceTable(
    dictionary_of("a", "##b", "ab", "[unused7]", ",", "<mask>"), "wordpiece"
)


def test_wordpieces_go_on_with_a_mark_and_begin_without():
    table = WORDPIECES
    assert named(table, table.may_begin) == {"a", "ab", ","}
    assert named(table, table.may_continue) == {"##b"}
    assert (table.separators, TABLE.separators) == (1, 2)


def test_the_text_of_wordpieces_has_their_boundaries():
    ids = {symbol: i for i, symbol in enumerate(WORDPIECES.symbols)}

    def text(*pieces):
        return WORDPIECES.text(np.array([ids[piece] for piece in pieces]))

    assert text("a", "##b", ",") == text("ab", ",") == "ab ,"
    assert text("a", "ab") == "a ab"


def test_words_of_wordpieces_are_found():
    ids = {symbol: i for i, symbol in enumerate(WORDPIECES.symbols)}
    tokens = np.array([0, ids["a"], ids["##b"], ids[","], 2, ids["ab"], 2])
    starts, sizes, begins = find_units(WORDPIECES, tokens, None, "word")
    assert starts.tolist() == [1, 3, 5] and sizes.tolist() == [2, 1, 1]
    assert begins.all()
