"""Forms of Hugging Face folders and of checkpoints that are read."""

import json

import pytest
import tokenizers
import torch
import transformers
from augment_data import draw_pairs, generate_command, generate_in_fork, write_pairs
from family_data import copy_with
from hf_models import (
    PAIRS,
    batch_of,
    bert_vocabulary,
    close,
    convert,
    edit_config,
    same_tensors,
    tensors,
    to_fairseq,
    weights,
    write_hf,
)
from safetensors.torch import save_file

from fairseq_xling.data.dictionaries import load_dictionary
from fairseq_xling.data.labels import LABELS
from fairseq_xling.interop.fairseq_checkpoint import modern_names
from fairseq_xling.interop.vocabulary import rows_of_tokens
from fairseq_xling.models import XMixupXLMRModel

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # Hydra's


@pytest.mark.parametrize("backbone", ["xlmr", "mbert"])
@pytest.mark.parametrize("form", ["bin", "shards", "bin shards", "bare", "tied"])
def test_forms_of_weights_are_equal(converted, copy, backbone, form):
    folder = copy(backbone)
    held = tensors(folder)
    (folder / "model.safetensors").unlink()
    if form == "bare":
        stem = {"xlmr": "roberta.", "mbert": "bert."}[backbone]
        held = {k[len(stem) :] if k.startswith(stem) else k: v for k, v in held.items()}
        # As BERT's first checkpoints had it.
        held = {
            k.replace("LayerNorm.weight", "LayerNorm.gamma").replace(
                "LayerNorm.bias", "LayerNorm.beta"
            ): v
            for k, v in held.items()
        }
        held["embeddings.position_ids"] = torch.arange(66)[None]
    if form == "tied":
        matrix = next(v for k, v in held.items() if "word_embeddings" in k)
        if backbone == "xlmr":
            held["lm_head.decoder.weight"] = matrix.clone()
            held["lm_head.decoder.bias"] = held.pop("lm_head.bias")
        else:
            held["cls.predictions.decoder.weight"] = matrix.clone()
    half = len(held) // 2
    parts = [dict(list(held.items())[:half]), dict(list(held.items())[half:])]
    if form == "bin":
        torch.save(held, folder / "pytorch_model.bin")
    elif form in ("bare", "tied"):
        save_file(held, folder / "model.safetensors")
    else:
        stem, suffix = ("model", "safetensors")
        if form == "bin shards":
            stem, suffix = ("pytorch_model", "bin")
        names = {}
        for i, part in enumerate(parts):
            name = f"{stem}-{i}.{suffix}"
            save = save_file if suffix == "safetensors" else torch.save
            save(part, folder / name)
            names.update(dict.fromkeys(part, name))
        index = folder / f"{stem}.{suffix}.index.json"
        index.write_text(json.dumps({"weight_map": names}))
    reference = converted(backbone).folder
    same_tensors(weights(to_fairseq(folder, "ForMaskedLM")), weights(reference))


def test_unused_tensors_are_logged(copy, capsys):
    folder = copy("mbert")
    held = tensors(folder)
    held["cls.seq_relationship.weight"] = torch.ones(2, 32)
    held["something.else"] = torch.ones(2)
    held["bert.pooler.dense.weight"] = torch.ones(32, 32)
    held["bert.pooler.dense.bias"] = torch.ones(32)
    save_file(held, folder / "model.safetensors")
    edit_config(folder, architectures=["BertForPreTraining"])
    state = weights(to_fairseq(folder, "ForMaskedLM"))
    said = capsys.readouterr().err
    assert "not used: cls.seq_relationship.weight, something.else" in said
    assert torch.equal(state["pooler.dense.weight"], torch.ones(32, 32))
    assert not any("seq_rel" in name or "something" in name for name in state)


def test_folder_that_names_no_class_is_a_plain_encoder(copy, capsys):
    folder = copy("minilm")
    edit_config(folder, remove="architectures")
    state = weights(to_fairseq(folder, "Model"))
    assert "not used: cls.predictions.bias, cls." in capsys.readouterr().err
    assert state and not any("lm_head" in name for name in state)


@pytest.mark.parametrize("backbone", ["xlmr", "minilm"])
def test_all_zero_token_types_are_left_out(copy, tmp_path, backbone):
    folder = copy(backbone)
    held = tensors(folder)
    next(x for name, x in held.items() if "token_type" in name).zero_()
    save_file(held, folder / "model.safetensors")
    out = to_fairseq(folder, "ForMaskedLM")
    assert not any("segments" in name for name in weights(out))
    convert("--to-hf", out / "model.pt", "--destdir", tmp_path / "back")
    same_tensors(tensors(tmp_path / "back"), held)


