"""What convert_hf.py cannot convert is refused with one line, and nothing is left."""

import json
import re
import shutil
from pathlib import Path

import pytest
import torch
from forked import call
from hf_models import (
    bert_vocabulary,
    convert,
    edit_config,
    tensors,
)
from hostile import Code
from refusals import error_of, refused
from safetensors.torch import save_file
from training import ROOT

TUNED = "ForSequenceClassification"
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # Hydra's


def refusal(*arguments) -> str:
    with refused("") as error:
        convert(*arguments)
    return str(error.value)


def refusal_of(folder: Path, *options) -> str:
    """What is said of a folder; nothing is left."""
    destdir = folder.parent / "out"
    message = refusal(folder, "--destdir", destdir, *options)
    assert not destdir.exists()
    assert not [path for path in folder.parent.iterdir() if path.name.startswith(".")]
    return message


def test_code_in_a_pickle_does_not_run(copy):
    folder = copy("mbert")
    mark = folder / "ran"
    (folder / "model.safetensors").unlink()
    torch.save({"x": Code(mark)}, folder / "pytorch_model.bin")
    message = refusal_of(folder)
    assert "pytorch_model.bin: refused, because loading it might run code" in message
    assert not mark.exists()


@pytest.mark.parametrize(
    "change, message",
    [
        ({"model_type": "other"}, "model_type 'other'; only xlm-roberta, bert and dis"),
        ({"model_type": None}, "model_type None; only xlm-roberta"),
        ({"hidden_act": "gelu_new"}, "hidden_act is 'gelu_new', but the model here"),
        ({"position_embedding_type": "relative_key"}, "position_embedding_type is"),
        ({"is_decoder": True}, "is_decoder is True"),
        ({"type_vocab_size": 0}, "type_vocab_size is 0; give the config.json"),
        ({"type_vocab_size": 3}, r"token_type_embeddings.weight has shape \(., 32\)"),
        ({"quantization_config": {"a": 1}}, "quantization_config is"),
        ({"tie_word_embeddings": False}, "tie_word_embeddings is False"),
        ({"architectures": ["XForMultipleChoice"]}, "must name one of .*ForMaskedLM"),
        ({"hidden_size": None}, "hidden_size is None; give the config.json"),
        ({"num_hidden_layers": 0}, "num_hidden_layers is 0"),
        ({"num_attention_heads": 5}, "hidden_size 32 is no multiple of"),
        ({"num_hidden_layers": 3}, "lacks .*encoder.layer.2.attention.self.query"),
        ({"intermediate_size": 40}, r"has shape \(48, 32\), by config.json it would"),
        ({"max_position_embeddings": 70}, r"position_embeddings.weight has shape \(66"),
    ],
)
@pytest.mark.parametrize("backbone", ["xlmr", "mbert"])
def test_settings_of_other_models_are_refused(copy, backbone, change, message):
    folder = copy(backbone)
    edit_config(folder, **change)
    assert re.search(message, refusal_of(folder))


@pytest.mark.parametrize(
    "model_type, architecture, message",
    [
        ("xlm-roberta-xl", "XLMRobertaXLForMaskedLM", "normalises before each sublaye"),
        ("deberta", "DebertaForMaskedLM", "its attention adds relative positions"),
        ("deberta-v2", "DebertaV2Model", "its attention adds relative positions"),
        ("modernbert", "ModernBertForMaskedLM", "rotates positions into its attention"),
        ("rembert", "RemBertForMaskedLM", "its embeddings are of another width"),
        ("roberta", "RobertaForMaskedLM", "reads bytes by a tokenizer"),
        ("t5", "T5EncoderModel", "an encoder with a decoder"),
        ("mt5", "MT5ForConditionalGeneration", "an encoder with a decoder"),
        ("gpt2", "GPT2LMHeadModel", "a decoder, which reads text in one direction"),
        ("llama", "LlamaModel", "a decoder, which reads text in one direction"),
        ("bloom", "BloomForCausalLM", "a decoder, which reads text in one direction"),
        ("xglm", "XGLMForCausalLM", "a decoder, which reads text in one direction"),
        ("newest", "NewestForCausalLM", "a decoder, which reads text in one direction"),
        ("newest", "NewestModel", "only xlm-roberta, bert and distilbert can be conv"),
    ],
)
def test_other_families_are_refused_by_why_and_what_instead(
    tmp_path, model_type, architecture, message
):
    folder = tmp_path / "hf"
    folder.mkdir()
    config = {"model_type": model_type, "architectures": [architecture]}
    (folder / "config.json").write_text(json.dumps(config))
    said = refusal_of(folder)
    assert said.startswith(f"{folder / 'config.json'}: model_type '{model_type}'")
    assert message in said and "use " in said and "xlm-roberta-" in said


