"""Loading checkpoints: XLM-R as it is, shorter positions, and what does not fit."""

from argparse import ArgumentParser, Namespace

import pytest
import torch
from augment_data import build_lm, write_lm
from fairseq.models import ARCH_CONFIG_REGISTRY, ARCH_MODEL_REGISTRY
from fairseq.models.roberta import RobertaModel, XLMRModel
from refusals import refused
from small_data import tiny_dictionary
from small_model import HEAD, checkpoint, small_args, small_model, small_task

from fairseq_xling.data.dictionaries import load_dictionary
from fairseq_xling.models.xmixup_xlmr import XMixupXLMRModel

FIRST = "encoder.sentence_encoder.layers.0"


def fresh(**options) -> XMixupXLMRModel:
    return XMixupXLMRModel.build_model(small_args(**options), small_task())


@pytest.fixture
def roberta():
    torch.manual_seed(3)
    return RobertaModel.build_model(small_args(), small_task())


def test_roberta_checkpoint_loads_as_it_is(roberta):
    model = fresh(mixup_layer="1,2")
    model.load_state_dict(roberta.state_dict(), strict=True)
    for name, value in roberta.state_dict().items():
        assert torch.equal(model.state_dict()[name], value), name
    assert [ratio.weight.item() for ratio in model.ratio_modules()] == [1.0, 1.0]


def test_old_names_of_published_checkpoints_are_understood(roberta):
    old = {
        name.replace("encoder.", "decoder.", 1).replace(
            "layernorm_embedding", "emb_layer_norm"
        ): value
        for name, value in roberta.state_dict().items()
        if not name.endswith("version")
    }
    model = fresh()
    model.load_state_dict(old, strict=True)
    name = "encoder.sentence_encoder.layernorm_embedding.weight"
    assert torch.equal(model.state_dict()[name], roberta.state_dict()[name])


def test_model_with_fewer_positions_takes_the_first_ones(roberta):
    model = fresh(max_positions=20)
    name = "encoder.sentence_encoder.embed_positions.weight"
    model.load_state_dict(roberta.state_dict(), strict=True)
    assert torch.equal(model.state_dict()[name], roberta.state_dict()[name][:22])


def test_learned_ratio_survives_saving_and_loading():
    trained = fresh(mixup_layer="1")
    with torch.no_grad():
        trained.ratio_modules()[0].weight_offset.fill_(0.25)
    other = fresh(mixup_layer="1")
    other.load_state_dict(trained.state_dict(), strict=True)
    assert other.ratio_modules()[0].weight.item() == 1.25


def test_ratio_of_a_layer_that_does_not_mix_is_dropped():
    trained = fresh(mixup_layer="1")
    plain = fresh(mixup_layer="0")
    plain.load_state_dict(trained.state_dict(), strict=True)
    assert plain.ratio_modules() == []


@pytest.mark.parametrize(
    "options, message",
    [
        ({"max_positions": 50}, "has --max-positions 40, the model 50: lower it"),
        ({"encoder_layers": 3}, "--encoder-layers 2, the model 3: .*--arch"),
        ({"encoder_embed_dim": 32}, "--encoder-embed-dim 16, the model 32: .*--arch"),
    ],
)
def test_other_architecture_is_refused_in_one_line(roberta, options, message):
    with refused(message):
        fresh(**options).load_state_dict(roberta.state_dict(), strict=True)


def test_dictionary_of_another_checkpoint_is_refused(roberta):
    task = small_task()
    task.source_dictionary.add_symbol("one more")
    model = XMixupXLMRModel.build_model(small_args(), task)
    with refused("tokens, the dictionary .*dict.txt of the check"):
        model.load_state_dict(roberta.state_dict(), strict=True)


@pytest.mark.parametrize("ratio", [0.0, -0.1, 1.5])
def test_impossible_maximum_ratio_is_refused(ratio):
    with refused("--mixup-max-ratio"):
        fresh(mixup_max_ratio=ratio)


@pytest.fixture
def folder(tmp_path, spm):
    """A folder as fairseq's XLM-R downloads unpack."""
    return write_lm(tmp_path, spm, is_published=True).parent


def test_from_pretrained_gives_fairseqs_interface(folder, spm):
    hub = XMixupXLMRModel.from_pretrained(str(folder), mixup_layer="2")
    tokens = torch.tensor([[0, 10, 11, 12, 2]])
    _, theirs = build_lm(load_dictionary(spm.dictionary))
    want, _ = theirs.eval()(tokens, features_only=True)
    torch.testing.assert_close(hub.extract_features(tokens), want, rtol=0, atol=1e-6)
    assert hub.model.encoder.sentence_encoder.mixup_layers == [2]
    encoded = hub.encode("the dog", "cat")
    assert encoded[0] == 0 and encoded[-1] == 2 and (encoded == 2).sum() == 3


