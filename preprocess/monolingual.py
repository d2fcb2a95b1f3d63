"""Train a tokenizer on text and binarize it, to pre-train a masked language model.

    python preprocess/monolingual.py TEXT_DIR --vocabulary 1000 --destdir DIR
    python preprocess/monolingual.py TEXT_DIR --model xlmr.base --destdir DIR

``TEXT_DIR`` holds ``train.{lang}.txt`` and ``valid.{lang}.txt``, one document or
sentence a line. ``DIR`` becomes a folder as fairseq's XLM-R has it, yet without
``model.pt`` (``sentencepiece.bpe.model``, or for mBERT ``tokenizer.json``, and
``dict.txt``), and ``DIR/bin`` the data of ``--task masked_lm``. With ``--model``, these
are that model's, whose pre-training then goes on.
"""

import argparse
import itertools
import re
import shutil
import sys
from collections import Counter
from pathlib import Path
from typing import List

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import sentencepiece  # noqa: E402
import tokenizers  # noqa: E402
from tqdm import tqdm  # noqa: E402

from fairseq_xling import UserError  # noqa: E402
from fairseq_xling.data.binarize import StreamWriter, TextEncoder  # noqa: E402
from fairseq_xling.data.dictionaries import load_dictionary  # noqa: E402
from fairseq_xling.data.tokenizers import (  # noqa: E402
    SENTENCEPIECE_NAME,
    WORDPIECE_NAME,
    SentencePieceTokenizer,
    find_tokenizer,
    open_tokenizer,
)
from fairseq_xling.errors import one_line_errors  # noqa: E402
from fairseq_xling.files.atomic import atomic_folder  # noqa: E402
from fairseq_xling.files.destination import Output, check_replaceable  # noqa: E402
from fairseq_xling.files.text_lines import lines_with_text  # noqa: E402
from fairseq_xling.interop.model_folder import find_vocabulary  # noqa: E402
from fairseq_xling.interop.tokenizer_files import wordpiece  # noqa: E402
from fairseq_xling.interop.vocabulary import (  # noqa: E402
    BERT_NAMES,
    dictionary_text,
    order_tokens,
    tokens_by_id,
)

CHUNK_LINES = 8192
# Bytes of a line, the most that SentencePiece takes; its own limit of 4,192 would leave
# documents out.
ANY_LENGTH = 2**30
# Share of the text's characters that get a piece of their own.
COVERAGE = 0.9995
OUTPUT = Output(
    "a folder of this script",
    ["bin/dict.txt"],
    re.compile(
        r"(bin/)?dict\.txt|sentencepiece\.bpe\.model|tokenizer\.json|"
        r"bin/(train|valid)\.(bin|idx)"
    ),
)
CASED = {"lowercase": False, "strip_accents": None, "handle_chinese_chars": True}


def find_texts(folder: Path, split: str) -> List[Path]:
    """The text files of a split, in the order of their languages.

    Raises:
        UserError: there is none.
    """
    paths = sorted(folder.glob(f"{split}.*.txt"))
    if not paths:
        raise UserError(f"{folder}: no {split}.*.txt; name the files {split}.LANG.txt")
    return paths


def check_texts(texts: List[Path]) -> None:
    """Refuse a file without text, before anything is made of the others.

    Of text without visible characters SentencePiece would end the whole process.

    Raises:
        UserError: one has no text, or is not UTF-8.
    """
    normalizer = sentencepiece.SentencePieceNormalizer(rule_name="nmt_nfkc")
    for path in texts:
        has_text = False
        for line in lines_with_text(path):  # all of them, to find what is not UTF-8
            has_text = has_text or bool(normalizer.normalize(line).strip())
        if not has_text:
            raise UserError(f"{path}: has no text; give it some, or remove it")


def train_sentencepiece(texts: List[Path], vocabulary: int, folder: Path) -> None:
    """Train a unigram model, and write its pieces as a fairseq dictionary.

    Raises:
        UserError: there is too little text, or there are too few pieces.
    """
    try:
        sentencepiece.SentencePieceTrainer.train(
            input=[str(path) for path in texts],
            model_prefix=str(folder / "model"),
            vocab_size=vocabulary,
            character_coverage=COVERAGE,
            hard_vocab_limit=False,
            input_sentence_size=1_000_000,
            shuffle_input_sentence=True,
            max_sentence_length=ANY_LENGTH,
            minloglevel=2,
        )
    except (RuntimeError, OSError) as error:
        reason = " ".join(str(error).split())
        raise UserError(
            f"--vocabulary {vocabulary}: SentencePiece cannot be trained on "
            f"{texts[0].parent} ({reason}); give another number, or more text"
        ) from None
    (folder / "model.vocab").unlink()
    path = folder / SENTENCEPIECE_NAME
    (folder / "model.model").rename(path)
    # The first three are <unk>, <s> and </s>, which fairseq has by itself.
    pieces = SentencePieceTokenizer(str(path)).pieces()[3:]
    (folder / "dict.txt").write_text(dictionary_text(pieces), encoding="utf-8")


