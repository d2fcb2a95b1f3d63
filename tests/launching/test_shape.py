"""--arch xmixup_xlmr and xmixup_mbert: the model's shape is the checkpoint's."""

import copy
from argparse import Namespace
from types import SimpleNamespace

import pytest
import torch
from augment_data import write_lm
from fairseq import options, tasks
from fairseq.dataclass.utils import convert_namespace_to_omegaconf
from fairseq.models.roberta import RobertaModel
from forked import run_in_fork
from mbert_data import write_mbert
from omegaconf import OmegaConf
from pair_data import write_pair_data
from raw_data import WORDS
from refusals import error_of, refused
from small_model import checkpoint, small_args, small_task
from training import SHAPE, train_command

from fairseq_xling.checkpoints.shape import SIZES, shape_of
from fairseq_xling.launching.shape import fill_shape

SIZED = {"encoder_layers": 2, "encoder_embed_dim": 16, "encoder_ffn_embed_dim": 24}
SIZED["encoder_attention_heads"] = 2


def command(data, save_dir, *more):
    """A call of fairseq-train that names no size."""
    words = train_command(data, save_dir, "--disable-validation", *more)
    left_out = (*SHAPE, "--arch=xmixup_xlmr_mini")
    return [words[0], *(x for x in words[1:] if x not in left_out)]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_pair_data(tmp_path_factory.mktemp("data") / "bin")


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """As fairseq's XLM-R: options in args, names and fused matrices of long ago."""
    torch.manual_seed(3)
    args = small_args(arch="roberta_base", task="masked_lm", max_positions=70)
    model = RobertaModel.build_model(args, small_task())
    for parameter in model.parameters():
        parameter.data.add_(0.2 * torch.randn_like(parameter))
    old = {}
    for name, tensor in model.state_dict().items():
        name = name.replace("encoder.", "decoder.", 1)
        old[name.replace("layernorm_embedding", "emb_layer_norm")] = tensor
    for stem in {key.partition("q_proj")[0] for key in old if "q_proj" in key}:
        for kind in ("weight", "bias"):
            parts = [old.pop(f"{stem}{part}_proj.{kind}") for part in "qkv"]
            old[f"{stem}in_proj_{kind}"] = torch.cat(parts)
    path = tmp_path_factory.mktemp("published") / "model.pt"
    torch.save(checkpoint(args, old), path, _use_new_zipfile_serialization=False)
    return SimpleNamespace(path=path, model=model)


def test_training_begins_with_a_published_model_and_goes_on_without_it(
    plain, data, published, tmp_path
):
    start = f"--finetune-from-model={published.path}"
    out = tmp_path / "out"
    words = ["--arch=xmixup_xlmr", "--training-set=source", "--dropout=0"]
    arguments = command(data, out, *words, "--lr=0", "--max-update=1")
    done = run_in_fork([*arguments, start], check=True)
    assert "--encoder-layers 2, --encoder-embed-dim 16" in done.stdout
    # 70 positions are fewer than the task's 512.
    state = torch.load(out / "checkpoint_last.pt", weights_only=True)
    held = vars(state["cfg"]["model"])
    assert {name: held[name] for name in SIZED} == SIZED
    assert held["max_positions"] == 70 and held["layer_norm_eps"] == 1e-5
    for name, value in published.model.state_dict().items():
        assert torch.equal(state["model"][name], value), name
    # A run that goes on does not look at what it began with; and its own checkpoint is
    # as good a beginning as any.
    own = filled(plain, "/nowhere", save_dir=str(out))
    for cfg in (own, filled(plain, out / "checkpoint_last.pt")):
        assert {name: getattr(cfg.model, name) for name in SIZED} == SIZED


def configure(data, *more):
    """Options of fairseq-train, as they are when its work begins."""
    words = command(data, data.parent / "not-written", *more)[1:]
    words = [x for x in words if not x.startswith("--user-dir")]
    args = options.parse_args_and_arch(options.get_training_parser(), words)
    return convert_namespace_to_omegaconf(args)


@pytest.fixture(scope="module")
def plain(data):
    return configure(data, "--arch=xmixup_xlmr", "--finetune-from-model=x")


def filled(plain, path, restore=False, limit=None, save_dir=None, **typed):
    cfg = SimpleNamespace(
        model=Namespace(**vars(plain.model)),
        task=copy.deepcopy(plain.task),
        checkpoint=copy.deepcopy(plain.checkpoint),
    )
    name = "restore_file" if restore else "finetune_from_model"
    setattr(cfg.checkpoint, name, str(path))
    cfg.checkpoint.save_dir = save_dir or cfg.checkpoint.save_dir
    for name, value in typed.items():
        setattr(cfg.model, name, value)
    if limit is not None:
        cfg.task.max_positions = limit
    fill_shape(cfg)
    return cfg


