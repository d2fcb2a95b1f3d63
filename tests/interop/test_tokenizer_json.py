"""A tokenizer.json of unigram pieces, as several write it, is the model that it was."""

import base64
import json
from pathlib import Path

import numpy as np
import pytest
import sentencepiece
import tokenizers
import transformers
from hf_models import CLASSES, convert, edit_config, same_tensors, weights
from hf_tokenizers import IS_VERSION_4
from script_text import script_lines
from small_spm import train_spm
from tokenizers import Regex, normalizers, pre_tokenizers

from fairseq_xling.data.tokenizers import SentencePieceTokenizer
from fairseq_xling.errors import UserError
from fairseq_xling.interop.sentencepiece_file import read_sentencepiece
from fairseq_xling.interop.tokenizer_files import take_tokenizer

LINES = [*script_lines(300, seed=4), "", " ", "  two  spaces   here ", "ꙮa aꙮ ༄༄"]
SPACE = "\u2581"
FIRST = ["<s>", "<pad>", "</s>", "<unk>"]


def steps_of(form, character_map):
    """Normalisation of the folders that are published, and by transformers 4 and 5."""
    precompiled = normalizers.Precompiled(character_map)
    spaces = pre_tokenizers.Metaspace(SPACE, prepend_scheme="always")
    split = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), spaces])
    if form != "transformers 4":
        return precompiled, split
    strip = normalizers.Strip(left=False)
    several = normalizers.Replace(Regex(" {2,}"), SPACE)
    return normalizers.Sequence([precompiled, strip, several]), spaces


def write_json(path, model, form):
    processor = sentencepiece.SentencePieceProcessor(str(model))
    count = processor.get_piece_size()
    pieces = [(piece, 0.0) for piece in FIRST]
    pieces += [(processor.id_to_piece(i), processor.get_score(i))
               for i in range(3, count)]  # fmt: skip
    pieces.append(("<mask>", 0.0))
    made = tokenizers.Tokenizer(tokenizers.models.Unigram(pieces, 3))
    character_map = read_sentencepiece(model).character_map
    made.normalizer, made.pre_tokenizer = steps_of(form, character_map)
    made.add_special_tokens([*FIRST, "<mask>"])
    made.save(str(path))
    if form == "published":  # before schemes had names
        settings = json.loads(path.read_text(encoding="utf-8"))
        spaces = settings["pre_tokenizer"]["pretokenizers"][1]
        del spaces["prepend_scheme"], spaces["split"]
        spaces.update(add_prefix_space=True, str_rep=SPACE)
        path.write_text(json.dumps(settings), encoding="utf-8")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scripts")
    trained = train_spm(folder, script_lines(3000), 600, character_coverage=0.999)
    return Path(trained.model)


@pytest.mark.parametrize("form", ["published", "transformers 4", "transformers 5"])
def test_pieces_and_places_are_those_of_the_model(model, tmp_path, form):
    write_json(tmp_path / "tokenizer.json", model, form)
    (tmp_path / "out").mkdir()
    take_tokenizer(tmp_path, tmp_path / "out")
    path = tmp_path / "out/sentencepiece.bpe.model"
    assert read_sentencepiece(path) == read_sentencepiece(model)
    old, new = (SentencePieceTokenizer(str(x)) for x in (model, path))
    assert new.pieces() == old.pieces()
    for i in range(3, len(old.pieces())):
        assert new.processor.get_score(i) == old.processor.get_score(i)
    for one, two in zip(*(x.encode_with_characters(LINES) for x in (old, new))):
        for left, right in zip(one, two):
            np.testing.assert_array_equal(left, right)


def as_transformers_5(folder):
    """Write a folder anew as version 5 does: one file holds the tokenizer."""
    model = folder / "sentencepiece.bpe.model"
    if IS_VERSION_4 and model.exists():
        write_json(folder / "tokenizer.json", model, "transformers 5")
    elif IS_VERSION_4:
        fast = transformers.AutoTokenizer.from_pretrained(folder)
        fast.backend_tokenizer.save(str(folder / "tokenizer.json"))
    for name in (model.name, "vocab.txt", "special_tokens_map.json"):
        (folder / name).unlink(missing_ok=True)
    edit_config(folder, remove="torch_dtype", dtype="float32", bos_token_id=None)


@pytest.mark.parametrize("backbone", CLASSES)
def test_folders_of_transformers_5_are_those_of_4(copy, converted, tmp_path, backbone):
    folder = copy(backbone)
    as_transformers_5(folder)
    convert(folder, "--destdir", tmp_path / "new")
    old = converted(backbone).folder
    same_tensors(weights(tmp_path / "new"), weights(old))
    for name in ("dict.txt", "tokenizer.json"):
        if (old / name).exists():
            assert (tmp_path / "new" / name).read_bytes() == (old / name).read_bytes()
    files = [sorted(x.name for x in y.iterdir()) for y in (tmp_path / "new", old)]
    assert files[0] == files[1]


@pytest.mark.parametrize(
    "change, message",
    [
        ({"normalizer": {"type": "Lowercase"}}, "normalises by Lowercase; copy the"),
        ({"pre_tokenizer": None}, "not of the form that XLM-R has; copy the"),
        ({"normalizer": 3}, "not of the form that XLM-R has; copy the"),
        ({"byte_fallback": True}, "falls back to bytes; copy the"),
        ({"unk_id": 0}, "does not begin with <s> <pad> </s> <unk>, as XLM-R's does"),
        ({"vocab": [["<unk>", 0.0]]}, "does not begin with <s> <pad> </s> <unk>"),
    ],
)
def test_what_no_sentencepiece_model_does_is_refused(model, tmp_path, change, message):
    path = tmp_path / "tokenizer.json"
    write_json(path, model, "transformers 5")
    settings = json.loads(path.read_text(encoding="utf-8"))
    assert base64.b64decode(settings["normalizer"]["precompiled_charsmap"])
    for name, value in change.items():
        part = settings if name in settings else settings["model"]
        part[name] = value
    path.write_text(json.dumps(settings), encoding="utf-8")
    with pytest.raises(UserError) as error:
        take_tokenizer(tmp_path, tmp_path)
    assert str(error.value).startswith(f"{path}: ") and message in str(error.value)
    assert "\n" not in str(error.value)
