"""Small data and a random language model for ``multimix_augment``, and its command."""

import json
import random
import re
import warnings
from argparse import Namespace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np
import torch
from fairseq.data import Dictionary
from fairseq.dataclass.utils import convert_namespace_to_omegaconf
from fairseq.models.roberta import RobertaModel
from forked import call
from omegaconf import OmegaConf
from raw_data import WORDS, sentence
from small_model import checkpoint
from training import ROOT, command

from fairseq_xling.data.binarize import StreamWriter, TextEncoder
from fairseq_xling.data.dictionaries import load_dictionary
from fairseq_xling.data.manifest import Manifest, SplitEntry, stream_prefix
from fairseq_xling.data.streams import Streams, open_streams
from fairseq_xling.data.tokenizers import SENTENCEPIECE_NAME
from fairseq_xling.files.hashes import sha256_of
from fairseq_xling.multimix.parts import Filled, Sample
from fairseq_xling.multimix.variants import Variant
from fairseq_xling.version import __version__

COMMON_FILES = ("dict.txt", "label.dict.txt", SENTENCEPIECE_NAME)

POSITIONS = 40


def build_lm(dictionary: Dictionary, seed: int = 0, **options: Any) -> Tuple[Any, Any]:
    """A random masked language model whose predictions are far apart.

    Returns:
        its options, and the model.
    """
    shape = {
        "encoder_layers": 2,
        "encoder_embed_dim": 16,
        "encoder_ffn_embed_dim": 24,
        "encoder_attention_heads": 2,
        "max_positions": POSITIONS,
        **options,
    }
    args = Namespace(**shape, arch="roberta_base", task="masked_lm")
    task = SimpleNamespace(source_dictionary=dictionary)
    torch.manual_seed(seed)
    model = RobertaModel.build_model(Namespace(**vars(args)), task)
    for parameter in model.parameters():
        parameter.data.add_(0.5 * torch.randn_like(parameter))
    return args, model


