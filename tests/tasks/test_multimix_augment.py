"""fairseq-generate --task multimix_augment, from the command to its output."""

import functools
import itertools
import json
import math
import os
import re
import shutil
import signal
import subprocess
import tracemalloc
from argparse import Namespace
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Dict, List, Optional, Sequence

import fairseq_cli.generate
import numpy as np
import pytest
from augment_data import (
    POSITIONS,
    draw_pairs,
    draw_words,
    generate_command,
    generate_in_fork,
    open_folder,
    printed,
    read_jsonl,
    read_text,
    rows_of,
    snapshot,
    text_lines,
    write_lm,
    write_pairs,
    write_sentences,
)
from bad_input import call
from fairseq.data import Dictionary
from family_data import pair_folder, question_folder, tag_folder, train
from training import ROOT, environment

from fairseq_xling.data.manifest import Manifest
from fairseq_xling.files.hashes import sha256_of
from fairseq_xling.multimix.masked_lm import MaskedLM
from fairseq_xling.multimix.store import VariantStore

BOS, EOS, UNK = 0, 2, 3
LANGS = ("en", "de", "zh")
KINDS = pytest.mark.parametrize("kind", ["pairs", "words"])


@pytest.fixture(scope="module")
def lm(spm, tmp_path_factory) -> Path:
    return write_lm(tmp_path_factory.mktemp("lm"), spm)


@pytest.fixture(scope="module")
def folders(spm, tmp_path_factory) -> Dict[str, Path]:
    """Binarized data: sentence pairs, and sentences of words."""
    folder = tmp_path_factory.mktemp("data")
    sizes = dict(zip(LANGS, (14, 12, 11)))
    pairs = {lang: draw_pairs(lang, count) for lang, count in sizes.items()}
    pairs["de"][3][0] = "der Ωmega Hund Ω"  # a letter that SentencePiece does not know
    words = {lang: draw_words(lang, count) for lang, count in sizes.items()}
    words["de"][3] = ["der", "\u200b", "Ω", "Hund"]
    return {
        "pairs": write_pairs(
            folder / "pairs", spm, {"train": pairs, "test": {"en": draw_pairs("en", 2)}}
        ),
        "words": write_sentences(
            folder / "words", spm, {"train": words, "test": {"en": draw_words("en", 2)}}
        ),
    }


def generate(data: Path, lm: Path, out: Optional[Path], *options: str, **more):
    results = [] if out is None else [f"--results-path={out}"]
    return generate_in_fork(generate_command(data, lm, *results, *options), **more)


@pytest.fixture(scope="module")
def made(folders, lm, tmp_path_factory) -> Dict[str, Path]:
    """What comes of both by the defaults."""
    outs = {kind: tmp_path_factory.mktemp("made") / kind for kind in folders}
    for kind, out in outs.items():
        generate(folders[kind], lm, out)
    return outs


def piece_ids(dictionary: Dictionary, pieces: str, is_pair: bool) -> List[int]:
    """Tokens of an H- line, with special tokens."""
    parts = pieces.split(" </s> ") if is_pair else [pieces]
    assert len(parts) == 1 + is_pair
    tokens: List[int] = []
    for part in parts:
        ids = [dictionary.index(piece) for piece in part.split()]
        tokens += [EOS if tokens else BOS, *ids, EOS]
    return tokens


def words_of(dictionary, tokens, word_starts, mask_unit) -> List[range]:
    """The positions of each word, in a sample without empty parts."""
    special = {BOS, EOS}
    starts = [
        i
        for i, token in enumerate(tokens)
        if token not in special
        and (
            mask_unit == "piece"
            or (word_starts is not None and i in word_starts)
            or (
                word_starts is None
                and (dictionary[token].startswith("▁") or tokens[i - 1] in special)
            )
        )
    ]
    words = []
    for start in starts:
        end = start + 1
        while tokens[end] not in special and end not in starts:
            end += 1
        words.append(range(start, end))
    return words


