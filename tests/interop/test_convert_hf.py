"""Hugging Face folders as fairseq folders, and back: what the models compute."""

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import transformers
from family_data import pair_folder, train
from hf_models import (
    CLASSES,
    DISTILBERT_SIZES,
    ENDINGS,
    PAIRS,
    SIZES,
    TASKS,
    TOKENIZERS,
    batch_of,
    close,
    convert,
    same_tensors,
    tensors,
    to_fairseq,
    write_hf,
)

import fairseq_xling
from fairseq_xling.checkpoints.task_model import load_task_model
from fairseq_xling.data.tokenizers import find_tokenizer
from fairseq_xling.models import XMixupXLMRModel
from fairseq_xling.models.inspection import layer_states

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # Hydra's
FAMILIES = list(CLASSES)
HEADS = {
    "ForSequenceClassification": {
        "classification_head_name": "sentence_classification_head"
    },
    "ForTokenClassification": {"token_head_name": "tagging_head"},
    "ForQuestionAnswering": {"token_head_name": "span_head"},
}


def load(folder: Path, ending: str):
    if ending in TASKS:
        return fairseq_xling.from_pretrained(folder / "model.pt").model
    return XMixupXLMRModel.from_pretrained(str(folder)).model


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("backbone", FAMILIES)
@torch.no_grad()
def test_states_and_logits_are_hugging_faces(converted, backbone, ending):
    made = converted(backbone, ending)
    batch = batch_of(made.folder, made.source)
    assert not batch.real.all()
    assert torch.equal(batch.ids[batch.tokens], batch.inputs["input_ids"])
    assert ("token_type_ids" in batch.inputs) == (backbone == "mbert")
    if backbone == "mbert":
        assert batch.inputs["token_type_ids"].any()
    model = load(made.folder, ending)
    want = made.model(**batch.inputs, output_hidden_states=True)
    for layer, states in enumerate(want.hidden_states):
        features = layer_states(model, batch.tokens, layer)
        close(features[batch.real], states[batch.real])
    if ending == "ForMaskedLM":
        logits, _ = model(batch.tokens)
        close(logits[batch.real], want.logits[batch.real][:, batch.ids])
    elif ending in HEADS:
        logits, _ = model(batch.tokens, features_only=True, **HEADS[ending])
        if ending == "ForQuestionAnswering":
            starts_ends = torch.stack([want.start_logits, want.end_logits], dim=-1)
            close(logits[batch.real], starts_ends[batch.real])
        elif ending == "ForTokenClassification":
            close(logits[batch.real], want.logits[batch.real])
        else:
            close(logits, want.logits)


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("backbone", FAMILIES)
def test_there_and_back_changes_no_bit(converted, tmp_path, backbone, ending):
    made = converted(backbone, ending)
    convert("--to-hf", made.folder / "model.pt", "--destdir", tmp_path / "back")
    same_tensors(tensors(tmp_path / "back"), tensors(made.source))
    old, new = (
        json.loads((folder / "config.json").read_text())
        for folder in (made.source, tmp_path / "back")
    )
    sizes = DISTILBERT_SIZES if backbone == "distilbert" else SIZES
    names = ("architectures", "vocab_size", "max_position_embeddings", "id2label")
    names += ("layer_norm_eps", "type_vocab_size", "model_type")
    for name in (*names, *sizes):
        assert old.get(name) == new.get(name), name
    kind = getattr(transformers, CLASSES[backbone] + ending)
    again, info = kind.from_pretrained(tmp_path / "back", output_loading_info=True)
    assert not info["missing_keys"] and not info["unexpected_keys"]
    assert (
        again.config.to_dict().get(
            "hidden_act", again.config.to_dict().get("activation")
        )
        == "gelu"
    )


@pytest.mark.parametrize("use_fast", [False, True])
@pytest.mark.parametrize("backbone", FAMILIES)
def test_tokenizer_reads_as_before(converted, tmp_path, backbone, use_fast):
    made = converted(backbone, "ForMaskedLM")
    convert("--to-hf", made.folder / "model.pt", "--destdir", tmp_path / "back")
    kind = transformers.AutoTokenizer
    old = kind.from_pretrained(made.source, use_fast=False)
    new = kind.from_pretrained(tmp_path / "back", use_fast=use_fast)
    assert new.is_fast or not use_fast  # transformers 5 has no other
    texts = [text for pair in PAIRS for text in pair]
    texts += ["  Der HUND,läuft ! ", "e\u0301 é ﬁ 狗dog", "<mask>", "[MASK] unter", ""]
    for text in texts:
        assert new(text)["input_ids"] == old(text)["input_ids"], text
    for pair in PAIRS:
        assert new(*pair)["input_ids"] == old(*pair)["input_ids"]
    assert new.all_special_ids and new.mask_token_id == old.mask_token_id
    for name in ("pad", "cls", "sep", "unk"):
        key = f"{name}_token_id"
        assert getattr(new, key) == getattr(old, key), name
    assert new.model_max_length == (64 if backbone == "xlmr" else 66)
    assert type(old) is type(kind.from_pretrained(tmp_path / "back", use_fast=False))