def train_wordpiece(texts: List[Path], vocabulary: int, folder: Path) -> None:
    """Train WordPiece as for a cased BERT, and write its pieces as a dictionary."""
    tokenizer = wordpiece(list(BERT_NAMES), CASED)
    # Numbered beforehand: the trainer counts characters in random order, and of equally
    # frequent pairs takes that of the smaller numbers.
    letters = frequent_characters(texts)
    known = [*BERT_NAMES, *letters, *(f"##{letter}" for letter in letters)]
    trainer = tokenizers.trainers.WordPieceTrainer(
        vocab_size=max(vocabulary, len(known)),
        special_tokens=known,
        limit_alphabet=len(letters),
        show_progress=False,
    )
    tokenizer.train([str(path) for path in texts], trainer)
    count = tokenizer.get_vocab_size()
    pieces = [tokenizer.id_to_token(i) for i in range(count)]
    path = str(folder / WORDPIECE_NAME)
    wordpiece(pieces, CASED).save(path)
    tokens = tokens_by_id(open_tokenizer(path), path)
    symbols, _ = order_tokens(tokens, len(tokens), path)
    (folder / "dict.txt").write_text(dictionary_text(symbols), encoding="utf-8")


def frequent_characters(texts: List[Path]) -> List[str]:
    """The most frequent characters, which together make up nearly all of the text."""
    counts: Counter = Counter()
    for path in texts:
        for line in lines_with_text(path):
            counts.update("".join(line.split()))
    left = COVERAGE * sum(counts.values())
    kept = []
    for letter, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        if left <= 0:
            break
        kept.append(letter)
        left -= count
    return kept


def binarize(texts: List[Path], prefix: Path, encoder: TextEncoder) -> None:
    """Write the lines of all texts as one stream; empty lines are left out."""
    writer = StreamWriter(str(prefix), len(encoder.dictionary))
    for path in texts:
        lines = lines_with_text(path)
        with tqdm(desc=path.name, unit=" lines", disable=None) as progress:
            while chunk := list(itertools.islice(lines, CHUNK_LINES)):
                writer.write(*encoder.lines(chunk))
                progress.update(len(chunk))
    writer.close()


TRAINERS = {"sentencepiece": train_sentencepiece, "wordpiece": train_wordpiece}
# Of a tokenizer that is trained.
DEFAULTS = {"tokenizer": "sentencepiece", "vocabulary": 16000}


@one_line_errors()
def main() -> None:
    """Read the options and write the folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("text", type=Path, metavar="TEXT_DIR")
    parser.add_argument("--destdir", type=Path, required=True)
    parser.add_argument(
        "--tokenizer",
        choices=TRAINERS,
        help="sentencepiece for an XLM-R (default), wordpiece for an mBERT",
    )
    parser.add_argument("--vocabulary", type=int, help="pieces (default: 16000)")
    parser.add_argument(
        "--model",
        help="whose tokenizer and dictionary to take, instead of training one: a "
        "folder, a checkpoint, or a name such as xlmr.base",
    )
    parser.add_argument("--workers", type=int, default=2, help="threads that encode")
    parser.add_argument(
        "--overwrite", action="store_true", help="replace a folder of this script"
    )
    args = parser.parse_args()
    check_replaceable(args.destdir, args.overwrite, OUTPUT, [args.text])
    splits = {split: find_texts(args.text, split) for split in ("train", "valid")}
    for name, default in DEFAULTS.items():
        given = getattr(args, name)
        if given is None:
            setattr(args, name, default)
        elif args.model:
            raise UserError(f"--{name} {given}: --model has its own; leave one out")
    for name in ("vocabulary", "workers"):
        if getattr(args, name) < 1:
            raise UserError(f"--{name} {getattr(args, name)}: give 1 or more")
    for texts in splits.values():
        check_texts(texts)
    found = find_vocabulary(args.model, args.destdir) if args.model else ()
    with atomic_folder(args.destdir) as folder:
        for path in found:
            shutil.copy(path, folder)
        if not found:
            TRAINERS[args.tokenizer](splits["train"], args.vocabulary, folder)
        dictionary = load_dictionary(str(folder / "dict.txt"))
        encoder = TextEncoder(str(find_tokenizer(folder)), dictionary, args.workers)
        (folder / "bin").mkdir()
        shutil.copyfile(folder / "dict.txt", folder / "bin" / "dict.txt")
        for split, texts in splits.items():
            binarize(texts, folder / "bin" / split, encoder)


if __name__ == "__main__":
    main()
