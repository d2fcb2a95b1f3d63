"""Raw tagged sentences to binarized data: every stream, pairing, and bad input."""

import random

import binarized
import pytest
from binarized import check_refused, digest, naive_words, spoilt, stream
from raw_data import WORDS, row_file
from raw_tags import write_tags
from refusals import refused

from fairseq_xling.data.labels import LABELS
from fairseq_xling.families.tagging.raw import split_words

TRAINED, BACK = row_file("train", "de"), row_file("train", "de", "en")


def preprocess(raw, spm, destdir, *options, task="udpos"):
    return binarized.preprocess(task, raw, spm, destdir, *options)


def check_words(spm, folder, split, lang, sentences, names=("input", "word_starts")):
    want = [naive_words(spm, words) for words in sentences]
    for position, name in enumerate(names):
        got = stream(folder, split, lang, name)
        assert got == [both[position] for both in want], (split, lang, name)


def check_tags(folder, split, lang, sentences, tags=LABELS["udpos"], name="tags"):
    want = [[4 + tags.index(tag) for tag in row] for row in sentences]
    assert stream(folder, split, lang, name) == want, (split, lang, name)


def draw(generator, lang, count, tags=LABELS["udpos"]):
    """Sentences as lists of words with tags."""
    return [
        [
            (generator.choice(WORDS[lang]), generator.choice(tags))
            for _ in range(generator.randint(1, 6))
        ]
        for _ in range(count)
    ]


def words_of(sentences):
    return [[word for word, _ in row] for row in sentences]


def tags_of(sentences):
    return [[tag for _, tag in row] for row in sentences]


@pytest.fixture
def data():
    """English train, dev, test; German with everything; Chinese without dev."""
    generator = random.Random(4)
    sizes = {"train": 30, "dev": 8, "test": 9}
    drawn = {(s, "en"): draw(generator, "en", n) for s, n in sizes.items()}
    for lang in ("de", "zh"):
        for split, size in sizes.items():
            drawn[split, lang] = draw(generator, lang, size)
            drawn[split, lang, "en"] = draw(generator, "en", size)
    return drawn


@pytest.fixture
def raw(tmp_path, data):
    for key, rows in data.items():
        if key[:2] != ("dev", "zh"):
            tagged = key[1:] == ("en",) or key[0] != "train" and len(key) == 2
            write_tags(tmp_path / "raw" / row_file(*key), rows, tagged=tagged)
    return tmp_path / "raw"


SOURCE = ("source", "source_word_starts")


def test_every_stream_is_that_of_a_loop_over_words(raw, data, spm, tmp_path):
    folder = tmp_path / "bin"
    manifest = preprocess(raw, spm, folder)
    assert manifest.task == "udpos" and manifest.labels == list(LABELS["udpos"])
    assert manifest.languages == ["en", "de", "zh"]
    for split, kind in (("train", "train"), ("valid", "dev"), ("test", "test")):
        check_words(spm, folder, split, "en", words_of(data[kind, "en"]))
        check_tags(folder, split, "en", tags_of(data[kind, "en"]))
        entry = manifest.splits[split]["en"]
        assert entry.rows == len(data[kind, "en"])
        assert entry.streams == ["input", "word_starts", "tags"]
    for lang in ("de", "zh"):
        english = data["train", "en"]
        check_words(spm, folder, "train", lang, words_of(data["train", lang]))
        check_words(spm, folder, "train", lang, words_of(english), SOURCE)
        check_tags(folder, "train", lang, tags_of(english), name="source_tags")
        back = words_of(data["train", lang, "en"])
        check_words(spm, folder, "train", lang, back, ["backtranslation"])
        assert manifest.splits["train"][lang].streams == [
            *("input", "word_starts", "source"),
            *("source_word_starts", "source_tags", "backtranslation"),
        ]
        for split, kind in (("valid", "dev"), ("test", "test")):
            if (split, lang) == ("valid", "zh"):
                assert lang not in manifest.splits[split]
                continue
            check_words(spm, folder, split, lang, words_of(data[kind, lang]))
            check_tags(folder, split, lang, tags_of(data[kind, lang]))
            translated = words_of(data[kind, lang, "en"])
            check_words(spm, folder, split, lang, translated, ["source"])
            streams = ["input", "word_starts", "tags", "source"]
            assert manifest.splits[split][lang].streams == streams


