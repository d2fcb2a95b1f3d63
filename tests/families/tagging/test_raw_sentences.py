"""Reading tagged sentences: every column format, ids, and what is refused."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from refusals import refused

from fairseq_xling.families.tagging.raw import SentenceFile, split_words, to_iob2
from fairseq_xling.preprocessing.aligned_rows import align

POS = ("NOUN", "VERB", "PUNCT", "SYM", "ADP", "PRON")
NER = ("B-LOC", "B-ORG", "B-PER", "I-LOC", "I-ORG", "I-PER", "O")


def open_text(folder, name, text, tags=POS, chunked=False, more=None):
    path = folder / name
    path.write_bytes(text.encode("utf-8"))
    known = {tag: tag for tag in tags}
    return SentenceFile([path], {**known, **(more or {})}, chunked)


def sentences(file):
    return [(row.words, row.tags) for row in file.rows()]


CONLLU = """\
# newdoc id = n1
# sent_id = s-1
# text = Vámonos al mar
1-2\tVámonos\t_\t_\t_\t_\t_\t_\t_\t_
1\tVamos\tir\tVERB\t_\t_\t0\troot\t_\t_
2\tnos\tnosotros\tPRON\t_\t_\t1\tobj\t_\t_
3-4\tal\t_\t_\t_\t_\t_\t_\t_\t_
3\ta\ta\tADP\t_\t_\t5\tcase\t_\t_
4\tel\tel\tPRON\t_\t_\t5\tdet\t_\t_
5\tmar\tmar\tNOUN\t_\t_\t1\tobl\t_\t_
5.1\tellipsis\t_\tVERB\t_\t_\t_\t_\t_\t_