def test_constants_are_those_that_a_checkpoint_stores(plain, tmp_path):
    lines = [" ".join(words) for words in WORDS.values()]
    path = write_mbert(tmp_path, lines)
    state = torch.load(path, weights_only=True)
    stored = vars(state["args"]) if state["args"] else vars(state["cfg"]["model"])
    stored.update(layer_norm_eps=3e-7, activation_fn="relu", mixup_layer="1")
    torch.save(state, path)
    for restore in (False, True):
        model = filled(plain, path, restore).model
        assert model.num_segments == 2 and model.layer_norm_eps == 3e-7
        assert model.activation_fn == "relu"
        # How it was trained is no part of its shape.
        assert model.mixup_layer is None
    # Old versions stored no epsilon: BERT's, as it has segments.
    del stored["layer_norm_eps"]
    torch.save(state, path)
    assert filled(plain, path).model.layer_norm_eps == 1e-12


def test_what_is_typed_wins(plain, published):
    typed = dict(layer_norm_eps=1e-3, encoder_attention_heads=4, encoder_layers=2)
    cfg = filled(plain, published.path, limit=30, **typed)
    for name, value in typed.items():
        assert getattr(cfg.model, name) == value
    assert cfg.task.max_positions == 30
    assert filled(plain, published.path).task.max_positions == 70


@pytest.mark.parametrize(
    "typed, message",
    [
        ({"encoder_layers": 3}, "--encoder-layers 3: {} has 2; leave"),
        ({"encoder_embed_dim": 32}, "--encoder-embed-dim 32: {} has 16; leave"),
        ({"encoder_ffn_embed_dim": 1}, "--encoder-ffn-embed-dim 1: {} has 24; leave"),
        ({"num_segments": 2}, "--num-segments 2: {} has 0; leave"),
        ({"limit": 71}, "--max-positions 71: {} has 70; give that or less"),
    ],
)
def test_contradiction_is_one_line_with_both_values(plain, published, typed, message):
    with refused(message.format(published.path)):
        filled(plain, published.path, **typed)


def test_files_of_yaml_are_filled_alike(plain, published):
    options = {"_name": "xmixup_xlmr", "layer_norm_eps": 1e-3}
    cfg = SimpleNamespace(
        model=OmegaConf.create(options),
        task=copy.deepcopy(plain.task),
        checkpoint=copy.deepcopy(plain.checkpoint),
    )
    OmegaConf.set_struct(cfg.model, True)
    cfg.checkpoint.finetune_from_model = str(published.path)
    fill_shape(cfg)
    shape = {**shape_of(published.path), "layer_norm_eps": 1e-3}
    assert {k: v for k, v in cfg.model.items() if k != "_name"} == shape
    model = tasks.setup_task(cfg.task).build_model(cfg.model)
    assert len(model.encoder.sentence_encoder.layers) == 2


def test_without_a_checkpoint_one_line_says_what_to_give(data, plain, tmp_path):
    words = command(data, tmp_path / "out", "--arch=xmixup_xlmr", "--max-update=1")
    error = error_of(run_in_fork(words))
    assert "error: --arch xmixup_xlmr and xmixup_mbert take their sizes" in error
    assert "--finetune-from-model" in error and "xmixup_xlmr_base" in error
    assert not (tmp_path / "out").exists()
    # All sizes, typed, are enough.
    typed = Namespace(**vars(plain.model), **SIZED)
    model = tasks.setup_task(plain.task).build_model(typed)
    assert model.args.layer_norm_eps == 1e-5 and model.args.num_segments == 0


def test_checkpoint_that_tells_too_little_is_refused(plain, tmp_path, published):
    state = torch.load(published.path, weights_only=True)
    del state["args"].encoder_attention_heads
    torch.save(state, tmp_path / "headless.pt")
    with refused("--encoder-attention-heads: give it, as .*pt"):
        filled(plain, tmp_path / "headless.pt")
    filled(plain, tmp_path / "headless.pt", encoder_attention_heads=4)
    state["model"] = {"x": torch.ones(2)}
    torch.save(state, tmp_path / "other.pt")
    with refused("other.pt: no XLM-R or mBERT, .*--encoder-lay"):
        filled(plain, tmp_path / "other.pt")


def test_pre_training_goes_on_from_a_checkpoint_of_any_size(spm, tmp_path):
    """With fairseq's own task, which knows nothing of ours."""
    path = write_lm(tmp_path / "lm", spm)
    cfg = SimpleNamespace(
        model=Namespace(arch="xmixup_xlmr"),
        task=SimpleNamespace(_name="masked_lm"),
        checkpoint=SimpleNamespace(restore_file=str(path)),
    )
    fill_shape(cfg)
    shape = shape_of(path)
    assert all(getattr(cfg.model, name) == shape[name] for name in SIZES)
    assert cfg.model.max_positions == shape["max_positions"]
