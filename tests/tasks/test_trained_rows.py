"""Training the embeddings that the data have: as training all of them."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from fairseq.data import Dictionary
from omegaconf import OmegaConf
from refusals import refused
from simulated_gpu import pretend
from test_simulated_gpu import steps
from trainer import FAMILIES, build

from fairseq_xling.data.seen_tokens import TEXTS, seen_tokens
from fairseq_xling.files.json_text import read_object
from fairseq_xling.launching.trained_rows import choose_rows
from fairseq_xling.models.trained_rows import row_embeddings
from fairseq_xling.optim.whole_states import WholeStates

EMBEDDINGS = "encoder.sentence_encoder.embed_tokens.weight"
ROWS = {"train": 5, "valid": 4, "test": 2}
UNUSED = 20
FUSED = ["--optimizer=adamw_fused", "--clip-norm=0.5", "--scheduled-sampling-decay=4"]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    written = {}
    for name, (write, _) in FAMILIES.items():
        written[name] = write(folder / name, rows=ROWS)
        with open(written[name] / "dict.txt", "a") as file:
            file.writelines(f"unused{number} 1\n" for number in range(UNUSED))
        manifest = read_object(written[name] / "manifest.json")
        manifest["dictionary_size"] += UNUSED
        (written[name] / "manifest.json").write_text(json.dumps(manifest))
    return written


def built(data, family, chosen, *options):
    more = [*FUSED, *options, f"--train-embeddings={chosen}"]
    return build(FAMILIES[family][1], data[family], *more)


def update(one, updates, first=0):
    """Updates on batches of two to four rows, with a validation between."""
    dataset = one.task.load_dataset("train")
    valid = one.task.load_dataset("valid")
    one.trainer._dummy_batch = valid.collater([valid[0], valid[1]])
    losses = []
    for number in range(first, first + updates):
        rows = np.random.default_rng(number).choice(len(dataset), 2 + number % 3)
        batch = dataset.collater([dataset[row] for row in rows])
        one.trainer.train_step([batch])
        if number % 7 == 3:
            batch = valid.collater([valid[row] for row in range(4)])
            losses.append(float(one.trainer.valid_step(batch)["loss"]))
    return losses


def equal(first, second):
    assert list(first) == list(second)
    for name, value in first.items():
        assert value.dtype == second[name].dtype
        assert torch.equal(value, second[name]), name


def state_of(one):
    """What a checkpoint has."""
    one.trainer.consolidate_optimizer()  # as fairseq does before it saves
    return one.trainer.state_dict()


def naively_seen(task):
    found = {task.dictionary.index("<mask>"), *range(4)}
    for streams in task.training_streams():
        for name in TEXTS:
            held = getattr(streams, name)
            for row in range(len(held) if held is not None else 0):
                found.update(held[row].tolist())
    return sorted(found)


@pytest.mark.parametrize("family", FAMILIES)
def test_twenty_updates_are_those_of_all_rows_bit_for_bit(data, family):
    seen, whole = (built(data, family, chosen) for chosen in ("seen", "all"))
    (embedding,) = row_embeddings(seen.model)
    assert embedding.ids.tolist() == naively_seen(seen.task)
    assert 8 < len(embedding.rows) <= embedding.num_embeddings - UNUSED
    assert not row_embeddings(whole.model)
    # A batch that fairseq runs and drops may have other tokens.
    others = [x for x in range(len(embedding.places)) if x not in embedding.ids]
    found = embedding.train()(torch.tensor(others))
    padding = embedding.weight[embedding.padding_idx]
    assert torch.equal(found, padding.expand_as(found))
    losses = update(seen, 20)
    assert losses == update(whole, 20) and len(losses) == 3
    # While it trains, and without a validation before.
    saved = state_of(seen), state_of(whole)
    equal(saved[0]["model"], saved[1]["model"])
    ours, theirs = (one["last_optimizer_state"]["state"] for one in saved)
    assert list(ours) == list(theirs)
    for number, state in theirs.items():
        equal(ours[number], state)
    # And so is what is trained.
    began = built(data, family, "seen").model.state_dict()[EMBEDDINGS]
    moved = (saved[0]["model"][EMBEDDINGS] != began).any(dim=1)
    assert 4 < int(moved.sum()) <= len(embedding.rows)
    assert not moved[embedding.padding_idx]


def go_on(one, path, first):
    """Go on from a checkpoint with three updates, and save another."""
    if first:
        one.trainer.load_checkpoint(str(path))
    update(one, 3, first)
    iterator = {"epoch": 1, "version": 2, "iterations_in_epoch": first + 3}
    one.trainer.consolidate_optimizer()
    one.trainer.save_checkpoint(str(path), {"train_iterator": iterator})
    return torch.load(path, weights_only=True)


def test_a_run_goes_on_with_all_rows_and_with_those_of_the_data(data, tmp_path):
    paths = tmp_path / "one.pt", tmp_path / "other.pt"
    for number, chosen in enumerate(("all", "seen", "all", "seen")):
        changed = go_on(built(data, "pairs", chosen), paths[0], 3 * number)
        steady = go_on(built(data, "pairs", "all"), paths[1], 3 * number)
        equal(changed["model"], steady["model"])


def test_a_run_goes_on_with_other_data(data, tmp_path, caplog):
    path = tmp_path / "one.pt"
    before = go_on(built(data, "pairs", "seen"), path, 0)
    fewer = built(data, "pairs", "seen", "--target-langs=de")
    (embedding,) = row_embeddings(fewer.model)
    after = go_on(fewer, path, 3)
    matrices = [one["model"][EMBEDDINGS] for one in (before, after)]
    states = [one["last_optimizer_state"]["state"][0] for one in (before, after)]
    moving = states[0]["exp_avg"].any(dim=1)
    moving[embedding.ids] = False
    lost = moving.nonzero().flatten()
    said = f"{len(lost)} tokens that the data do not have were trained"
    assert len(lost) > 0 and caplog.text.count(said) == 1
    assert torch.equal(matrices[0][lost], matrices[1][lost])
    assert not torch.equal(*matrices)
    for state, matrix in zip(states, matrices):
        assert state["exp_avg"].shape == state["exp_avg_sq"].shape == matrix.shape
    assert not states[1]["exp_avg"][lost].any() and states[1]["step"] == 6
    # Back to all of it.
    go_on(built(data, "pairs", "all"), path, 6)
    assert caplog.text.count(said) == 1


def test_states_of_all_parameters_as_one_vector_are_filled_and_picked():
    ids, width, vocabulary = torch.tensor([1, 2, 5]), 4, 7
    flat = torch.arange(1.0, 4 + 3 * width + 6)
    states = WholeStates(ids, vocabulary, (3, width), 0, start=3)
    step = torch.tensor(2.0)
    saved = {"state": {0: {"exp_avg": flat, "step": step}}, "param_groups": []}
    filled = states.fill(None, saved)["state"][0]
    want = flat[:3].tolist()
    for token in range(vocabulary):
        row = ids.tolist().index(token) if token in ids else None
        for column in range(width):
            want.append(0.0 if row is None else float(flat[3 + row * width + column]))
    want += flat[3 + 3 * width :].tolist()
    assert filled["exp_avg"].tolist() == want and filled["step"] is step
    assert torch.equal(saved["state"][0]["exp_avg"], flat)
    again = {"state": {0: filled}}
    states.pick(None, again)
    assert torch.equal(again["state"][0]["exp_avg"], flat)


def test_in_bf16_it_is_the_same(data):
    ours, theirs = (built(data, "pairs", x, "--bf16") for x in ("seen", "all"))
    for one in (ours, theirs):
        update(one, 3)
    saved = state_of(ours), state_of(theirs)
    equal(saved[0]["model"], saved[1]["model"])
    ours, theirs = (one["last_optimizer_state"]["state"] for one in saved)
    for number, state in theirs.items():
        equal(ours[number], state)


def test_in_fp16_no_step_waits_longer(data):
    with pretend():
        found = [
            steps("xmixup_xnli", data["pairs"], False, [*FUSED, "--fp16", chosen])
            for chosen in ("--train-embeddings=seen", "--train-embeddings=all")
        ]
    assert found[0][1:] == found[1][1:]
    assert found[0][0] == [pytest.approx(log, abs=0.01) for log in found[1][0]]


def test_embeddings_can_stay_as_they_are(data):
    one = built(data, "pairs", "none")
    before = {name: value.clone() for name, value in one.model.state_dict().items()}
    update(one, 2)
    for name, value in one.model.state_dict().items():
        is_frozen = name == EMBEDDINGS or "lm_head" in name or "version" in name
        assert torch.equal(value, before[name]) == is_frozen, name


def test_optimizers_that_look_at_whole_matrices_are_refused(data):
    one = built(data, "pairs", "seen", "--optimizer=adafactor")
    with refused("--optimizer adafactor looks at whole matrices"):
        one.trainer.optimizer  # noqa: B018


@pytest.mark.parametrize(
    "optimizer, decay, given, want",
    [
        ("adam", 0.0, None, "seen"),
        ("adamw_fused", 0.0, None, "seen"),
        ("adamw_fused", 0.01, None, "all"),
        ("sgd", 0.0, None, "all"),
        ("adam", 0.01, "seen", "seen"),
        ("adam", 0.0, "none", "none"),
    ],
)
def test_rows_of_the_data_are_the_default_where_it_makes_no_difference(
    optimizer, decay, given, want
):
    cfg = OmegaConf.create({"task": {"train_embeddings": given}})
    cfg.optimizer = {"_name": optimizer, "weight_decay": decay}
    choose_rows(cfg)
    assert cfg.task.train_embeddings == want
    other = OmegaConf.create({"task": {"data": "x"}})
    choose_rows(other)  # pre-training
    assert other.task == {"data": "x"}


def test_tokens_are_found_in_every_text_of_a_mixture(data, tmp_path):
    both = f"{data['pairs']},{data['pairs']}"
    options = ["--criterion=confidence_penalty", f"--mixture={both}"]
    task = build("multimix_xnli", data["pairs"], *options, build_model=False).task
    assert len(task.training_streams()) == 2
    ids = seen_tokens(task.training_streams(), task.dictionary)
    assert ids.tolist() == naively_seen(task)
    streams = SimpleNamespace(input=None, source=None, backtranslation=None)
    assert seen_tokens([streams], Dictionary()).tolist() == [0, 1, 2, 3]
