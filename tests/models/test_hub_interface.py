"""fairseq's hub interface gives of our models what it gives of fairseq's XLM-R."""

import pytest
import torch
from augment_data import write_lm
from fairseq.models.roberta import XLMRModel
from raw_data import WORDS

from fairseq_xling.models.xmixup_xlmr import XMixupXLMRModel

WORD, OTHER = WORDS["en"][:2]
# With unknown characters, spaces of all kinds, and symbols written out.
TEXTS = [f"{WORD} {OTHER}", "", f"  {WORD}\u2028{OTHER} ☃☃ x", f"<mask> </s> {WORD}"]
MASKED = [f"{WORD} <mask> {OTHER}", f"<mask> {WORD}", f"{WORD}<mask>.", "<mask>"]


@pytest.fixture(scope="module")
def hubs(spm, tmp_path_factory):
    folder = tmp_path_factory.mktemp("hub")
    write_lm(folder, spm, is_published=True)
    ours = XMixupXLMRModel.from_pretrained(str(folder), mixup_layer="1")
    theirs = XLMRModel.from_pretrained(str(folder), checkpoint_file="model.pt")
    return ours, theirs.eval()


@pytest.mark.parametrize("text", MASKED)
def test_masked_word_is_filled_as_by_fairseq(hubs, text):
    got, want = (hub.fill_mask(text, topk=7) for hub in hubs)
    assert [(x, z) for x, _, z in got] == [(x, z) for x, _, z in want]
    assert [y for _, y, _ in got] == pytest.approx([y for _, y, _ in want])


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("further", [(), (OTHER,)])
def test_text_is_encoded_and_decoded_as_by_fairseq(hubs, text, further):
    ours, theirs = hubs
    tokens = theirs.encode(text, *further)
    assert torch.equal(ours.encode(text, *further), tokens)
    assert ours.decode(tokens) == theirs.decode(tokens)


def test_every_token_is_decoded_as_by_fairseq(hubs):
    ours, theirs = hubs
    for token in range(len(theirs.task.source_dictionary)):
        tokens = torch.tensor([0, token, 5, 2])
        assert ours.decode(tokens) == theirs.decode(tokens)


def test_features_and_heads_are_those_of_fairseq(hubs):
    tokens = hubs[1].encode(*TEXTS[:2])
    features = [hub.extract_features(tokens, return_all_hiddens=True) for hub in hubs]
    assert len(features[0]) == len(features[1])
    for ours, theirs in zip(*features):
        torch.testing.assert_close(ours, theirs)
    scores = []
    for hub in hubs:
        torch.manual_seed(0)
        hub.register_classification_head("new", num_classes=4)
        scores.append(hub.eval().predict("new", tokens))
    torch.testing.assert_close(*scores)