def test_result_does_not_depend_on_workers_or_chunks(raw, spm, tmp_path, monkeypatch):
    preprocess(raw, spm, tmp_path / "one", "--workers=1")
    monkeypatch.setattr("fairseq_xling.preprocessing.binarize.CHUNK_ROWS", 7)
    preprocess(raw, spm, tmp_path / "four", "--workers=4")
    assert digest(tmp_path / "one") == digest(tmp_path / "four")


def test_sentences_with_ids_are_paired_by_id_not_by_place(raw, data, spm, tmp_path):
    english = data["train", "en"]
    write_tags(raw / "train-en.tsv", english, ids=[f"s{i}" for i in range(30)])
    order = list(range(30))
    random.Random(2).shuffle(order)
    ids = ["nobody" if i == 11 else f"s{i}" for i in order[:25]]
    german = data["train", "de"][:25]
    write_tags(raw / TRAINED, german, ids, tagged=False)
    # The back-translation has ids in another order, and lacks some.
    back = data["train", "de", "en"][:20]
    back_ids = [f"s{i}" for i in range(20)]
    write_tags(raw / BACK, back[::-1], back_ids[::-1], tagged=False)
    folder = tmp_path / "bin"
    preprocess(raw, spm, folder, "--target-langs=de")
    place = {f"s{i}": i for i in range(30)}
    source = [english[place[i]] if i in place else [] for i in ids]
    check_words(spm, folder, "train", "de", words_of(german))
    check_words(spm, folder, "train", "de", words_of(source), SOURCE)
    check_tags(folder, "train", "de", tags_of(source), name="source_tags")
    found = [back[place[i]] if place.get(i, 99) < 20 else [] for i in ids]
    assert [] in found and len([row for row in found if row]) > 5
    check_words(spm, folder, "train", "de", words_of(found), ["backtranslation"])


def test_sentences_are_paired_by_place_where_only_one_file_has_ids(
    raw, data, spm, tmp_path
):
    preprocess(raw, spm, tmp_path / "plain")
    write_tags(raw / "train-en.tsv", data["train", "en"], ids=range(30))
    preprocess(raw, spm, tmp_path / "ids")
    assert digest(tmp_path / "plain") == digest(tmp_path / "ids")


def test_running_text_is_split_and_its_empty_lines_are_no_translations(
    raw, data, spm, tmp_path, capfd
):
    folder = tmp_path / "bin"
    paths = [raw / row_file("train", "zh", *back) for back in ([], ["en"])]
    for path in paths:
        path.unlink()
    chinese = ["".join(word for word, _ in row) + "。" for row in data["train", "zh"]]
    chinese[3] = chinese[29] = ""
    back = [" ".join(words) + "." for words in words_of(data["train", "zh", "en"])]
    back[5] = ""
    for path, lines in zip(paths, (chinese, back)):
        text = "".join(line + "\n" for line in lines)
        path.with_suffix(".txt").write_text(text, encoding="utf-8")
    manifest = preprocess(raw, spm, folder)
    assert manifest.splits["train"]["zh"].rows == 28
    kept = [i for i in range(30) if i not in (3, 29)]
    # Every Chinese character is a word by itself, as is the full stop.
    check_words(spm, folder, "train", "zh", [list(chinese[i]) for i in kept])
    english = data["train", "en"]
    check_words(
        spm, folder, "train", "zh", words_of([english[i] for i in kept]), SOURCE
    )
    back = [back[i].rstrip(".").split() + ["."] if back[i] else [] for i in kept]
    check_words(spm, folder, "train", "zh", back, ["backtranslation"])
    log = capfd.readouterr().err
    assert "train.zh: 28 rows, 2 without a translation, left out" in log
    assert "1 without backtranslation" in log


def test_conllu_treebanks_of_a_language_are_joined(raw, data, spm, tmp_path):
    english, german = data["train", "en"], data["test", "de"]
    preprocess(raw, spm, tmp_path / "plain")

    def conllu(path, sentences, prefix):
        path.parent.mkdir(parents=True, exist_ok=True)
        text = ""
        for i, row in enumerate(sentences):
            text += f"# sent_id = {prefix}-{i}\n# text = x\n1-2\tab{'	_' * 8}\n"
            for number, (word, tag) in enumerate(row, 1):
                text += f"{number}\t{word}\tlemma\t{tag}{'	_' * 6}\n"
            text += f"9.1\tempty\t_\tNOUN{'	_' * 6}\n\n"
        path.write_text(text, encoding="utf-8")

    (raw / "train-en.tsv").unlink()
    conllu(raw / "UD_English-A/en_a-ud-train.conllu", english[:12], "a")
    conllu(raw / "UD_English-B/en_b-ud-train.conllu", english[12:], "b")
    (raw / "test-de.tsv").unlink()
    conllu(raw / "de_gsd-ud-test.conllu", german, "g")
    preprocess(raw, spm, tmp_path / "treebanks")
    assert digest(tmp_path / "plain") == digest(tmp_path / "treebanks")