def test_from_pretrained_brings_the_heads(folder):
    model = small_model()
    model.register_token_head("tags", 4, 0.0)
    tiny_dictionary().save(str(folder / "dict.txt"))
    args = Namespace(**vars(small_args()), arch="xmixup_xlmr_mini", task="masked_lm")
    torch.save(checkpoint(args, model.state_dict()), folder / "tuned.pt")
    hub = XMixupXLMRModel.from_pretrained(str(folder), "tuned.pt")
    tokens = torch.tensor([[0, 10, 2, 2, 12, 2]])
    logits, _ = model(tokens, features_only=True, classification_head_name=HEAD)
    got = hub.predict(HEAD, tokens, return_logits=True)
    torch.testing.assert_close(got, logits, rtol=0, atol=1e-6)
    for options in ({}, {"word_starts": torch.tensor([[1, 4]])}):
        given = {"features_only": True, "token_head_name": "tags", **options}
        torch.testing.assert_close(
            hub.model(tokens, **given)[0], model(tokens, **given)[0]
        )


@pytest.mark.parametrize(
    "name, message",
    [
        ("model.pt", "model.pt: not found"),
        ("dict.txt", "dict.txt: not found"),
        ("sentencepiece.bpe.model", "neither sentencepiece.bpe.model nor tokenizer"),
    ],
)
def test_folder_that_lacks_a_file_is_refused(folder, name, message):
    (folder / name).unlink()
    with refused(message):
        XMixupXLMRModel.from_pretrained(str(folder))


def test_names_for_download_are_fairseqs():
    assert XMixupXLMRModel.hub_models() == XLMRModel.hub_models()
    assert "xlmr.large" in XMixupXLMRModel.hub_models()


OURS = [x for x, model in ARCH_MODEL_REGISTRY.items() if model is XMixupXLMRModel]


@pytest.mark.parametrize("arch", OURS)
def test_head_for_sequences_has_the_papers_dropout_unless_told(arch):
    for given, expected in (({}, 0.1), ({"pooler_dropout": 0.0}, 0.0)):
        args = Namespace(**given)
        ARCH_CONFIG_REGISTRY[arch](args)
        assert args.pooler_dropout == expected


@pytest.mark.parametrize("options, share", [({}, 0.1), ({"pooler_dropout": 0.0}, 0)])
def test_dropout_acts_before_both_layers_of_the_head_in_training_only(options, share):
    head = small_model(**options).classification_heads[HEAD]
    read = []
    for layer in (head.dense, head.out_proj):
        layer.register_forward_pre_hook(lambda _, inputs: read.append(inputs[0]))
    states = torch.ones(4000, 1, 16)
    for training in (True, False):
        read.clear()
        head.train(training)(states)
        found = [(one == 0).float().mean().item() for one in read]
        assert found == pytest.approx([share * training] * 2, abs=0.01)


@pytest.mark.parametrize("layers", ["0", "1", "1,2"])
@pytest.mark.parametrize("option", ["checkpoint_activations", "offload_activations"])
def test_states_that_are_computed_again_give_the_same_gradients(option, layers):
    tokens = torch.tensor([[0, 10, 11, 12, 2], [0, 13, 2, 1, 1], [0, 14, 15, 2, 1]])
    sources = torch.tensor([[0, 20, 21, 22, 23, 2], [0, 24, 25, 2, 1, 1]])

    def run(**options):
        model = small_model(mixup_layer=layers, **options).train()
        torch.manual_seed(5)
        for given in ((tokens, sources), (tokens,)):
            model(*given, classification_head_name=HEAD)[0].pow(2).sum().backward()
        return model, {name: p.grad for name, p in model.named_parameters()}

    # With dropout: its draws are the same ones.
    _, want = run()
    model, found = run(**{option: True})
    assert want.keys() == found.keys() and want[f"{FIRST}.fc1.weight"].norm() > 0
    for name, grad in want.items():
        assert (grad is None) == (found[name] is None), name
        assert grad is None or torch.equal(grad, found[name]), name
    for layer in model.encoder.sentence_encoder.layers:
        _, offloads = layer.forward.args
        assert offloads == (option == "offload_activations")


def test_both_options_are_known_to_fairseq_train():
    parser = ArgumentParser()
    XMixupXLMRModel.add_args(parser)
    given = parser.parse_args(["--offload-activations"])
    assert given.offload_activations and not given.checkpoint_activations
    assert parser.parse_args(["--checkpoint-activations"]).checkpoint_activations
