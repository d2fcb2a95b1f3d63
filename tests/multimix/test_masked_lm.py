"""One position of a language model against all of them, and which models will do."""

import shutil

import pytest
import torch
from fairseq.data import Dictionary
from lm_data import LONGEST, piece_dictionary, small_lm
from small_model import pad_rows

from fairseq_xling.data.manifest import Manifest
from fairseq_xling.errors import UserError
from fairseq_xling.files.hashes import sha256_of
from fairseq_xling.multimix.lm_checkpoint import check_when_loaded
from fairseq_xling.multimix.masked_lm import MaskedLM, run_layer

SYMBOLS = len(piece_dictionary())
ROWS = [[0, 9, 10, 108, 2], [0, 4, 5, 6, 2, 2, 30, 31, 108, 108, 2], [0, 7, 2]]


def padded(row_length, rows=5, seed=0):
    """Rows of random tokens, the first the longest, or all of one length."""
    generator = torch.Generator().manual_seed(seed)
    lengths = [row_length, *range(2, row_length)][:rows]
    drawn = [torch.randint(2, SYMBOLS, (x,), generator=generator) for x in lengths]
    return pad_rows([x.tolist() for x in drawn])


LAYOUTS = {
    "post-norm": {},
    "pre-norm": {"encoder_normalize_before": True},
    "without a norm of embeddings": {"layernorm_embedding": False},
    "pre-norm, one layer": {"encoder_normalize_before": True, "encoder_layers": 1},
    "one layer": {"encoder_layers": 1},
    "four layers, untied": {"encoder_layers": 4, "untie_weights_roberta": True},
    "relu": {"activation_fn": "relu"},
}


@pytest.mark.parametrize("has_padding", [False, True])
@pytest.mark.parametrize("options", LAYOUTS.values(), ids=LAYOUTS)
def test_logits_are_those_of_the_whole_model_there(options, has_padding):
    model = small_lm(seed=1, **options).double()
    normalizes_before = options.get("encoder_normalize_before", False)
    encoder = model.encoder.sentence_encoder
    assert encoder.layers[0].normalize_before == normalizes_before
    assert (encoder.layer_norm is not None) == normalizes_before
    tokens = padded(9) if has_padding else torch.randint(2, SYMBOLS, (5, 9))
    assert tokens.eq(1).any() == has_padding
    lm = MaskedLM(model, piece_dictionary())
    with torch.no_grad():
        every, _ = model(tokens, features_only=False)
        features, _ = model(tokens, features_only=True)
        lengths = tokens.ne(1).sum(1)
        for place in range(tokens.size(1)):
            # Another position in every row.
            positions = (place + torch.arange(5)) % lengths
            states = lm.states(tokens, positions, has_padding)
            logits = lm.logits(states)
            rows = torch.arange(5)
            assert states.shape == (5, 16) and logits.shape == (5, SYMBOLS)
            assert torch.allclose(states, features[rows, positions], rtol=0, atol=1e-10)
            assert torch.allclose(logits, every[rows, positions], rtol=0, atol=1e-10)
    # What stands elsewhere has other logits.
    assert not torch.allclose(every[:, 0], every[:, 1], atol=1e-3)


def test_padding_changes_nothing():
    lm = MaskedLM(small_lm().double(), piece_dictionary())
    positions = torch.tensor([3, 8, 1])
    with torch.no_grad():
        together = lm.states(pad_rows(ROWS, width=20), positions, True)
        for row, tokens in enumerate(ROWS):
            alone = lm.states(torch.tensor([tokens]), positions[row : row + 1], False)
            assert torch.allclose(together[row], alone[0], rtol=0, atol=1e-10)


def test_the_model_has_no_dropout_though_it_was_in_training():
    model = small_lm(dropout=0.5, attention_dropout=0.5, activation_dropout=0.5)
    model.train()
    lm = MaskedLM(model, piece_dictionary())
    tokens, positions = torch.tensor(ROWS[1:2]), torch.tensor([4])
    with torch.no_grad():
        states = [lm.states(tokens, positions, False) for _ in range(3)]
        expected = model(tokens, features_only=True)[0][:, 4]
    assert torch.equal(states[0], states[1]) and torch.equal(states[0], states[2])
    assert torch.allclose(states[0], expected, atol=1e-5)