def test_withheld_words_are_left_out_and_counted(raw, data, spm, tmp_path, capfd):
    withheld = [("_", "NOUN")] * 3
    write_tags(raw / "test-de.tsv", [withheld, *data["test", "de"]])
    write_tags(raw / "test-zh.tsv", [withheld, [("a", "NOUN"), *withheld]])
    write_tags(raw / "train-zh.tsv", [withheld])
    for split, lang in (("dev", "de"), ("test", "de"), ("test", "zh"), ("train", "zh")):
        (raw / row_file(split, lang, "en")).unlink()
    (raw / row_file("train", "zh")).unlink()
    manifest = preprocess(raw, spm, tmp_path / "bin")
    assert manifest.splits["test"]["de"].rows == 9
    check_words(spm, tmp_path / "bin", "test", "de", words_of(data["test", "de"]))
    check_tags(tmp_path / "bin", "test", "de", tags_of(data["test", "de"]))
    # Of Chinese nothing is left.
    assert manifest.languages == ["en", "de"] and "zh" not in manifest.splits["test"]
    assert not list((tmp_path / "bin").glob("*.zh.*"))
    log = capfd.readouterr().err
    assert "test.de: 9 rows, 1 with withheld words (_), left out" in log
    assert "test.zh: 0 rows, 2 with withheld words (_), left out" in log
    write_tags(raw / "train-en.tsv", [withheld])
    with refused("train-en.tsv: has no words, all are wit"):
        preprocess(raw, spm, tmp_path / "other", "--target-langs=de")


def test_labelled_target_sentences_become_the_supervised_split(
    raw, data, spm, tmp_path
):
    write_tags(raw / "train-de.tsv", data["test", "de"])
    manifest = preprocess(raw, spm, tmp_path / "bin")
    assert manifest.splits["supervised"]["de"].rows == 9
    check_words(spm, tmp_path / "bin", "supervised", "de", words_of(data["test", "de"]))
    check_tags(tmp_path / "bin", "supervised", "de", tags_of(data["test", "de"]))


def test_test_sentences_without_tags_have_no_stream_of_them(raw, data, spm, tmp_path):
    write_tags(raw / "test-de.tsv", data["test", "de"], tagged=False)
    manifest = preprocess(raw, spm, tmp_path / "bin")
    assert manifest.splits["test"]["de"].streams == ["input", "word_starts", "source"]


def test_word_of_which_nothing_is_left_keeps_its_tag(raw, data, spm, tmp_path):
    row = [("the", "DET"), ("\u200b", "SYM"), ("#", "SYM"), ("a\u00a0b c", "NUM")]
    write_tags(raw / "train-en.tsv", [*data["train", "en"][:-1], row])
    preprocess(raw, spm, tmp_path / "bin")
    sentences = words_of([*data["train", "en"][:-1], row])
    check_words(spm, tmp_path / "bin", "train", "en", sentences)
    assert stream(tmp_path / "bin", "train", "en", "tags")[-1] == [
        4 + LABELS["udpos"].index(tag) for _, tag in row
    ]


def panx_streams(folder, split="train", lang="en"):
    return [stream(folder, split, lang, name) for name in ("input", "tags")]