@pytest.mark.parametrize(
    "change, message",
    [
        ({"problem_type": "regression"}, "problem_type regression; only single_label"),
        ({"id2label": {"0": "a", "2": "b"}}, "id2label must name two or more labels"),
        ({"id2label": {"0": "a"}}, "id2label must name two or more labels"),
        ({"id2label": ["a", "b"]}, "id2label must name two or more labels"),
        ({"id2label": {"0": "a", "1": "a"}}, "id2label has 'a', which cannot be"),
        ({"id2label": {"0": "a", "1": "<pad>"}}, "id2label has '<pad>', which cannot"),
        ({"id2label": {"0": "a", "1": "b"}}, r"has shape \(4, 32\), by config.json"),
    ],
)
def test_labels_that_cannot_be_are_refused(copy, change, message):
    folder = copy("xlmr", TUNED)
    edit_config(folder, **change)
    assert re.search(message, refusal_of(folder, "--task=xnli"))


def test_task_must_fit_the_head(copy):
    tuned, plain = copy("mbert", TUNED), copy("xlmr")
    message = refusal_of(tuned)
    assert "a BertForSequenceClassification; say which benchmark it is for" in message
    assert message.endswith("--task xnli|pawsx")
    assert "which is no model for panx; give --task xnli|pawsx" in refusal_of(
        tuned, "--task=panx"
    )
    assert "no model for xnli; leave --task out" in refusal_of(plain, "--task=xnli")


@pytest.mark.parametrize(
    "name, message",
    [
        ("config.json", "config.json: not found; give a folder that save_pretrained"),
        ("model.safetensors", "has neither model.safetensors nor pytorch_model.bin"),
        ("sentencepiece.bpe.model", "nor vocab.txt nor tokenizer.json; copy one"),
        ("vocab.txt", "has neither sentencepiece.bpe.model nor vocab.txt nor"),
        ("tokenizer_config.json", 'tokenizer_config.json: give "do_lower_case"'),
    ],
)
def test_missing_files_are_named(copy, name, message):
    folder = copy("xlmr" if name.startswith("sentencepiece") else "mbert")
    (folder / name).unlink()
    if name in ("sentencepiece.bpe.model", "vocab.txt"):
        # transformers 5 writes the same once more.
        (folder / "tokenizer.json").unlink(missing_ok=True)
    assert message in refusal_of(folder)


@pytest.mark.parametrize(
    "name",
    [
        "config.json",
        "model.safetensors",
        "pytorch_model.bin",
        "sentencepiece.bpe.model",
        "vocab.txt",
    ],
)
def test_damaged_files_are_named(copy, name):
    folder = copy("mbert" if name == "vocab.txt" else "xlmr")
    if name == "pytorch_model.bin":
        (folder / "model.safetensors").unlink()
    (folder / name).write_bytes(b"\xff\x00 version https://git-lfs.github.com")
    assert f"{folder / name}" in refusal_of(folder)


def test_wrong_tensors_are_named(copy):
    folder = copy("xlmr")
    held = tensors(folder)
    name = "roberta.embeddings.word_embeddings.weight"
    save_file({**held, name: held[name][:-1]}, folder / "model.safetensors")
    assert f"model.safetensors: {name} has shape" in refusal_of(folder)
    save_file({**held, name: held[name].long()}, folder / "model.safetensors")
    assert f"{name} is int64; save the weights as float32" in refusal_of(folder)
    other = {**held, "lm_head.decoder.weight": held[name] + 1}
    save_file(other, folder / "model.safetensors")
    assert f"lm_head.decoder.weight is not the same as {name}" in refusal_of(folder)
    del held["lm_head.dense.bias"]
    save_file(held, folder / "model.safetensors")
    assert "model.safetensors: lacks lm_head.dense.bias" in refusal_of(folder)


def test_shard_elsewhere_is_refused(copy):
    folder = copy("xlmr")
    held = tensors(folder)
    (folder / "model.safetensors").rename(folder.parent / "model.safetensors")
    index = folder / "model.safetensors.index.json"
    for name in ("../model.safetensors", "gone.safetensors"):
        index.write_text(json.dumps({"weight_map": dict.fromkeys(held, name)}))
        assert f"lists {name}, which is not beside it" in refusal_of(folder)