def write_lm(
    folder: Path,
    spm,
    seed: int = 0,
    is_published: bool = False,
    change: Callable[[Dict[str, Any]], None] = lambda state: None,
    **options: Any,
) -> Path:
    """A folder as fairseq's XLM-R downloads unpack, with random weights.

    Args:
        is_published: keep the options as the published checkpoints do; otherwise as
            fairseq-train writes them, which is faster to load.
        change: what to change of the checkpoint before it is saved.

    Returns:
        its checkpoint.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "dict.txt").write_bytes(Path(spm.dictionary).read_bytes())
    (folder / SENTENCEPIECE_NAME).write_bytes(Path(spm.model).read_bytes())
    args, model = build_lm(load_dictionary(spm.dictionary), seed, **options)
    state = checkpoint(args, model.state_dict())
    if not is_published:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # hydra's, of its own old names
            cfg = convert_namespace_to_omegaconf(args)
        state["cfg"] = OmegaConf.to_container(cfg, resolve=True, enum_to_str=True)
        state["args"] = None
    change(state)
    torch.save(state, folder / "model.pt")
    with torch.no_grad():
        # Imports what torch needs for padding, once for all forks.
        model.eval()(torch.tensor([[0, 4, 2, 1], [0, 4, 4, 2]]))
    return folder / "model.pt"


Splits = Dict[str, Dict[str, Sequence[Sequence[str]]]]
# Tokens of all rows, and each row's length.
Stream = Tuple[np.ndarray, np.ndarray]


def _write_data(
    folder: Path,
    spm,
    task: str,
    labels: Sequence[str],
    splits: Splits,
    streams_of: Callable[[TextEncoder, Any], Dict[str, Stream]],
) -> Path:
    folder.mkdir(parents=True)
    (folder / "dict.txt").write_bytes(Path(spm.dictionary).read_bytes())
    (folder / SENTENCEPIECE_NAME).write_bytes(Path(spm.model).read_bytes())
    classes = Dictionary()
    for label in labels:
        classes.add_symbol(label)
    classes.save(str(folder / "label.dict.txt"))
    dictionary = load_dictionary(spm.dictionary)
    encoder = TextEncoder(spm.model, dictionary)
    entries: Dict[str, Dict[str, SplitEntry]] = {}
    for split, languages in splits.items():
        entries[split] = {}
        for lang, rows in languages.items():
            streams = streams_of(encoder, rows)
            for name, (tokens, lengths) in streams.items():
                symbols = len(dictionary) if name == "input" else 100
                prefix = stream_prefix(folder, split, lang, name)
                writer = StreamWriter(prefix, symbols)
                writer.write(tokens, lengths)
                writer.close()
            entries[split][lang] = SplitEntry(len(rows), list(streams))
    Manifest(
        task=task,
        source_lang="en",
        languages=list(next(iter(splits.values()))),
        labels=list(labels),
        splits=entries,
        dictionary_size=len(dictionary),
        dictionary_sha256=sha256_of(spm.dictionary),
        tokenizer_sha256=sha256_of(spm.model),
        version=__version__,
    ).save(folder)
    return folder


def write_pairs(folder: Path, spm, splits: Splits) -> Path:
    """Binarize sentence pairs: for every split and language, its pairs of texts."""

    def streams_of(encoder: TextEncoder, pairs: Any) -> Dict[str, Stream]:
        # Two of three the same: models that learn little agree on that.
        label = np.arange(len(pairs)) % 3 // 2 + 4
        ones = np.ones(len(pairs), np.int64)
        return {"input": encoder.pairs(pairs), "label": (label, ones)}

    return _write_data(folder, spm, "xnli", ["no", "yes"], splits, streams_of)


def write_sentences(folder: Path, spm, splits: Splits) -> Path:
    """Binarize tagged sentences: for every split and language, lists of words."""

    def streams_of(encoder: TextEncoder, sentences: Any) -> Dict[str, Stream]:
        tokens, starts = encoder.words([list(words) for words in sentences])
        tags = np.arange(starts.lengths.sum()) % 2 + 4
        streams = {"input": tokens, "word_starts": starts}
        return {**streams, "tags": (tags, starts.lengths)}

    return _write_data(folder, spm, "panx", ["O", "B-PER"], splits, streams_of)


def generate_command(data: Path, lm: Path, *options: str) -> List[str]:
    """The command of the README, without ``--results-path``."""
    return [
        command("fairseq-generate"),
        str(data),
        f"--user-dir={ROOT / 'fairseq_xling'}",
        "--task=multimix_augment",
        f"--path={lm}",
        "--gen-subset=train",
        "--cpu",
        *options,
    ]


def generate_in_fork(
    arguments: Sequence[str],
    check: bool = True,
    before: Optional[Callable[[], None]] = None,
) -> SimpleNamespace:
    """Run the command without the seconds that its imports take.

    Args:
        arguments: as :func:`generate_command` gives them.
        check: fail unless it succeeds.
        before: called in the new process.
    """
    done = call([*arguments, "--num-workers=0"], before, is_apart=True)
    assert not (check and done.returncode), done.stderr[-4000:]
    return done


def draw_pairs(lang: str, count: int, seed: int = 0) -> List[List[str]]:
    """Sentence pairs of known words."""
    generator = random.Random(f"{lang}{seed}")
    return [
        [sentence(generator, lang), sentence(generator, lang)] for _ in range(count)
    ]


def draw_words(lang: str, count: int, seed: int = 0) -> List[List[str]]:
    """Sentences of one to nine words."""
    generator = random.Random(f"{lang}{seed}")
    return [
        generator.choices(WORDS[lang], k=generator.randint(1, 9)) for _ in range(count)
    ]


class Hypothesis(NamedTuple):
    """The H-, D- and P- lines of a variant."""

    score: float
    pieces: str
    text: str
    positional: List[float]


def text_lines(text: str) -> List[str]:
    """What fairseq-generate printed, without the log."""
    return [x for x in text.split("\n") if re.match(r"[SHDPT]-\d+\t", x)]


def read_text(text: str) -> Dict[int, Tuple[str, List[Hypothesis]]]:
    """What was printed of each sample: its text, and its variants."""
    found: Dict[int, Tuple[str, List[Hypothesis]]] = {}
    lines = iter(text_lines(text))
    for line in lines:
        mark, _, rest = line.partition("\t")
        kind, number = mark.split("-")
        if kind == "S":
            assert int(number) not in found, "a sample comes twice"
            found[int(number)] = (rest, [])
            continue
        rows = [line, next(lines), next(lines)]
        fields = [row.split("\t", 2) for row in rows]
        assert [x[0] for x in fields] == [f"{k}-{number}" for k in "HDP"]
        (_, score, pieces), (_, again, decoded), (_, positional) = fields
        assert score == again
        scores = [float(x) for x in positional.split()]
        found[int(number)][1].append(Hypothesis(float(score), pieces, decoded, scores))
    return found


def printed(folder: Path, split: str = "train") -> str:
    return (folder / f"generate-{split}.txt").read_text(encoding="utf-8")


def read_jsonl(path: Path) -> List[Dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def snapshot(folder: Path) -> Dict[str, Any]:
    """Every file of a results folder; of the text, what was generated."""
    files: Dict[str, Any] = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.name.startswith("generate-"):
            files[name] = text_lines(path.read_text(encoding="utf-8"))
        else:
            files[name] = path.read_bytes() if path.is_file() else None
    return files


def open_folder(folder: Path, split: str = "train") -> Dict[str, Streams]:
    """Each language of a split, through the manifest."""
    manifest = Manifest.load(folder)
    return {
        lang: open_streams(str(folder), manifest, split, lang, {"word_starts"})
        for lang in manifest.languages
        if lang in manifest.splits[split]
    }


def rows_of(streams: Streams) -> List[List[int]]:
    return [row.tolist() for row in streams.input]


STREAMS = ["train.en", "train.de", "train.zh"]
COUNTS = ["samples", "variants", "duplicates", "unchangeable", "masked", "as_they_were"]


def made_up_samples(has_words: bool) -> List[List[Sample]]:
    """Chunks of samples: three of English, one of German, two of Chinese."""
    chunks = []
    for stream, sizes in zip(STREAMS, ([3, 4, 2], [2], [3, 2])):
        row = 0
        for size in sizes:
            chunk = []
            for _ in range(size):
                words = np.arange(1, 4 + row % 4)
                tokens = np.array([0, *(10 + row + words), 2])
                chunk.append(Sample(stream, row, tokens, words if has_words else None))
                row += 1
            chunks.append(chunk)
    return chunks


def made_up_variants(sample: Sample) -> List[Variant]:
    """The same at every call: none to three; none of any German sample."""
    generator = np.random.default_rng([STREAMS.index(sample.stream), sample.row])
    variants = []
    for number in range(sample.row % 4 if sample.stream != "train.de" else 0):
        inner = np.arange(1, len(sample.tokens) - 1)
        positions = np.sort(generator.choice(inner, 2, replace=False))
        tokens = sample.tokens.copy()
        tokens[positions] = generator.integers(4, 100, 2)
        log_probs = -generator.exponential(size=2)
        filled = Filled(tokens, positions, log_probs, 2, 0)
        variants.append(Variant((number,), filled))
    return variants


class MadeUpGenLM:
    """Stands in for GEN-LM; remembers what it was asked for."""

    def __init__(self) -> None:
        self.counts = dict.fromkeys(COUNTS, 0)
        self.augmentation = SimpleNamespace(keep_duplicates=False)
        self.asked: List[Tuple[str, int]] = []

    def generate(self, samples, progress) -> List[List[Variant]]:
        self.asked += [(one.stream, one.row) for one in samples]
        made = [made_up_variants(one) for one in samples]
        self.counts["samples"] += len(samples)
        self.counts["variants"] += sum(map(len, made))
        progress(len(samples))
        return made


def made_up_source(folder: Path) -> Manifest:
    """The folder of the original data, as far as a store looks at it."""
    folder.mkdir()
    for name in COMMON_FILES:
        (folder / name).write_text(f"this is {name}")
    streams = ["input", "label"]
    return Manifest(
        task="xnli",
        source_lang="en",
        languages=["en", "de", "zh"],
        labels=["no", "yes"],
        splits={
            "train": {x: SplitEntry(9, streams) for x in ("en", "de", "zh")},
            "test": {"en": SplitEntry(2, streams)},
        },
        dictionary_size=120,
        dictionary_sha256="d",
        tokenizer_sha256="s",
        version=__version__,
    )