@pytest.mark.parametrize("backbone", FAMILIES)
def test_rows_beyond_the_tokenizer_are_fillers(spm, tmp_path, backbone):
    write_hf(backbone, "ForMaskedLM", tmp_path / "hf", spm, extra_rows=5)
    folder = to_fairseq(tmp_path / "hf", "ForMaskedLM")
    lines = (folder / "dict.txt").read_text(encoding="utf-8").splitlines()
    assert lines[-5:] == [f"madeupword{i:04d} 1" for i in range(5)]
    convert("--to-hf", folder / "model.pt", "--destdir", tmp_path / "back")
    same_tensors(tensors(tmp_path / "back"), tensors(tmp_path / "hf"))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_kept(spm, tmp_path, dtype):
    model = write_hf("mbert", "ForMaskedLM", tmp_path / "hf", spm)
    model.to(dtype).save_pretrained(tmp_path / "hf")
    folder = to_fairseq(tmp_path / "hf", "ForMaskedLM")
    convert("--to-hf", folder / "model.pt", "--destdir", tmp_path / "back")
    same_tensors(tensors(tmp_path / "back"), tensors(tmp_path / "hf"))
    config = json.loads((tmp_path / "back/config.json").read_text())
    assert config["torch_dtype"] == str(dtype)[len("torch.") :]


@pytest.mark.parametrize("backbone", FAMILIES)
def test_converted_model_is_fine_tuned_and_exported(converted, tmp_path, backbone):
    made = converted(backbone, "ForMaskedLM")
    files = SimpleNamespace(
        model=str(find_tokenizer(made.folder)), dictionary=str(made.folder / "dict.txt")
    )
    data = pair_folder(tmp_path / "raw", files)
    shape = {"embed-dim": 32, "ffn-embed-dim": 48, "attention-heads": 4}
    is_xlmr = TOKENIZERS[backbone] == "XLMRoberta"
    log = train(
        "xmixup_xnli",
        data,
        tmp_path / "tuned",
        f"--arch=xmixup_{'xlmr' if is_xlmr else 'mbert'}",
        *(f"--encoder-{name}={value}" for name, value in shape.items()),
        f"--finetune-from-model={made.folder / 'model.pt'}",
        "--max-positions=40",
        "--truncate-sequence",
        "--max-update=3",
    )
    assert "loading pretrained model" in log
    path = tmp_path / "tuned/checkpoint_best.pt"
    convert("--to-hf", path, "--destdir", tmp_path / "hf")
    kind = transformers.AutoModelForSequenceClassification
    model = kind.from_pretrained(tmp_path / "hf").eval()
    batch = batch_of(data, tmp_path / "hf")
    predictor = fairseq_xling.from_pretrained(path)
    with torch.no_grad():
        want = model(**batch.inputs).logits
        got, _ = predictor.model(
            batch.tokens, features_only=True, **HEADS["ForSequenceClassification"]
        )
    close(got, want)
    names = ["contradiction", "entailment", "neutral"]
    assert [model.config.id2label[i] for i in range(3)] == names
    # What its layers came from, but for what XLM-R's can do, too.
    kind = "XLMRoberta" if is_xlmr else CLASSES[backbone]
    assert type(model.config).__name__ == f"{kind}Config"
    assert model.config.max_position_embeddings == (42 if is_xlmr else 40)
    convert(tmp_path / "hf", "--destdir", tmp_path / "again", "--task", "xnli")
    old, new = (
        torch.load(p, weights_only=True) for p in (path, tmp_path / "again/model.pt")
    )
    lost = ("encoder.lm_head.", ".mixup_ratio.", ".version")
    kept = {k: v for k, v in old["model"].items() if not any(x in k for x in lost)}
    same_tensors(new["model"], kept)
    assert new["task_state"]["labels"] == old["task_state"]["labels"]
    digests = [state["task_state"]["dictionary_sha256"] for state in (old, new)]
    assert digests[0] == digests[1]
    task, evaluated = load_task_model(str(tmp_path / "again/model.pt"), str(data))
    assert task.label_names == names
    with torch.no_grad():
        got, _ = evaluated.eval()(
            batch.tokens, features_only=True, **HEADS["ForSequenceClassification"]
        )
    close(got, want)
    again = fairseq_xling.from_pretrained(tmp_path / "again/model.pt")
    for one, row in zip(again.predict(PAIRS), want.softmax(dim=-1)):
        assert list(one["probabilities"]) == names
        found = list(one["probabilities"].values())
        assert found == pytest.approx(row.tolist(), 1e-4)
        assert one["label"] == names[row.argmax()]


@torch.no_grad()
def test_distilbert_with_another_head_is_written_as_a_bert(converted, tmp_path):
    made = converted("distilbert", "ForMaskedLM")
    folder = Path(shutil.copytree(made.folder, tmp_path / "trained"))
    state = torch.load(folder / "model.pt", weights_only=True)
    del state["hf_model_type"]  # which training does not keep
    state["args"].pooler_activation_fn = "tanh"
    torch.save(state, folder / "model.pt")
    convert("--to-hf", folder / "model.pt", "--destdir", tmp_path / "back")
    kind = transformers.AutoModelForMaskedLM
    model = kind.from_pretrained(tmp_path / "back").eval()
    assert type(model) is transformers.BertForMaskedLM
    batch = batch_of(made.folder, made.source)
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "back")
    inputs = tokenizer(*map(list, zip(*PAIRS)), padding=True, return_tensors="pt")
    assert inputs["token_type_ids"].any()
    want, got = made.model(**batch.inputs).logits, model(**inputs).logits
    close(got[batch.real], want[batch.real])