@pytest.mark.parametrize(
    "backbone, options",
    [
        ("xlmr", {"layer_norm_eps": 0.5}),
        ("mbert", {"layer_norm_eps": 0.5}),
        # SentencePiece's models read the first of any token types.
        ("xlmr", {"type_vocab_size": 2}),
        ("minilm", {"type_vocab_size": 1}),
        ("minilm", {"type_vocab_size": 3}),
    ],
)
@torch.no_grad()
def test_what_settings_say_is_computed_and_kept(spm, tmp_path, backbone, options):
    source = tmp_path / "hf"
    model = write_hf(backbone, "ForMaskedLM", source, spm, **options)
    folder = to_fairseq(source, "ForMaskedLM")
    batch = batch_of(folder, source)
    ours = XMixupXLMRModel.from_pretrained(str(folder)).model
    want = model(**batch.inputs).logits[batch.real][:, batch.ids]
    close(ours(batch.tokens)[0][batch.real], want)
    convert("--to-hf", folder / "model.pt", "--destdir", tmp_path / "back")
    same_tensors(tensors(tmp_path / "back"), tensors(source))


@pytest.mark.parametrize("form", ["only json", "twice"])
@torch.no_grad()
def test_forms_of_berts_vocabulary(converted, copy, form):
    folder = copy("mbert")
    if form == "only json":
        kind = transformers.AutoTokenizer.from_pretrained
        tokenizer = kind(folder)
        (folder / "vocab.txt").unlink()
        tokenizer.backend_tokenizer.enable_padding(length=99)
        tokenizer.backend_tokenizer.save(str(folder / "tokenizer.json"))
    else:
        lines = bert_vocabulary()
        # Text is read as the last of equal lines.
        lines[1] = "der"
        (folder / "vocab.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    slow = converted("mbert").source if form == "only json" else folder
    model = transformers.BertForMaskedLM.from_pretrained(folder).eval()
    out = to_fairseq(folder, "ForMaskedLM")
    batch = batch_of(out, slow)
    assert torch.equal(batch.ids[batch.tokens], batch.inputs["input_ids"])
    ours = XMixupXLMRModel.from_pretrained(str(out))
    features = ours.model(batch.tokens, features_only=True)[0]
    want = model(**batch.inputs, output_hidden_states=True).hidden_states[-1]
    close(features[batch.real], want[batch.real])
    back = folder.with_name("back")
    convert("--to-hf", out / "model.pt", "--destdir", back)
    same_tensors(tensors(back), tensors(folder))
    kind = transformers.AutoTokenizer.from_pretrained
    for pair in PAIRS:
        assert kind(back)(*pair) == kind(slow, use_fast=False)(*pair)


@pytest.mark.parametrize("lower", [True, False])
@pytest.mark.parametrize("accents", [None, True, False])
def test_normalisation_of_bert_is_kept(copy, lower, accents):
    folder = copy("mbert")
    path = folder / "tokenizer_config.json"
    settings = json.loads(path.read_text())
    settings.update(do_lower_case=lower, strip_accents=accents)
    settings["tokenize_chinese_chars"] = lower
    path.write_text(json.dumps(settings))
    out = to_fairseq(folder, "ForMaskedLM")
    text = "DER läuft é 狗猫 klein\u0300"
    kind = transformers.BertTokenizer.from_pretrained
    want = kind(folder).tokenize(text)
    ours = tokenizers.Tokenizer.from_file(str(out / "tokenizer.json"))
    assert ours.encode(text, add_special_tokens=False).tokens == want
    back = folder.with_name("back")
    convert("--to-hf", out / "model.pt", "--destdir", back)
    assert kind(back).tokenize(text) == want
    assert transformers.AutoTokenizer.from_pretrained(back).tokenize(text) == want


def test_converted_model_fills_masks_for_multimix(converted, spm, tmp_path):
    folder = converted("xlmr").folder
    pairs = {"train": {"en": draw_pairs("en", 3)}}
    data = write_pairs(tmp_path / "data", spm, pairs)
    arguments = generate_command(data, folder / "model.pt", "--aug-percentage=50")
    assert "H-0\t" in generate_in_fork(arguments).stdout


@pytest.mark.parametrize(
    "name",
    ["added_tokens.json", "tokenizer.json", "tokenizer_config.json"]
    + ["special_tokens_map.json"],
)
def test_added_tokens_are_named_whichever_file_lists_them(copy, name, capsys):
    folder = copy("xlmr")
    marker = {"content": "[E1]", "special": True}
    path = folder / name
    held = json.loads(path.read_text()) if path.exists() else {}
    if name == "added_tokens.json":
        held["[E1]"] = 9999
    elif name == "tokenizer.json":
        held["added_tokens"] = [*held.get("added_tokens", []), marker]
    elif name == "tokenizer_config.json":
        held.setdefault("added_tokens_decoder", {})["9999"] = marker
    else:
        held["additional_special_tokens"] = ["[E1]"]
    path.write_text(json.dumps(held))
    to_fairseq(folder, "ForMaskedLM")
    said = capsys.readouterr().err
    assert said.count("[E1] are not taken over") == 1 and f"{name}: [E1]" in said


def test_head_is_brought_to_the_benchmarks_order_of_labels(spm, tmp_path):
    theirs = ["ENTAILMENT", "Neutral", "contradiction"]
    options = {"id2label": dict(enumerate(theirs))}
    ending = "ForSequenceClassification"
    model = write_hf("xlmr", ending, tmp_path / "hf", spm, **options)
    folder = to_fairseq(tmp_path / "hf", ending)
    state = torch.load(folder / "model.pt", weights_only=True)
    assert state["task_state"]["labels"] == list(LABELS["xnli"])
    head = "classification_heads.sentence_classification_head.out_proj."
    out = model.classifier.out_proj
    assert torch.equal(state["model"][f"{head}weight"], out.weight[[2, 0, 1]])
    assert torch.equal(state["model"][f"{head}bias"], out.bias[[2, 0, 1]])
    lines = (folder / "label.dict.txt").read_text().split("\n")
    assert [line.split(" ")[0] for line in lines[:3]] == list(LABELS["xnli"])


def test_labels_that_data_would_not_have_are_told(spm, tmp_path, capsys):
    ending = "ForSequenceClassification"
    theirs = [f"LABEL_{i}" for i in range(3)]
    options = {"id2label": dict(enumerate(theirs))}
    write_hf("xlmr", ending, tmp_path / "hf", spm, **options)
    folder = to_fairseq(tmp_path / "hf", ending)
    state = torch.load(folder / "model.pt", weights_only=True)
    assert state["task_state"]["labels"] == theirs
    said = capsys.readouterr().err
    assert "config.json: id2label has LABEL_0, LABEL_1, LABEL_2, which are not" in said
    assert "if they mean contradiction, entailment, neutral, name them so" in said


def test_names_of_first_checkpoints_of_fairseq():
    joined = torch.arange(12.0).view(6, 2)
    stem = "decoder.sentence_encoder."
    found = modern_names(
        {
            f"{stem}layers.0.self_attn.in_proj_weight": joined,
            f"{stem}emb_layer_norm.bias": torch.ones(2),
        }
    )
    stem = "encoder.sentence_encoder."
    attention = f"{stem}layers.0.self_attn."
    same_tensors(
        found,
        {
            f"{attention}q_proj.weight": joined[:2],
            f"{attention}k_proj.weight": joined[2:4],
            f"{attention}v_proj.weight": joined[4:],
            f"{stem}layernorm_embedding.bias": torch.ones(2),
        },
    )


def test_pieces_that_a_dictionary_lacks_are_unknown(tmp_path, caplog):
    (tmp_path / "dict.txt").write_text("b 1\nmadeupword0000 0\na 1\n")
    dictionary = load_dictionary(str(tmp_path / "dict.txt"))
    tokens = ["<s>", "<pad>", "</s>", "<unk>", "a", "c", "b", "<mask>"]
    rows = rows_of_tokens(tokens, dictionary, "dict.txt")
    assert rows == [0, 1, 2, 3, 6, 3, 4, 7, 5]
    assert "lacks 1 of the tokenizer's pieces, such as c" in caplog.text


def test_what_hugging_face_cannot_do_is_said(tagged, asked, tmp_path, capsys):
    def pool(state):
        state["cfg"]["task"]["word_pooling"] = "mean"

    path = copy_with(tagged.mixed, tmp_path / "a", pool)
    convert("--to-hf", path, "--destdir", tmp_path / "hf")
    said = capsys.readouterr().err
    assert "was trained to mix with translations" in said
    assert "--word-pooling mean" in said
    assert not any("mixup" in name for name in tensors(tmp_path / "hf"))
    convert("--to-hf", asked.zero, "--destdir", tmp_path / "qa")
    assert "was trained" not in capsys.readouterr().err
    assert "id2label" not in json.loads((tmp_path / "qa/config.json").read_text())


def test_trained_tagger_and_reader_are_the_same(tagged, asked, tmp_path):
    for task, trained in (("udpos", tagged), ("xquad", asked)):
        zero, out = trained.zero, tmp_path / task
        convert("--to-hf", zero, "--destdir", out)
        convert(out, "--destdir", tmp_path / f"{task}-again", "--task", task)
        state = torch.load(zero, weights_only=True)["model"]
        lost = ("encoder.lm_head.", ".mixup_ratio.", ".version")
        kept = {k: v for k, v in state.items() if not any(x in k for x in lost)}
        same_tensors(weights(tmp_path / f"{task}-again"), kept)