# sent_id = s-2
1\t#\t#\tSYM\t_\t_\t0\troot\t_\t_
2\t10 000\t10 000\tNOUN\t_\t_\t1\tdep\t_\t_
"""


def test_conllu_has_syntactic_words_without_ranges_and_empty_nodes(tmp_path):
    file = open_text(tmp_path, "es-test.conllu", CONLLU)
    assert sentences(file) == [
        (["Vamos", "nos", "a", "el", "mar"], ["VERB", "PRON", "ADP", "PRON", "NOUN"]),
        (["#", "10 000"], ["SYM", "NOUN"]),
    ]
    assert [row.id for row in file.rows()] == ["s-1", "s-2"]
    assert [row.line for row in file.rows()] == [1, 13]
    assert file.has_ids and file.has_labels


def test_treebanks_of_a_language_are_read_one_after_the_other(tmp_path):
    paths = [tmp_path / f"es_{name}-ud-test.conllu" for name in ("a", "b")]
    paths[0].write_text(CONLLU, encoding="utf-8")
    paths[1].write_text(CONLLU.replace("s-", "t-"), encoding="utf-8")
    file = SentenceFile(paths, {tag: tag for tag in POS})
    rows = list(file.rows())
    assert [row.id for row in rows] == ["s-1", "s-2", "t-1", "t-2"]
    assert [row.path for row in rows] == [paths[0]] * 2 + [paths[1]] * 2
    index = file.index()
    for row in (rows[3], rows[0], rows[2], rows[1]):
        assert file.row_at(*index.find(row.id)) == row
    file.close()


def test_words_of_tsv_keep_signs_and_spaces(tmp_path):
    text = "#\tSYM\n10 000\tNOUN\na\u00a0b\u3000c\tNOUN\n#x=y\tNOUN\n\u00a0\tSYM\n"
    assert sentences(open_text(tmp_path, "a.tsv", text)) == [
        (
            ["#", "10 000", "a\u00a0b\u3000c", "#x=y", "\u00a0"],
            ["SYM", "NOUN", "NOUN", "NOUN", "SYM"],
        )
    ]


def test_single_column_has_words_without_tags(tmp_path):
    text = "# sent_id = 7\nNew York\n#\n\n# sent_id = 8\nb\n"
    file = open_text(tmp_path, "a.tsv", text)
    assert sentences(file) == [(["New York", "#"], None), (["b"], None)]
    assert file.has_ids and not file.has_labels


def test_comments_other_than_the_id_are_left_out(tmp_path):
    text = "# text = # = !\n# sent_id = a b \n#\tSYM\n# text =\n\n"
    text += "# sent_id = c\nd\tNOUN\n"
    file = open_text(tmp_path, "a.tsv", text)
    rows = [(row.id, row.words) for row in file.rows()]
    assert rows == [("a b", ["#"]), ("c", ["d"])]


COMMENTS = ["# newdoc", "# newdoc id = d1", "#newpar", "# newpar id = p", "# text = a"]
COMMENTS += ["# global.columns = ID FORM", "# sent_id = 1", "# meta::id = 2", "# a=b"]


@pytest.mark.parametrize("comment", COMMENTS)
@pytest.mark.parametrize("name", ["a.tsv", "a.txt"])
def test_comments_of_all_kinds_are_no_words(tmp_path, comment, name):
    for tag in ("\tNOUN", ""):
        text = f"{comment}\nb{tag}\n#{tag}\n\n{comment}\nc{tag}\n"
        rows = sentences(open_text(tmp_path, name, text))
        tags = [["NOUN"] * 2, ["NOUN"]] if tag else [None, None]
        assert rows == [(["b", "#"], tags[0]), (["c"], tags[1])]


def test_what_only_looks_like_a_comment_is_a_word(tmp_path):
    text = "#\tSYM\n#newton\tNOUN\n# 1 of\tSYM\n"
    rows = sentences(open_text(tmp_path, "a.tsv", text))
    assert rows == [(["#", "#newton", "# 1 of"], ["SYM", "NOUN", "SYM"])]
    rows = sentences(open_text(tmp_path, "a.txt", "# SYM\n#newton NOUN\n"))
    assert rows == [(["#", "#newton"], ["SYM", "NOUN"])]
    rows = sentences(open_text(tmp_path, "b.tsv", "#\n#newton\n##\n# any remark\n"))
    assert rows == [(["#", "#newton", "##"], None)]


def test_tags_are_known_but_for_case_and_spaces(tmp_path):
    text = "a\tb-loc\nb\tI-Loc \nc\to\n"
    rows = sentences(open_text(tmp_path, "a.tsv", text, NER, chunked=True))
    assert rows == [(list("abc"), ["B-LOC", "I-LOC", "O"])]


@pytest.mark.parametrize(
    "words, is_withheld",
    [("_ _ _", 1), ("a _ _", 1), ("_", 1), ("a _", 1), ("a b _", 0), ("a", 0)],
)
def test_sentences_of_withheld_words_are_not_whole(tmp_path, words, is_withheld):
    text = "".join(f"{word}\tNOUN\n" for word in words.split())
    (row,) = open_text(tmp_path, "a.tsv", text).rows()
    assert row.is_withheld == bool(is_withheld) == (not row.is_whole)


@pytest.mark.parametrize("code", ["simple", "zh-min-nan", "be-x-old", "zh-Hans-CN"])
def test_wikiann_prefix_may_be_any_language_code(tmp_path, code):
    text = f"{code}:at\tO\n{code}:10:30\tO\n"
    file = open_text(tmp_path, "a.tsv", text, NER, chunked=True)
    assert sentences(file) == [(["at", "10:30"], ["O", "O"])]


def test_conll_2003_has_four_columns_and_documents(tmp_path):
    text = (
        "-DOCSTART- -X- O O\n\nEU NNP I-NP I-ORG\nrejects VBZ I-VP O\n\n"
        "-DOCSTART- -X- O\n\nLondon NNP I-NP I-LOC\nParis NNP I-NP B-LOC\n"
        "Rome NNP I-NP I-PER\na\u00a0b NNP I-NP I-PER\n"
    )
    assert sentences(open_text(tmp_path, "en.train", text, NER, chunked=True)) == [
        (["EU", "rejects"], ["B-ORG", "O"]),
        (
            ["London", "Paris", "Rome", "a\u00a0b"],
            ["B-LOC", "B-LOC", "B-PER", "I-PER"],
        ),
    ]


def test_iob2_with_a_few_stray_insides_is_left_as_it_is(tmp_path):
    text = "a\tB-LOC\nb\tI-LOC\nc\tB-PER\nd\tO\ne\tI-ORG\n"
    tags = ["B-LOC", "I-LOC", "B-PER", "O", "I-ORG"]
    file = open_text(tmp_path, "a.tsv", text, NER, chunked=True)
    assert sentences(file) == [(list("abcde"), tags)]


def test_wikiann_prefix_is_taken_off_every_word(tmp_path):
    text = "en:at\tO\nen:10:30\tO\nen:en:\tB-LOC\n\nen:.\tO\n"
    file = open_text(tmp_path, "en-train", text, NER, chunked=True)
    assert [row.words for row in file.rows()] == [["at", "10:30", "en:"], ["."]]
    text = text.replace("en:", "zh-min-nan:")
    file = open_text(tmp_path, "nan-train", text, NER, chunked=True)
    assert next(file.rows()).words == ["at", "10:30", "zh-min-nan:"]


@pytest.mark.parametrize("text", ["re:\tO\n", "re:x\tO\nan:y\tO\n", "re:x\tO\ny\tO\n"])
def test_words_with_a_colon_are_no_wikiann(tmp_path, text):
    file = open_text(tmp_path, "en-train", text, NER, chunked=True)
    words = [line.split("\t")[0] for line in text.split("\n")[:-1]]
    assert next(file.rows()).words == words


def test_words_of_parts_of_speech_have_no_language_in_front(tmp_path):
    file = open_text(tmp_path, "en-train", "re:x\tNOUN\n")
    assert next(file.rows()).words == ["re:x"]


def test_masakhaner_is_space_separated_and_its_types_are_mapped(tmp_path):
    text = "Rais  B-PERSON\nSamia I-PERSON \n\nJuni B-DATE\n10 I-DATE\n"
    more = {"B-PERSON": "B-PER", "I-PERSON": "I-PER", "B-DATE": "O", "I-DATE": "O"}
    file = open_text(tmp_path, "train.txt", text, NER, chunked=True, more=more)
    assert sentences(file) == [
        (["Rais", "Samia"], ["B-PER", "I-PER"]),
        (["Juni", "10"], ["O", "O"]),
    ]


def test_running_text_is_a_sentence_a_line(tmp_path):
    text = 'He said: "no, (never)!"\n\n我爱你，NLP。\n'
    file = open_text(tmp_path, "en-zh-translated.txt", text)
    rows = list(file.rows())
    assert [row.words for row in rows] == [
        ["He", "said", ":", '"', "no", ",", "(", "never", ")", "!", '"'],
        [],
        ["我", "爱", "你", "，", "NLP", "。"],
    ]
    assert [row.is_whole for row in rows] == [True, False, True]
    assert [row.line for row in rows] == [1, 2, 3]
    assert not file.has_labels and not file.has_ids


@pytest.mark.parametrize(
    "text, words",
    [
        ("don't state-of-the-art U.S.", ["don't", "state-of-the-art", "U.S", "."]),
        ("…«été»…", ["…", "«", "été", "»", "…"]),
        ("東京タワーへ", list("東京タワーへ")),
        ("a\u00a0b\tc", ["a", "b", "c"]),
        ("...", [".", ".", "."]),
        (" \u3000", []),
    ],
)
def test_running_text_is_split_at_spaces_marks_and_chinese(text, words):
    assert split_words(text) == words


@given(st.text(st.sampled_from("ab'-.,!（）我猫 \u00a0é"), max_size=30))
def test_splitting_loses_nothing_but_white_space(text):
    words = split_words(text)
    assert "".join(words) == "".join(text.split())
    assert all(words)
    # Splitting its own words changes nothing.
    assert split_words(" ".join(words)) == words


def naive_chunks(tags, scheme):
    """Chunks (type, positions) of IOB1 or IOB2 tags, by their definitions."""
    chunks = []
    for i, tag in enumerate(tags):
        if tag == "O":
            continue
        mark, kind = tag.split("-")
        goes_on = i > 0 and tags[i - 1] != "O" and tags[i - 1][2:] == kind
        if goes_on and mark == "I":
            chunks[-1][1].append(i)
        else:
            assert scheme == "IOB1" or mark == "B"
            chunks.append((kind, [i]))
    return chunks


@given(st.lists(st.sampled_from(["O", "B-X", "I-X", "B-Y", "I-Y"]), max_size=8))
def test_iob2_has_the_chunks_of_iob1(tags):
    assert naive_chunks(to_iob2(tags), "IOB2") == naive_chunks(tags, "IOB1")


@given(st.lists(st.tuples(st.sampled_from("OXY"), st.integers(1, 3)), max_size=6))
def test_file_in_iob1_is_read_as_the_same_chunks(tmp_path_factory, runs):
    iob1, iob2 = [], []
    before = None
    for kind, length in runs:
        if kind == "O":
            iob1 += ["O"] * length
            iob2 += ["O"] * length
        else:
            iob1 += ["B-" + kind if before == kind else "I-" + kind]
            iob1 += ["I-" + kind] * (length - 1)
            iob2 += ["B-" + kind] + ["I-" + kind] * (length - 1)
        before = kind
    # Enough chunks that begin with I- to tell the scheme, whatever was drawn.
    sure = "w I-X\nw O\n" * (len(runs) + 1)
    text = "".join(f"w {tag}\n" for tag in iob1) + "\n" + sure
    tags = ["O", "B-X", "I-X", "B-Y", "I-Y"]
    folder = tmp_path_factory.mktemp("iob")
    rows = sentences(open_text(folder, "a.txt", text, tags, chunked=True))
    if iob1:
        assert rows[0][1] == iob2
    assert rows[-1][1] == ["B-X", "O"] * (len(runs) + 1)


def with_ids(ids):
    return "".join(f"# sent_id = {i}\nword-{i}\tNOUN\nend\tPUNCT\n\n" for i in ids)


def test_one_file_without_ids_is_paired_by_position(tmp_path):
    a = open_text(tmp_path, "a.tsv", with_ids("123"))
    b = open_text(tmp_path, "b-translated.txt", "x\n\nz\n")
    pairs = [(row.id, m and m.words) for row, [m] in align(a, [b], same_labels=False)]
    assert pairs == [("1", ["x"]), ("2", None), ("3", ["z"])]


def test_line_ends_byte_order_mark_and_surplus_lines_do_not_matter(tmp_path):
    plain = with_ids("12")
    want = sentences(open_text(tmp_path, "a.tsv", plain))
    spoiled = "\ufeff" + plain.replace("\n\n", "\n\n \n\t\n").replace("\n", "\r\n")
    assert sentences(open_text(tmp_path, "b.tsv", spoiled)) == want
    assert sentences(open_text(tmp_path, "c.tsv", plain.rstrip("\n"))) == want
    file = open_text(tmp_path, "d.tsv", spoiled)
    index = file.index()
    for row in file.rows():
        assert file.row_at(*index.find(row.id)) == row
    file.close()


@pytest.mark.parametrize(
    "name, text, message",
    [
        ("a.tsv", "a\tNOUN\nb\n", "line 2: 1 columns, but 2 are expected"),
        ("a.tsv", "a\nb\tNOUN\n", "line 2: 2 columns, but 1 are expected"),
        ("a.txt", "a NOUN\nb c NOUN\n", "line 2: 3 columns, but 2 are expected"),
        ("a.conllu", "1\ta\tNOUN\n", "line 1: 3 columns, but 10 are expected"),
        ("a.tsv", "a\tNOUN\n\nb\tNOUNS\n", "line 3: unknown tag 'NOUNS'.*are NOUN, V"),
        ("a.tsv", "a\tNOUN\nb\t\n", "line 2: unknown tag ''"),
        ("a.tsv", "a\tNOUN\n\tNOUN\n", "line 2: no word; give it one, or remove"),
        ("a.tsv", "a\tNOUN\n  \tNOUN\n", "line 2: no word"),
        ("a.tsv", with_ids("1") + "b\tNOUN\n", "line 5: this sentence has no sent_id"),
        ("a.tsv", "b\tNOUN\n\n" + with_ids("1"), "line 3: this sentence has a sent_id"),
        ("a.tsv", "\n# sent_id = 3\n\n-DOCSTART-\n", "has no sentences; give it some"),
    ],
)
def test_bad_line_is_refused_with_its_number(tmp_path, name, text, message):
    with refused(f"{name}(, |: ){message}"):
        list(open_text(tmp_path, name, text).rows())


@pytest.mark.parametrize("name", ["a.tsv", "a-translated.txt"])
def test_bytes_that_are_no_utf8_are_refused_by_line(tmp_path, name):
    (tmp_path / name).write_bytes(b"a\n\nb\xff\n")
    with refused(rf"{name}, line 3: not UTF-8 \(byte 2"):
        list(SentenceFile([tmp_path / name], {}).rows())


def test_repeated_id_is_refused_naming_both_files(tmp_path):
    paths = [tmp_path / f"{name}.tsv" for name in "ab"]
    for path, ids in zip(paths, ("12", "324")):
        path.write_text(with_ids(ids))
    file = SentenceFile(paths, {tag: tag for tag in POS})
    message = r"b\.tsv, line 5: sent_id 2 occurs before, too \(.*a\.tsv, line 5\)"
    with refused(message):
        file.index()
    with refused(message):
        list(align(file, [], same_labels=False))


@given(
    st.lists(
        st.lists(st.sampled_from(["a", "#", "b c", "é\u00a0", '"']), min_size=1),
        min_size=1,
        max_size=6,
    )
)
def test_what_is_written_is_read(tmp_path_factory, drawn):
    folder = tmp_path_factory.mktemp("written")
    tags = itertools.cycle(POS)
    rows = [[(word, next(tags)) for word in words] for words in drawn]
    text = "\n".join("".join(f"{w}\t{t}\n" for w, t in row) for row in rows)
    want = [([w for w, _ in row], [t for _, t in row]) for row in rows]
    assert sentences(open_text(folder, "a.tsv", text)) == want


MULTICONER = """\
# id 5239d808-f300-46ea-aa3b-5093040213a3\tdomain=en
its _ _ O
leaves _ _ B-LOC

# id a8a2fd11-83ad-4c7c-99d6-0cd0b3e0cd82
# _ _ O
id _ _ O
"""


def test_multiconers_ids_are_no_words(tmp_path):
    file = open_text(tmp_path, "en-train.conll", MULTICONER, NER, chunked=True)
    assert sentences(file) == [
        (["its", "leaves"], ["O", "B-LOC"]),
        (["#", "id"], ["O", "O"]),
    ]
    assert [row.id for row in file.rows()] == [
        "5239d808-f300-46ea-aa3b-5093040213a3",
        "a8a2fd11-83ad-4c7c-99d6-0cd0b3e0cd82",
    ]