def test_tokenizer_with_more_tokens_than_the_model_is_refused(copy):
    folder = copy("mbert")
    with open(folder / "vocab.txt", "a", encoding="utf-8") as file:
        file.write("another\n")
    assert "vocab.txt: has " in refusal_of(folder)
    lines = [line for line in bert_vocabulary() if line != "[MASK]"]
    (folder / "vocab.txt").write_text("\n".join(lines), encoding="utf-8")
    assert "without [MASK] in its place" in refusal_of(folder)
    lines[1] = "<s>"
    lines += ["[MASK]"]
    (folder / "vocab.txt").write_text("\n".join(lines), encoding="utf-8")
    assert "<s> is there twice; fairseq needs it once" in refusal_of(folder)


def test_destdir_is_not_replaced_unasked(converted, tmp_path):
    out, source = tmp_path / "out", converted("xlmr").source
    convert(source, "--destdir", out)
    (out / "vocab.txt").touch()  # of another kind of model
    message = refusal(source, "--destdir", out)
    assert message == f"{out}: exists; replace it with --overwrite"
    convert(source, "--destdir", out, "--overwrite")
    assert not (out / "vocab.txt").exists()
    other = tmp_path / "other"
    other.mkdir()
    (other / "diary").touch()
    message = refusal(source, "--destdir", other, "--overwrite")
    assert "is not a model's folder" in message
    for place in (source, source.parent):
        message = refusal(source, "--destdir", place, "--overwrite")
        assert "give another" in message
    path = out / "model.pt"
    message = refusal("--to-hf", path, "--destdir", out, "--overwrite")
    assert f"{out}: holds {path}" in message


def test_checkpoints_that_cannot_be_exported(converted, tmp_path):
    folder = converted("mbert").folder
    state = torch.load(folder / "model.pt", weights_only=True)

    def exported(**changes) -> str:
        path = tmp_path / "model.pt"
        torch.save({**state, **changes}, path)
        return refusal("--to-hf", path, "--destdir", tmp_path / "out", "--data", folder)

    gone = refusal("--to-hf", tmp_path / "gone.pt", "--destdir", tmp_path / "out")
    assert "gone.pt: not found; give a checkpoint" in gone
    alone = tmp_path / "alone.pt"
    shutil.copy(folder / "model.pt", alone)
    message = refusal("--to-hf", alone, "--destdir", tmp_path / "out")
    assert f"or tokenizer.json: not found in {tmp_path}; copy" in message
    args = state["args"]
    args.encoder_normalize_before = True
    assert "trained with encoder_normalize_before True" in exported()
    args.encoder_normalize_before = False
    name = "encoder.sentence_encoder.embed_tokens.weight"
    fewer = {**state["model"], name: state["model"][name][:-1]}
    assert "tokens with <mask>, but" in exported(model=fewer)
    assert "no XLM-R or mBERT" in exported(model={"x": torch.ones(1)})
    assert "has no model and options" in exported(args=None)
    name = "encoder.lm_head.dense.bias"
    fewer = {k: v for k, v in state["model"].items() if k != name}
    assert f"lacks {name}" in exported(model=fewer)
    wider = {**state["model"], name: torch.ones(40)}
    assert f"{name} makes a cls.predictions.transform.dense.bias of shape (40,)" in (
        exported(model=wider)
    )
    args.encoder_attention_heads = None
    assert "its options lack encoder_attention_heads" in exported()
    args.encoder_attention_heads = 4
    head = "classification_heads.sentence_classification_head.out_proj.weight"
    more = {**state["model"], head: torch.ones(3, 32)}
    assert "has 3 classes, and names 0" in exported(model=more)
    named = {"labels": ["a", "b", "c"], "dictionary_sha256": "no"}
    assert "dict.txt: not the one that" in exported(model=more, task_state=named)


def test_options_of_the_other_direction_are_refused(converted, tmp_path):
    out, source = ["--destdir", tmp_path / "out"], converted("xlmr").source
    message = refusal("--to-hf", tmp_path / "x.pt", *out, "--task=xnli")
    assert message == "--task: does not go with this direction; leave it out"
    assert "--data: does not go" in refusal(source, *out, "--data", source)
    message = refusal(source / "config.json", *out)
    assert "config.json: not a folder; give one that save_pretrained wrote" in message


def test_script_ends_with_one_line(copy):
    folder = copy("mbert", TUNED)
    script = ROOT / "preprocess/convert_hf.py"
    done = call([str(script), str(folder), f"--destdir={folder.parent / 'out'}"])
    assert error_of(done).startswith(f"error: {folder}/config.json: a Be")