def parts_of(words: List[range], tokens, word_starts, aug_type) -> List[List[range]]:
    """The words of each part that is changed by itself."""
    if aug_type == "successive-max":
        return [words]
    if word_starts is None:
        bound = tokens.index(EOS)
    else:
        bound = word_starts[len(word_starts) // 2]
    return [[x for x in words if x[0] < bound], [x for x in words if x[0] >= bound]]


def check_results(
    data: Path,
    out: Path,
    spm,
    aug_type: str,
    factors: Sequence[int],
    percentage: float = 30,
    mask_unit: str = "word",
    langs: Sequence[str] = LANGS,
    is_unique: bool = True,
) -> None:
    """Check what was printed and written against each other and the original data."""
    dictionary = Dictionary.load(str(data / "dict.txt"))
    original = {x: y for x, y in open_folder(data).items() if x in langs}
    found = open_folder(out)
    text = read_text(printed(out))
    counts: Counter = Counter()
    first = 0
    for lang, streams in original.items():
        rows = rows_of(streams)
        starts = [None] * len(rows)
        if streams.word_starts is not None:
            starts = [row.tolist() for row in streams.word_starts]
        made = rows_of(found[lang])
        lines = read_jsonl(out / f"train.{lang}.variants.jsonl")
        assert len(lines) == len(made)
        assert [line["row"] for line in lines] == sorted(line["row"] for line in lines)
        for place, (line, new) in enumerate(zip(lines, made)):
            row = line["row"]
            old = rows[row]
            assert line["length"] == len(new) == len(old)
            changed = [i for i, pair in enumerate(zip(old, new)) if pair[0] != pair[1]]
            assert line["changed"] == changed
            assert set(changed) <= set(line["positions"])
            assert line["positions"] == sorted(set(line["positions"]))
            assert all(new[i] not in (BOS, EOS) for i in line["positions"])
            assert len(line["log_probs"]) == len(line["positions"])
            assert max(line["log_probs"], default=0) <= 0
            assert line["log_prob"] == pytest.approx(sum(line["log_probs"]), abs=1e-6)
            words = words_of(dictionary, old, starts[row], mask_unit)
            masked = 0
            for part in parts_of(words, old, starts[row], aug_type):
                hit = [x for x in part if set(x) & set(line["positions"])]
                assert all(set(x) <= set(line["positions"]) for x in hit)
                want = max(1, math.floor(len(part) * percentage / 100)) if part else 0
                assert len(hit) == want
                masked += want
            counts["masked"] += masked
            if starts[row] is not None:
                assert line["words"] == len(starts[row])
                assert found[lang].word_starts[place].tolist() == starts[row]
        for row, old in enumerate(rows):
            mine = [(x, y) for x, y in zip(lines, made) if x["row"] == row]
            counts["samples"] += 1
            counts["variants"] += len(mine)
            numbers = [tuple(x["variant"]) for x, _ in mine]
            possible = list(itertools.product(*map(range, factors)))
            assert numbers == [number for number in possible if number in numbers]
            pieces = [" ".join(map(str, tokens)) for _, tokens in mine]
            if is_unique:
                assert len({*pieces, " ".join(map(str, old))}) == len(mine) + 1
            else:
                assert len(mine) == len(possible)
            if not mine:
                assert first + row not in text
                continue
            source, hypotheses = text[first + row]
            assert source == decode(spm, dictionary, old, starts[row] is None)
            assert len(hypotheses) == len(mine)
            for hypothesis, (line, tokens) in zip(hypotheses, mine):
                is_pair = starts[row] is None
                assert piece_ids(dictionary, hypothesis.pieces, is_pair) == tokens
                assert hypothesis.text == decode(spm, dictionary, tokens, is_pair)
                assert hypothesis.score == pytest.approx(line["log_prob"] / math.log(2))
                want = np.zeros(len(tokens))
                want[line["positions"]] = line["log_probs"]
                assert hypothesis.positional == pytest.approx(
                    want / math.log(2), abs=1e-4
                )
        first += len(rows)
    assert set(text) <= set(range(first))
    manifest = Manifest.load(out)
    about = manifest.augmentation
    for name, count in counts.items():
        assert about["counts"][name] == count, name
    total = counts["samples"] * math.prod(factors)
    dropped = total - counts["variants"]
    assert about["counts"]["unchangeable"] == 0
    if is_unique:
        assert about["counts"]["duplicates"] == dropped
    settings = about["settings"]
    assert settings["aug_type"] == aug_type and settings["mask_unit"] == mask_unit
    assert settings["aug_percentage"] == percentage
    assert settings["diversification_factor"] == "x".join(map(str, factors))
    assert settings["keep_duplicates"] is not is_unique
    check_files(data, out, langs)


def decode(spm, dictionary, tokens: List[int], is_pair: bool) -> str:
    end = tokens.index(EOS)
    parts = [tokens[1:end], tokens[end + 2 : -1]] if is_pair else [tokens[1:-1]]
    pieces = [[dictionary[token] for token in part] for part in parts]
    return "\t".join(spm.processor.decode(part) for part in pieces)


def check_files(data: Path, out: Path, langs: Sequence[str]) -> None:
    """Nothing is there but the layout of binarized data, and the text."""
    before, after = Manifest.load(data), Manifest.load(out)
    for name in ("task", "labels", "source_lang", "dictionary_size", "version",
                 "dictionary_sha256", "tokenizer_sha256"):  # fmt: skip
        assert getattr(after, name) == getattr(before, name)
    assert after.languages == [x for x in before.languages if x in langs]
    has_words = "word_starts" in before.splits["train"]["en"].streams
    kinds = ["input", "word_starts"] if has_words else ["input"]
    common = ("dict.txt", "label.dict.txt", "sentencepiece.bpe.model")
    names = {"manifest.json", "generate-train.txt", *common}
    for lang, entry in after.splits["train"].items():
        assert entry.streams == kinds
        names.add(f"train.{lang}.variants.jsonl")
        names |= {f"train.{lang}.{k}.{end}" for k in kinds for end in ("bin", "idx")}
    assert {path.name for path in out.iterdir()} == names
    for name in common:
        assert (out / name).read_bytes() == (data / name).read_bytes()


COMMANDS = {
    "pairs": (pair_folder, "successive-cross", (2, 2), ("en", "de")),
    "words": (tag_folder, "successive-max", (3,), LANGS),
}


@KINDS
def test_command_on_preprocessed_data(spm, tmp_path, kind):
    """As a user runs it, with nothing but what is needed."""
    make, aug_type, factors, langs = COMMANDS[kind]
    data, out = make(tmp_path / "raw", spm), tmp_path / "out"
    lm = write_lm(tmp_path / "lm", spm, is_published=True)
    if kind == "pairs":
        done = generate(data, lm, out)
    else:  # once in a process of its own
        done = subprocess.run(
            generate_command(data, lm, f"--results-path={out}"),
            capture_output=True,
            text=True,
            env=environment(),
            cwd=ROOT,
        )
    assert done.returncode == 0, done.stderr[-4000:]
    assert not text_lines(done.stdout)
    check_results(data, out, spm, aug_type, factors, langs=langs)
    settings = Manifest.load(out).augmentation["settings"]
    expected = {
        "dictionary": sha256_of(spm.dictionary),
        "language_model": sha256_of(lm),
        "data": {f"train.{x}": sha256_of(data / f"train.{x}.input.bin") for x in langs},
        "sampling_topk": 1,
        "temperature": 1.0,
        "seed": 1,
        "precision": "fp32",
        "max_tokens": 12000,
        "batch_size": None,
        "shards": 1,
        "shard": 0,
    }
    assert {name: settings[name] for name in expected} == expected
    counts = Manifest.load(out).augmentation["counts"]
    log = done.stderr + printed(out)
    assert f"{counts['samples']} samples, {counts['variants']} variants" in log
    assert "sentences/s" in log and "output in base 2" in log


@pytest.mark.parametrize(
    "kind, aug_type, factor, percentage, unit",
    [
        ("words", "max", "1", 50, "word"),
        ("pairs", "max", "5", 50, "word"),
        ("pairs", "cross", "1x3", 50, "word"),
        ("words", "cross", "3x2", 50, "word"),
        ("pairs", "max", "3", 20, "piece"),
        ("words", "max", "3", 20, "piece"),
        ("words", "max", "3", 100, "word"),
    ],
)
def test_every_kind_of_augmentation(
    folders, lm, spm, tmp_path, kind, aug_type, factor, percentage, unit
):
    aug_type = f"successive-{aug_type}"
    options = [f"--aug-type={aug_type}", f"--diversification-factor={factor}"]
    options += [f"--aug-percentage={percentage}", f"--mask-unit={unit}"]
    generate(folders[kind], lm, tmp_path, *options, "--batch-size=8")
    factors = [int(x) for x in factor.split("x")]
    check_results(folders[kind], tmp_path, spm, aug_type, factors, percentage, unit)
    if percentage == 100:  # It sees only what it wrote.
        for line in read_jsonl(tmp_path / "train.en.variants.jsonl"):
            assert line["positions"] == list(range(1, line["length"] - 1))


@KINDS
def test_words_become_single_pieces(folders, lm, tmp_path, kind):
    generate(folders[kind], lm, tmp_path, "--mask-unit=single", "--aug-percentage=50")
    dictionary = Dictionary.load(str(folders[kind] / "dict.txt"))
    original, shorter = open_folder(folders[kind]), 0
    for lang, streams in open_folder(tmp_path).items():
        lines = read_jsonl(tmp_path / f"train.{lang}.variants.jsonl")
        for place, (line, new) in enumerate(zip(lines, rows_of(streams))):
            texts = [(original[lang], line["row"]), (streams, place)]
            old = original[lang].input[line["row"]].tolist()
            before, after = (
                words_of(
                    dictionary,
                    one.input[row].tolist(),
                    one.word_starts and one.word_starts[row].tolist(),
                    "word",
                )
                for one, row in texts
            )
            assert len(before) == len(after) and line["length"] == len(new)
            for was, word in zip(before, after):
                if word[0] in line["positions"]:
                    assert len(word) == 1
                else:
                    assert [old[i] for i in was] == [new[i] for i in word]
            shorter += len(new) < len(old)
    assert shorter


@KINDS
def test_duplicates_are_kept_on_demand(folders, lm, spm, made, tmp_path, kind):
    generate(folders[kind], lm, tmp_path, "--keep-duplicates")
    _, aug_type, factors, _ = COMMANDS[kind]
    check_results(folders[kind], tmp_path, spm, aug_type, factors, is_unique=False)
    outs = made[kind], tmp_path
    counts = [Manifest.load(out).augmentation["counts"] for out in outs]
    assert counts[0]["duplicates"] == counts[1]["duplicates"] > 0
    total = counts[0]["variants"] + counts[0]["duplicates"]
    assert counts[1]["variants"] == total == 37 * math.prod(factors)
    # What is dropped is all that differs.
    kept = [
        [
            (line["row"], line["variant"], tokens)
            for lang in LANGS
            for line, tokens in zip(
                read_jsonl(out / f"train.{lang}.variants.jsonl"),
                rows_of(open_folder(out)[lang]),
            )
        ]
        for out in outs
    ]
    assert all(one in kept[1] for one in kept[0])


def test_nothing_masked_gives_nothing_or_copies(folders, lm, tmp_path):
    generate(folders["pairs"], lm, tmp_path / "none", "--aug-percentage=0")
    assert Manifest.load(tmp_path / "none").splits == {"train": {}}
    assert text_lines(printed(tmp_path / "none")) == []
    generate(folders["pairs"], lm, tmp_path / "all", "--aug-percentage=0",
             "--keep-duplicates")  # fmt: skip
    original, copies = (open_folder(x) for x in (folders["pairs"], tmp_path / "all"))
    for lang in LANGS:
        want = [row for row in rows_of(original[lang]) for _ in range(4)]
        assert rows_of(copies[lang]) == want


@KINDS
def test_without_results_path_there_is_only_text(folders, lm, made, tmp_path, kind):
    done = generate(folders[kind], lm, None, before=lambda: os.chdir(tmp_path))
    assert text_lines(done.stdout) == text_lines(printed(made[kind]))
    assert len(text_lines(done.stdout)) > 37
    assert list(tmp_path.iterdir()) == []


def test_nbest_is_the_number_of_variants(folders, lm, made):
    texts = [
        text_lines(generate(folders["words"], lm, None, *options).stdout)
        for options in (["--nbest=1"], ["--nbest=7", "--beam=9"])
    ]
    assert texts[0] == texts[1] == text_lines(printed(made["words"]))
    assert max(Counter(x.split("\t")[0] for x in texts[0]).values()) == 3


def test_split_and_languages_are_chosen(folders, lm, spm, made, tmp_path):
    data = folders["pairs"]
    generate(data, lm, tmp_path / "two", "--langs=zh,en")
    check_results(
        data, tmp_path / "two", spm, "successive-cross", (2, 2), langs=("en", "zh")
    )
    # What is made of a sample does not depend on the other languages.
    for lang in ("en", "zh"):
        name = f"train.{lang}.input.bin"
        want = (made["pairs"] / name).read_bytes()
        assert (tmp_path / "two" / name).read_bytes() == want
    generate(data, lm, tmp_path / "test", "--gen-subset=test")
    manifest = Manifest.load(tmp_path / "test")
    assert list(manifest.splits) == ["test"] and list(manifest.splits["test"]) == ["en"]
    assert len(read_text(printed(tmp_path / "test", "test"))) == 2


SAMPLING = ["--sampling-topk=20", "--temperature=1.5"]


def test_sampling_is_set_by_the_seed(folders, lm, spm, made, tmp_path):
    settings = {
        "sampled": SAMPLING,
        "again": SAMPLING,
        "seed": [*SAMPLING, "--seed=2"],
        "hot": ["--sampling-topk=20", "--temperature=9"],
        "all": ["--sampling", "--beam=1"],
    }
    outs = {"greedy": made["pairs"], **{name: tmp_path / name for name in settings}}
    for name, options in settings.items():
        generate(folders["pairs"], lm, outs[name], *options)
    for out in outs.values():
        check_results(folders["pairs"], out, spm, "successive-cross", (2, 2))
    tokens = {x: (outs[x] / "train.en.input.bin").read_bytes() for x in outs}
    assert tokens["sampled"] == tokens.pop("again")
    assert len(set(tokens.values())) == len(tokens)
    about = {x: Manifest.load(outs[x]).augmentation["settings"] for x in tokens}
    decoding = {x: (y["sampling_topk"], y["temperature"]) for x, y in about.items()}
    assert decoding["sampled"] == (20, 1.5)
    assert decoding["greedy"] == (1, 1) and decoding["all"] == (0, 1)

    def mean(name: str) -> float:
        lines = read_jsonl(outs[name] / "train.en.variants.jsonl")
        return float(np.mean([x for line in lines for x in line["log_probs"]]))

    assert mean("greedy") > mean("sampled") > mean("hot")
    assert mean("greedy") > mean("all")


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_half_precision(folders, lm, spm, made, tmp_path, precision):
    generate(folders["pairs"], lm, tmp_path, f"--{precision}")
    check_results(folders["pairs"], tmp_path, spm, "successive-cross", (2, 2))
    settings = Manifest.load(tmp_path).augmentation["settings"]
    assert settings["precision"] == precision
    outs = made["pairs"], tmp_path
    lines = [read_jsonl(out / "train.en.variants.jsonl") for out in outs]
    scores = [
        {(line["row"], *line["variant"]): line["log_prob"] for line in one}
        for one in lines
    ]
    both = sorted(set(scores[0]) & set(scores[1]))
    values = np.array([[one[x] for x in both] for one in scores])
    assert (values[0] != values[1]).any(), "computed in single precision"
    assert np.median(np.abs(values[0] - values[1])) < 0.2


LIMITS = ("--batch-size=64", "--max-tokens=1", "--batch-size=5 --max-tokens=30")


@pytest.mark.parametrize(
    "kind, options", [("pairs", []), ("words", SAMPLING)], ids=["best", "sampled"]
)
def test_size_of_batches_does_not_matter(folders, lm, tmp_path, kind, options):
    found = []
    for limit in LIMITS:
        out = tmp_path / limit.replace(" ", "")
        generate(folders[kind], lm, out, *limit.split(), "--langs=en,zh", *options)
        files = {
            path.name: path.read_bytes()
            for path in out.iterdir()
            if path.suffix in (".bin", ".idx")
        }
        names = [f"train.{lang}.variants.jsonl" for lang in ("en", "zh")]
        lines = [line for name in names for line in read_jsonl(out / name)]
        scores = [line.pop("log_probs") for line in lines]
        sums = [line.pop("log_prob") for line in lines]
        found.append((files, lines, np.concatenate(scores), sums))
    for files, lines, scores, sums in found:
        assert files == found[0][0] and lines == found[0][1]
        # They are rounded to four digits.
        np.testing.assert_allclose(scores, found[0][2], rtol=0, atol=2e-4)
        np.testing.assert_allclose(sums, found[0][3], rtol=0, atol=2e-3)


def shard_options(count: int, number: int) -> List[str]:
    return [f"--distributed-world-size={count}", f"--distributed-rank={number}"]


@pytest.mark.parametrize("kind, shards", [("words", 2), ("pairs", 3)])
def test_shards_together_are_the_whole(folders, lm, tmp_path, kind, shards):
    limit = "--batch-size=6"
    generate(folders[kind], lm, tmp_path / "whole", limit)
    want = snapshot(tmp_path / "whole")
    outs = [tmp_path / f"shard{i}" for i in range(shards)]
    sizes = []
    for number, out in enumerate(outs):
        generate(folders[kind], lm, out, limit, *shard_options(shards, number))
        about = Manifest.load(out).augmentation
        assert about["settings"]["shards"] == shards
        assert about["settings"]["shard"] == number
        sizes.append(about["counts"]["samples"])
    assert sum(sizes) == 37 and min(sizes) > 0
    kinds = ["input.bin", "variants.jsonl"]
    kinds += ["word_starts.bin"] if kind == "words" else []
    for lang, one in itertools.product(LANGS, kinds):
        name = f"train.{lang}.{one}"
        parts = [(out / name).read_bytes() for out in outs if (out / name).exists()]
        assert b"".join(parts) == want[name]
    texts = [text_lines(printed(out)) for out in outs]
    assert sum(texts, []) == want["generate-train.txt"]
    for out in outs:
        langs = Manifest.load(out).languages
        for lang, streams in open_folder(out).items():
            lines = read_jsonl(out / f"train.{lang}.variants.jsonl")
            assert [x["length"] for x in lines] == list(map(len, rows_of(streams)))
        check_files(folders[kind], out, langs)


def test_shards_that_have_nothing_to_do_end_well(folders, lm, tmp_path):
    """Three chunks, one a language, for four shards."""
    sizes = []
    for number in range(4):
        out = tmp_path / str(number)
        generate(folders["words"], lm, out, *shard_options(4, number))
        manifest = Manifest.load(out)
        counts = manifest.augmentation["counts"]
        rows = [one.rows for one in manifest.splits["train"].values()]
        assert sum(rows) == counts["variants"]
        check_files(folders["words"], out, manifest.languages)
        assert bool(text_lines(printed(out))) == bool(manifest.languages)
        sizes.append(counts["samples"])
    assert sorted(sizes) == [0, 11, 12, 14]
    idle = shard_options(4, sizes.index(0))
    assert text_lines(generate(folders["words"], lm, None, *idle).stdout) == []
    out = tmp_path / str(sizes.index(0))
    before = snapshot(out)
    generate(folders["words"], lm, out, *idle)
    assert snapshot(out) == before


def never() -> None:
    def refuse(*args):
        raise AssertionError("the language model is asked again")

    MaskedLM.states = refuse


@KINDS
def test_finished_run_is_printed_again_without_the_model(
    folders, lm, made, tmp_path, kind
):
    out = shutil.copytree(made[kind], tmp_path / "out")
    for text in ("", None, "rubbish"):
        path = out / "generate-train.txt"
        path.unlink() if text is None else path.write_text(text)
        generate(folders[kind], lm, out, before=never)
        assert snapshot(out) == snapshot(made[kind])


def chunks_stored(out: Path) -> Optional[int]:
    """How many chunks an unfinished run has stored."""
    try:
        return json.loads((out / "unfinished/progress.json").read_text())["chunks"]
    except FileNotFoundError:
        return None


def dies_before(folder: Path, number: int, told: Optional[Path] = None):
    """Kills the process before the n-th file that comes to its place in a folder."""

    def before() -> None:
        replace, calls = os.replace, itertools.count(1)

        def counted(*names: Any) -> None:
            if folder not in Path(names[1]).parents:
                return replace(*names)
            call = next(calls)
            if call == number:
                os.kill(os.getpid(), signal.SIGKILL)
            if told is not None:
                told.write_text(str(call))
            replace(*names)

        os.replace = counted

    return before


def test_killed_again_and_again_the_next_run_ends_the_same(folders, lm, tmp_path):
    """While it starts, generates and finishes."""
    arguments = (folders["words"], lm)
    options = ["--max-tokens=20"]
    told = tmp_path / "calls"
    dies = functools.partial(dies_before, tmp_path)
    generate(*arguments, tmp_path / "whole", *options, before=dies(0, told))
    whole, last = snapshot(tmp_path / "whole"), int(told.read_text())
    assert last > 20
    seen, out = [], tmp_path / "killed"
    for number in (1, last // 3, 2, last // 2, 3):
        dying = {"check": False, "before": dies(number)}
        killed = generate(*arguments, out, *options, **dying)
        assert killed.returncode == -signal.SIGKILL, killed.stderr[-2000:]
        seen.append(chunks_stored(out))
    generate(*arguments, out, *options)
    assert snapshot(out) == whole, seen
    # The moments lie all over the run.
    assert len({x for x in seen if x}) >= 2, seen


@pytest.mark.parametrize("aug_type", ["successive-max", "successive-cross"])
def test_sentences_of_words_that_cannot_be_changed_stay(spm, lm, tmp_path, aug_type):
    """The language model reads the whole sentence, whichever half is changed."""
    sizes = [5, 0, POSITIONS - 2, POSITIONS - 1, 70, 1]
    sentences = [["the"] * size for size in sizes]
    data = write_sentences(tmp_path / "data", spm, {"train": {"en": sentences}})
    out = tmp_path / "out"
    options = [*SAMPLING, "--aug-percentage=90", "--keep-duplicates"]
    generate(data, lm, out, f"--aug-type={aug_type}", *options)
    made = rows_of(open_folder(out)["en"])
    lines = read_jsonl(out / "train.en.variants.jsonl")
    words = [row.tolist() for row in open_folder(out)["en"].word_starts]
    text = read_text(printed(out))
    for row, (size, old) in enumerate(zip(sizes, rows_of(open_folder(data)["en"]))):
        mine = [x for x in zip(lines, made, words) if x[0]["row"] == row]
        is_free = 0 < size <= POSITIONS - 2
        each = 3 if aug_type == "successive-max" else 4
        assert len(mine) == (each if is_free else 1)
        for line, tokens, starts in mine:
            assert (tokens != old) == is_free and bool(line["positions"]) == is_free
            assert starts == list(range(1, size + 1)) and line["words"] == size
        if not is_free:
            assert mine[0][0]["variant"] == mine[0][0]["changed"] == []
            assert mine[0][0]["log_prob"] == 0
            (hypothesis,) = text[row][1]
            assert hypothesis.text == text[row][0] == " ".join(sentences[row])
            assert hypothesis.score == 0 and set(hypothesis.positional) == {0}
    counts = Manifest.load(out).augmentation["counts"]
    assert counts["samples"] == len(text) == 6 and counts["unchangeable"] == 3


# What is refused of each option is tested where it is read.
REFUSED = {
    "percentage": (["--aug-percentage=101"], "--aug-percentage 101.0: .*0 to 100"),
    "factor": (
        ["--aug-type=successive-max", "--diversification-factor=2x2"],
        "--diversification-factor 2x2: successive-max .* such as 4",
    ),
    "language": (["--langs=en,xx"], "no split train in xx; it has de,en,zh"),
    "no language": (["--langs=,"], "--langs ',': give different languages"),
    "split": (["--gen-subset=valid"], "no split valid in .*; it has test, train"),
    "language of split": (["--gen-subset=test", "--langs=de"], "test in de; .* en$"),
    "temperature": (["--temperature=0"], "--temperature 0: .* above 0"),
    "nucleus": (
        ["--sampling", "--beam=1", "--sampling-topp=0.9"],
        "--sampling-topp: .*use --sampling-topk",
    ),
    "rank": (shard_options(2, 2), "--distributed-rank 2: give 0 to 1 with .*size 2"),
    "rank below 0": (shard_options(2, -1), "--distributed-rank -1: give 0 to 1"),
    "rank of one": (shard_options(1, 1), "--distributed-rank 1: give 0"),
}


def refusal(data: Path, lm: Path, out: Optional[Path], *options: str) -> str:
    """Run what must fail with one line; return the line."""
    results = [] if out is None else [f"--results-path={out}"]
    arguments = generate_command(data, lm, *results, *options, "--num-workers=0")
    done = call(fairseq_cli.generate.cli_main, arguments)
    assert done.status == 1, done.stderr[-2000:]
    assert "Traceback" not in done.stderr
    errors = [x for x in done.stderr.splitlines() if x.startswith("error: ")]
    assert errors == done.stderr.splitlines()[-1:]
    return errors[0]


@pytest.mark.parametrize("name", REFUSED)
def test_wrong_option_is_refused(folders, lm, tmp_path, name):
    options, message = REFUSED[name]
    assert re.search(message, refusal(folders["pairs"], lm, tmp_path, *options))
    assert not (tmp_path / "unfinished").exists()
    assert not (tmp_path / "manifest.json").exists()


@pytest.mark.parametrize("option", ["--aug-type=both", "--mask-unit=letter"])
def test_unknown_choice_is_refused(folders, lm, tmp_path, option):
    done = generate(folders["pairs"], lm, tmp_path, option, check=False)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    last = done.stderr.strip().splitlines()[-1]
    name, value = option.split("=")
    assert re.search(f"error: argument {name}: invalid choice: '{value}'", last)


def test_wrong_language_model_is_refused(folders, lm, spm, tmp_path):
    data = folders["pairs"]
    pieces = Path(spm.dictionary).read_text(encoding="utf-8").splitlines(True)

    def refused(path, *options: str) -> str:
        message = refusal(data, path, tmp_path / "out", *options)
        assert not (tmp_path / "out" / "unfinished").exists()
        return message

    path = tmp_path / "more.txt"
    path.write_text("".join([*pieces, "extra 1\n"]), encoding="utf-8")
    other = SimpleNamespace(dictionary=str(path), model=spm.model)
    more = write_lm(tmp_path / "more", other)
    message = refused(more)
    assert f"{more.parent / 'dict.txt'}: not the dictionary" in message
    assert "run preprocessing" in message
    (more.parent / "dict.txt").unlink()
    size = len(pieces) + 5
    assert f"--path {more}: has {size + 1} tokens, the data {size}; " in refused(more)
    missing = tmp_path / "missing" / "model.pt"
    assert f"--path {missing}: not found" in refused(missing)
    assert f"--path {missing}: not found" in refused(f"{lm}:{missing}")
    assert f"--path {lm}:{lm}: give one language model" in refused(f"{lm}:{lm}")
    broken = tmp_path / "broken.pt"
    broken.write_bytes(lm.read_bytes()[:1000])
    assert f"{broken}: not a fairseq checkpoint, or cut short" in refused(broken)


def test_fine_tuned_checkpoint_is_refused(spm, tmp_path):
    data = pair_folder(tmp_path / "raw", spm)
    train("xmixup_xnli", data, tmp_path / "tuned", "--max-update=1")
    path = tmp_path / "tuned" / "checkpoint_last.pt"
    message = refusal(data, path, None)
    assert f"--path {path}: fine-tuned on xnli; give the masked language" in message


def test_model_that_fills_no_masks_is_refused(folders, spm, tmp_path):
    def change(state) -> None:
        state["args"], state["cfg"] = Namespace(**LEFT_TO_RIGHT), None

    path = write_lm(tmp_path / "lm", spm, change=change)
    message = refusal(folders["pairs"], path, None)
    assert f"--path {path}: a TransformerLanguageModel; give a masked" in message


LEFT_TO_RIGHT = {
    "arch": "transformer_lm",
    "task": "language_modeling",
    "decoder_layers": 1,
    "decoder_embed_dim": 8,
    "decoder_ffn_embed_dim": 8,
    "decoder_attention_heads": 1,
    "tokens_per_sample": 40,
}


def test_questions_are_refused(spm, lm, tmp_path):
    data = question_folder(tmp_path / "raw", spm)
    message = refusal(data, lm, None)
    assert f"{data}: holds xquad data; only sentence pairs and tagged" in message


def test_missing_data_are_refused(lm, tmp_path):
    message = refusal(tmp_path / "nowhere", lm, None)
    assert "nowhere/manifest.json: not found; give a folder" in message


def test_folder_of_another_run_is_refused(folders, lm, spm, made, tmp_path):
    """Every option that the output depends on, in an unfinished and a finished run."""
    options = {
        "aug_type": ["--aug-type=successive-max"],
        "aug_percentage": ["--aug-percentage=31"],
        "diversification_factor": ["--diversification-factor=2x3"],
        "mask_unit": ["--mask-unit=piece"],
        "seed": ["--seed=5"],
        "keep_duplicates": ["--keep-duplicates"],
        "sampling_topk": ["--sampling-topk=5"],
        "temperature": ["--sampling-topk=1", "--temperature=2"],
        "precision": ["--bf16"],
        "max_tokens": ["--max-tokens=30"],
        "max_tokens 12000, now None": ["--batch-size=5"],
        "batch_size": ["--batch-size=5", "--max-tokens=12000"],
        "shards": ["--distributed-world-size=2"],
        "data": ["--langs=en,de"],
    }
    data, out = folders["pairs"], shutil.copytree(made["pairs"], tmp_path / "finished")
    unfinished = tmp_path / "other"
    unfinished.mkdir()
    settings = Manifest.load(out).augmentation["settings"]
    state = {"settings": settings, "counts": {}, "chunks": 0, "sizes": {}}
    (unfinished / "unfinished").mkdir()
    (unfinished / "unfinished/progress.json").write_text(json.dumps(state))
    for turn, (name, option) in enumerate(options.items()):
        folder = (out, unfinished)[turn % 2]
        before = {x: y for x, y in snapshot(folder).items() if "generate" not in x}
        message = refusal(data, lm, folder, *option)
        assert f"{folder}: holds another run's output ({name}" in message
        assert "give another --results-path, or remove the folder" in message
        after = {x: y for x, y in snapshot(folder).items() if "generate" not in x}
        assert before == after
    other = write_lm(tmp_path / "lm", spm, seed=1)
    assert "another run's output (language_model" in refusal(data, other, unfinished)
    words = folders["words"]
    assert "another run's output (data" in refusal(words, lm, unfinished)


def test_virtual_samples_can_be_augmented_again(folders, lm, spm, tmp_path):
    """The output is binarized data like any other."""
    generate(folders["words"], lm, tmp_path / "once", "--diversification-factor=1")
    generate(tmp_path / "once", lm, tmp_path / "twice")
    check_results(tmp_path / "once", tmp_path / "twice", spm, "successive-max", [3])


def test_user_dir_is_not_needed_when_already_imported(folders, lm):
    arguments = generate_command(folders["words"], lm, "--langs=zh")
    arguments = [x for x in arguments if not x.startswith("--user-dir")]
    text = generate_in_fork(arguments).stdout
    want = generate(folders["words"], lm, None, "--langs=zh").stdout
    assert text_lines(text) == text_lines(want) != []


CHUNKS, ROWS = 8, 32


def tell_growth() -> None:
    """Print by how many bytes the peak of memory rises after the second chunk."""
    main, write = fairseq_cli.generate.main, VariantStore.write
    peaks: List[int] = []

    def write_and_measure(*args) -> None:
        write(*args)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.start()

    def main_and_growth(args) -> None:
        main(args)
        print("growth", tracemalloc.get_traced_memory()[1] - peaks[1])

    VariantStore.write = write_and_measure
    fairseq_cli.generate.main = main_and_growth


def test_memory_does_not_grow_with_the_number_of_samples(spm, lm, tmp_path):
    data, rows = tmp_path / "data", CHUNKS * ROWS
    write_pairs(data, spm, {"train": {"en": draw_pairs("en", rows)}})
    options = ["--keep-duplicates", f"--batch-size={ROWS}", "--aug-percentage=10"]
    out = tmp_path / "out"
    done = generate(data, lm, out, *options, "--quiet", before=tell_growth)
    variants = Manifest.load(out).splits["train"]["en"].rows
    assert variants == 4 * rows
    growth = int(re.search(r"growth (\d+)", done.stdout).group(1))
    # A variant in memory has some thousands of bytes; indexes need eight a row.
    assert growth < 300 * variants