def test_panx_reads_wikiann_conll_and_masakhaner_alike(spm, tmp_path):
    rows = [
        [("the", "O"), ("dog", "B-PER"), ("house", "I-PER"), ("in", "B-LOC")],
        [("red", "B-ORG"), ("green", "B-ORG"), ("cat", "O")],
    ]
    iob1 = [["O", "I-PER", "I-PER", "I-LOC"], ["I-ORG", "B-ORG", "O"]]
    files = {
        "train-en.tsv": [[f"{w}\t{t}" for w, t in row] for row in rows],
        "en-train": [[f"en:{w}\t{t}" for w, t in row] for row in rows],
        "en/train.txt": [[f"{w} {t}" for w, t in row] for row in rows],
        "en.train": [
            [f"{w} NN I-NP {t}" for (w, _), t in zip(row, tags)]
            for row, tags in zip(rows, iob1)
        ],
    }
    want = None
    for number, (name, blocks) in enumerate(files.items()):
        path = tmp_path / f"raw{number}" / name
        path.parent.mkdir(parents=True)
        if name == "en.train":
            blocks = [["-DOCSTART- -X- O O"], *blocks]
        path.write_text("\n\n".join("\n".join(block) for block in blocks) + "\n")
        folder = tmp_path / f"bin{number}"
        preprocess(tmp_path / f"raw{number}", spm, folder, task="panx")
        found = panx_streams(folder)
        want = want or found
        assert found == want, name
    check_words(spm, tmp_path / "bin0", "train", "en", words_of(rows))
    check_tags(tmp_path / "bin0", "train", "en", tags_of(rows), LABELS["panx"])


def test_labels_are_mapped_and_given(spm, tmp_path):
    rows = [[("the", "B-PERSON"), ("dog", "I-PERSON"), ("red", "B-DATE"), ("cat", "O")]]
    rows += [[("in", "I-DATE"), ("big", "B-LOC")]]
    raw = tmp_path / "raw"
    write_tags(raw / "train-en.tsv", rows)
    options = ["--map-label=DATE=O", "--map-label=PERSON=PER"]
    preprocess(raw, spm, tmp_path / "mapped", *options, task="panx")
    want = [["B-PER", "I-PER", "O", "O"], ["O", "B-LOC"]]
    check_tags(tmp_path / "mapped", "train", "en", want, LABELS["panx"])
    preprocess(raw, spm, tmp_path / "less", *options, "--map-label=LOC=O", task="panx")
    want[1][1] = "O"
    check_tags(tmp_path / "less", "train", "en", want, LABELS["panx"])
    tags = ["O", "B-PERSON", "I-PERSON", "B-DATE", "I-DATE", "B-LOC"]
    option = f"--labels={','.join(tags)}"
    manifest = preprocess(raw, spm, tmp_path / "given", option, task="panx")
    assert manifest.labels == tags
    check_tags(tmp_path / "given", "train", "en", tags_of(rows), tags)
    lines = (tmp_path / "given/label.dict.txt").read_text().splitlines()
    assert [line.split()[0] for line in lines] == tags


def replace_line(number, line):
    def spoil(path):
        lines = path.read_text(encoding="utf-8").split("\n")
        lines[number - 1] = line
        path.write_text("\n".join(lines), encoding="utf-8")

    return spoil


def replace_first_sentence(text):
    def spoil(path):
        blocks = path.read_text(encoding="utf-8").split("\n\n")
        path.write_text("\n\n".join([text, *blocks[1:]]), encoding="utf-8")

    return spoil


def change(old, new, count=-1):
    return lambda path: path.write_bytes(path.read_bytes().replace(old, new, count))


def drop_last_sentence(path):
    text = path.read_text(encoding="utf-8")
    path.write_text(text[: text.rindex("\n\n", 0, -2) + 2], encoding="utf-8")


def give_ids(*ids):
    """Ids of the first sentences; None leaves one without."""

    def spoil(path):
        blocks = path.read_text(encoding="utf-8").split("\n\n")
        for i in range(len(blocks) - 1):
            name = ids[i] if i < len(ids) else f"s{i}"
            if name is not None:
                blocks[i] = f"# sent_id = {name}\n{blocks[i]}"
        path.write_text("\n\n".join(blocks), encoding="utf-8")

    return spoil


def append(text):
    return lambda path: path.write_bytes(path.read_bytes() + text.encode("utf-8"))


