"""transformers.pipeline on what we export says what fairseq_xling.predict says."""

import random
from types import SimpleNamespace

import numpy as np
import pytest
from family_data import pair_folder, question_folder, tag_folder, train
from hf_tokenizers import IS_VERSION_4
from mbert_data import write_wordpiece
from raw_data import WORDS, sentence
from transformers import pipeline

from fairseq_xling import from_pretrained
from fairseq_xling.cli import convert_hf
from fairseq_xling.data.tokenizers import open_tokenizer
from fairseq_xling.multimix.pieces import BEGIN

COUNT = 200
BACKBONES = {"xlmr": "xmixup_xlmr_mini", "mbert": "xmixup_mbert_mini"}


@pytest.fixture(scope="module", params=BACKBONES)
def backbone(request, spm, tmp_path_factory):
    """Tokenizer, dictionary and architecture."""
    arch = f"--arch={BACKBONES[request.param]}"
    if request.param == "xlmr":
        return SimpleNamespace(model=spm.model, dictionary=spm.dictionary, arch=arch)
    folder = tmp_path_factory.mktemp("wordpiece")
    write_wordpiece(folder, [" ".join(words) for words in WORDS.values()], 150)
    return SimpleNamespace(
        model=str(folder / "tokenizer.json"),
        dictionary=str(folder / "dict.txt"),
        arch=arch,
    )


def trained(task, make_data, backbone, folder):
    """A zero-shot model as a predictor, and its export's folder."""
    data = make_data(folder / "raw", backbone)
    options = ["--training-set=source", "--max-update=40", "--max-positions=64"]
    if task == "xmixup_xquad":
        # Questions as a whole, and passages in one window.
        options += ["--max-question-length=40", "--doc-stride=10"]
    train(task, data, folder / "zero", *options, "--lr=0.01", backbone.arch)
    checkpoint = folder / "zero/checkpoint_best.pt"
    out = folder / "hf"
    convert_hf.main(["--to-hf", str(checkpoint), "--destdir", str(out)])
    return from_pretrained(checkpoint), str(out)


def drawn(seed):
    generator = random.Random(seed)
    return generator, [generator.choice(sorted(WORDS)) for _ in range(COUNT)]


def test_classes(backbone, tmp_path):
    predictor, folder = trained("xmixup_xnli", pair_folder, backbone, tmp_path)
    generator, langs = drawn(1)
    rows = [(sentence(generator, x), sentence(generator, x)) for x in langs]
    ours = predictor.predict(rows)
    run = pipeline("text-classification", folder, top_k=None)
    for one, row in zip(ours, rows):
        theirs = run({"text": row[0], "text_pair": row[1]})
        found = {each["label"]: each["score"] for each in theirs}
        assert found == pytest.approx(one["probabilities"], abs=1e-5)
        assert theirs[0]["label"] == one["label"]
    certainty = [max(one["probabilities"].values()) for one in ours]
    assert max(certainty) - min(certainty) > 1e-3


def test_tags(backbone, tmp_path):
    predictor, folder = trained("xmixup_udpos", tag_folder, backbone, tmp_path)
    generator, langs = drawn(2)
    rows = [generator.choices(WORDS[x], k=generator.randint(1, 7)) for x in langs]
    ours = predictor.predict(rows)
    run = pipeline("token-classification", folder, ignore_labels=[])
    for one, words in zip(ours, rows):
        pieces = run(" ".join(words))
        starts = np.cumsum([0] + [len(word) + 1 for word in words[:-1]])
        for place, start in enumerate(starts):
            # SentencePiece's mark of a word may be a piece, which is the space before.
            first = next(piece for piece in pieces if piece["end"] >= start)
            assert first["entity"] == one["tags"][place]
            probability = one["probabilities"][place]
            assert first["score"] == pytest.approx(probability, abs=1e-5)
    certainty = [value for one in ours for value in one["probabilities"]]
    assert max(certainty) - min(certainty) > 1e-3


@pytest.mark.skipif(
    not IS_VERSION_4, reason="transformers 5 has no pipeline of questions"
)
def test_answers(backbone, tmp_path):
    predictor, folder = trained("xmixup_xquad", question_folder, backbone, tmp_path)
    generator, _ = drawn(3)
    tokenizer, rows = open_tokenizer(backbone.model), []
    known = sum((WORDS[lang] for lang in ("en", "de", "ru")), [])
    # A piece that is but a space gives a second span of the same text.
    known = [word for word in known if tokenizer.tokenize(word)[0] != BEGIN]
    for _ in range(COUNT):
        words = generator.sample(known, k=6)
        question = sentence(generator, "en")
        rows.append({"question": question, "context": " ".join(words)})
    ours = predictor.predict(rows)
    run = pipeline("question-answering", folder)
    for one, row in zip(ours, rows):
        theirs = run(**row, top_k=300, max_answer_len=30, align_to_words=False)
        scores = {each["answer"].strip(): each["score"] for each in theirs}
        # Hugging Face adds up spans of the same text, so those are left out.
        text = row["context"].lower()
        once = {x for x in scores if text.count(x.lower()) == 1}
        listed = {x["answer"]: x["probability"] for x in one["n_best"]}
        shared = sorted(once & set(listed))
        assert len(shared) >= 5
        expected = np.array([scores[x] for x in shared])
        found = np.array([listed[x] for x in shared])
        np.testing.assert_allclose(
            found / found.sum(), expected / expected.sum(), atol=1e-5
        )
        # What is not listed is not more probable than what is, there neither.
        scale = expected.sum() / found.sum()
        least = min(listed.values()) * scale
        assert all(scores[x] <= least * (1 + 1e-4) for x in once - set(listed))
        assert row["context"].startswith(one["answer"], one["start"])