@pytest.mark.parametrize("normalizes_before", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_layer_and_one_position_of_it_are_fairseqs(normalizes_before, dtype):
    model = small_lm(encoder_normalize_before=normalizes_before).to(dtype)
    layer = model.encoder.sentence_encoder.layers[0]
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(6, 4, 16, dtype=dtype, generator=generator)
    padding = torch.arange(6) >= torch.tensor([6, 3, 5, 1])[:, None]
    positions = torch.tensor([5, 0, 2, 0])
    for mask in (None, padding):
        with torch.no_grad():
            whole = layer(x, encoder_padding_mask=mask)
            all_of_it = run_layer(layer, x, mask)
            found = run_layer(layer, x, mask, positions)
        close = 1e-11 if dtype == torch.float64 else 1e-4
        assert torch.allclose(all_of_it, whole, rtol=close, atol=close)
        expected = whole[positions, torch.arange(4)]
        assert torch.allclose(found, expected, rtol=close, atol=close)


def test_the_model_tells_what_it_can_read_and_where_it_is():
    lm = MaskedLM(small_lm(), piece_dictionary())
    assert lm.longest == LONGEST
    assert lm.device == torch.device("cpu")
    tokens = torch.randint(2, SYMBOLS, (1, LONGEST))
    with torch.no_grad():
        states = lm.states(tokens, torch.tensor([LONGEST - 1]), False)
    assert states.isfinite().all()


def manifest_of(dictionary_sha256=""):
    return Manifest("xnli", "en", [], [], {}, SYMBOLS, dictionary_sha256, "", "0")


def load(state, dictionary=None, path="lm/model.pt", sha256=""):
    """Load weights into a checked model, as fairseq does."""
    dictionary = dictionary or piece_dictionary()
    model = small_lm(seed=7, dictionary=dictionary)
    check_when_loaded(model, dictionary, manifest_of(sha256), path)
    model.load_state_dict(state)
    return model


def refused(*args, **kwargs):
    with pytest.raises(UserError) as caught:
        load(*args, **kwargs)
    message = str(caught.value)
    assert "\n" not in message
    return message


def larger_dictionary():
    dictionary = piece_dictionary(with_mask=False)
    for symbol in ("more", "of", "them", "<mask>"):
        dictionary.add_symbol(symbol)
    return dictionary


def test_a_masked_language_model_of_the_data_is_loaded():
    state = small_lm(seed=2).state_dict()
    loaded = load(state).state_dict()
    assert state.keys() == loaded.keys()
    assert all(torch.equal(state[name], loaded[name]) for name in state)


def test_a_model_that_fills_no_masks_of_the_data_is_refused():
    usual, larger = piece_dictionary(), larger_dictionary()
    state = small_lm().state_dict()
    headless = {name: x for name, x in state.items() if "lm_head" not in name}
    message = refused(headless)
    assert message.startswith("--path lm/model.pt: no head for masked tokens")
    maskless = small_lm(dictionary=piece_dictionary(with_mask=False)).state_dict()
    message = refused(maskless)
    start = "--path lm/model.pt: trained with a dictionary without <mask>"
    assert message.startswith(start)
    for theirs, ours in ((usual, larger), (larger, usual)):
        message = refused(small_lm(dictionary=theirs).state_dict(), ours)
        start = f"--path lm/model.pt: has {len(theirs)} tokens, the data {len(ours)}"
        assert message.startswith(start)


@pytest.fixture
def files(tmp_path):
    """The dictionary of the data, and a folder for a checkpoint."""
    dictionary: Dictionary = piece_dictionary(with_mask=False)
    dictionary.save(str(tmp_path / "data.txt"))
    (tmp_path / "lm").mkdir()
    return tmp_path


def test_another_dictionary_beside_the_model_is_refused(files):
    text = (files / "data.txt").read_text(encoding="utf-8").splitlines(True)
    beside = files / "lm" / "dict.txt"
    # As many pieces, in another order.
    beside.write_text("".join(reversed(text)), encoding="utf-8")
    state, path = small_lm().state_dict(), str(files / "lm" / "model.pt")
    message = refused(state, path=path, sha256=sha256_of(files / "data.txt"))
    assert message.startswith(f"{beside}: not the dictionary that the data were")


@pytest.mark.parametrize("beside", ["same", "none", "unknown"])
def test_the_same_dictionary_or_none_beside_the_model_will_do(files, beside):
    sha256 = sha256_of(files / "data.txt")
    if beside == "same":
        shutil.copy(files / "data.txt", files / "lm" / "dict.txt")
    elif beside == "unknown":  # Data that do not tell of which dictionary they are.
        (files / "lm" / "dict.txt").write_text("other 1\n")
        sha256 = ""
    path = str(files / "lm" / "model.pt")
    load(small_lm(seed=2).state_dict(), path=path, sha256=sha256)


def test_another_kind_of_model_is_refused():
    with pytest.raises(UserError) as caught:
        check_when_loaded(
            torch.nn.Linear(2, 2), piece_dictionary(), manifest_of(), "lm/model.pt"
        )
    message = str(caught.value)
    assert message.startswith("--path lm/model.pt: a Linear; give a masked language")
    assert "\n" not in message