# Of each file some; all that may be wrong in one is tested where files are read.
NO_WORD = r", line \d+: no word of this sentence has a visible .*remove"
SPOILT = {
    "train-en.tsv": [
        (
            replace_line(1, "dog\tNOUNS"),
            ", line 1: unknown tag 'NOUNS'; the tags are ADJ.*--map-label",
        ),
        (lambda p: p.unlink(), ": not found; it must"),
        (lambda p: p.write_bytes(b"a\nb\n"), ": has no labels, which training needs"),
    ],
    "dev-en.tsv": [
        (replace_line(1, "\tNOUN"), ", line 1: no word; give it one, or remove the li"),
    ],
    "dev-de.tsv": [
        (
            give_ids("a", "b", "a"),
            r", line \d+: sent_id a occurs before, too \(.*line 1\); give",
        ),
        (
            lambda p: p.write_bytes(b"\n\n"),
            ": has no sentences; give it some, or remove it",
        ),
    ],
    "test-de.tsv": [
        (replace_first_sentence("\u200b\tSYM\n\u200b\tSYM"), NO_WORD),
        (
            change(b"\n", b"\xff\n", 1),
            r", line 1: not UTF-8 \(byte \d+ of the line\); convert",
        ),
    ],
    TRAINED: [
        (append("a\tNOUN\n"), r", line \d+: 2 columns, but 1 are .*complete the line"),
        (
            drop_last_sentence,
            "train-en.tsv: 30 rows, but .*en-de-translated.tsv has 29; .*same number",
        ),
    ],
    BACK: [
        (replace_first_sentence("\u200b"), NO_WORD),
        (drop_last_sentence, ": 29 rows, but .*en-de-translated.tsv has 30"),
    ],
    row_file("test", "de", "en"): [
        (append("more\n"), ": 10 rows, but .*test-de.tsv has 9"),
    ],
}


@pytest.mark.parametrize("file, spoil, message", spoilt(SPOILT))
def test_bad_input_is_one_line_and_leaves_nothing(
    raw, spm, tmp_path, file, spoil, message
):
    spoil(raw / file)
    check_refused("udpos", raw, spm, tmp_path, message)


@pytest.mark.parametrize(
    "ids, others, message",
    [
        ("ab", "abb", r"en-de-translated.tsv, line \d+: sent_id b o"),
        (
            [f"a{i}" for i in range(30)],
            [f"b{i}" for i in range(30)],
            "train-en.tsv: none of the ids of .*en-de-tr",
        ),
    ],
)
def test_ids_that_do_not_pair_are_refused(raw, spm, tmp_path, ids, others, message):
    give_ids(*ids)(raw / "train-en.tsv")
    give_ids(*others)(raw / TRAINED)
    with refused(message):
        preprocess(raw, spm, tmp_path / "bin")


@pytest.mark.parametrize(
    "option, message",
    [
        ("--map-label=DATE", r"--map-label DATE: give it as FROM=TO, such as DATE=O"),
        ("--map-label==O", r"--map-label =O: give it as FROM=TO"),
        ("--map-label=DATE=", r"--map-label DATE=: give it as FROM=TO"),
        (
            "--map-label=DATE=TIME",
            r"--map-label DATE=TIME: TIME is not among the tags \(B-LOC.*--labels",
        ),
        ("--labels=O,,B-X", r"--labels O,,B-X: give each tag once, none empty"),
        ("--labels=O,B-X,O", r"--labels O,B-X,O: give each tag once, none empty"),
        ("--labels=", r"--labels : give each tag once, none empty"),
        (
            "--labels=O,B-X",
            r"train-en.tsv, line 1: unknown tag .*; the tags are O, B-X",
        ),
    ],
)
def test_wrong_option_is_one_line_and_leaves_nothing(spm, tmp_path, option, message):
    write_tags(tmp_path / "raw/train-en.tsv", [[("the", "B-LOC"), ("dog", "O")]])
    check_refused("panx", tmp_path / "raw", spm, tmp_path, message, option)


def test_words_of_running_text_are_those_of_its_splitter(raw, spm, tmp_path):
    path = raw / "translate-test/test-de-en-translated"
    lines = [f'the "dog", no. {i}?' for i in range(9)]
    path.with_suffix(".tsv").unlink()
    (raw / f"{path}.txt").write_text("\n".join(lines))
    preprocess(raw, spm, tmp_path / "bin")
    sentences = [split_words(line) for line in lines]
    check_words(spm, tmp_path / "bin", "test", "de", sentences, ["source"])


@pytest.mark.parametrize("task", ["udpos", "panx"])
def test_folders_by_language_are_read(spm, tmp_path, task):
    generator = random.Random(4)
    raw = tmp_path / "raw"
    for lang in ("en", "de"):
        for split in ("train", "dev", "test"):
            rows = draw(generator, lang, 3, LABELS[task])
            if task == "panx":
                rows = [[(word, "O") for word, _ in row] for row in rows]
            write_tags(raw / lang / f"{split}.tsv", rows)
    manifest = preprocess(raw, spm, tmp_path / "bin", task=task)
    held = {split: sorted(entries) for split, entries in manifest.splits.items()}
    both = ["de", "en"]
    assert held == {"train": ["en"], "supervised": ["de"], "valid": both, "test": both}
