"""A small X-Mixup model with random weights, for tests."""

from argparse import Namespace
from types import SimpleNamespace

import torch
from small_data import tiny_dictionary

from fairseq_xling.models.xmixup_xlmr import XMixupXLMRModel

HEAD = "sentence_classification_head"


def small_args(**options) -> Namespace:
    shape = {
        "encoder_layers": 2,
        "encoder_embed_dim": 16,
        "encoder_ffn_embed_dim": 24,
        "encoder_attention_heads": 2,
        "max_positions": 40,
        "mixup_layer": "1",
    }
    return Namespace(**{**shape, **options})


def small_task() -> SimpleNamespace:
    dictionary = tiny_dictionary()
    dictionary.add_symbol("<mask>")
    return SimpleNamespace(source_dictionary=dictionary, max_positions=lambda: 40)


def small_model(seed: int = 0, classes: int = 3, **options) -> XMixupXLMRModel:
    """Weights are drawn larger than at initialisation, so that nothing is near zero."""
    torch.manual_seed(seed)
    model = XMixupXLMRModel.build_model(small_args(**options), small_task())
    model.register_classification_head(HEAD, num_classes=classes)
    for parameter in model.parameters():
        parameter.data.add_(0.2 * torch.randn_like(parameter))
    return model.eval()


def checkpoint(args, model) -> dict:
    """What fairseq's published checkpoints hold beside the weights."""
    history = {"criterion_name": "MaskedLmLoss", "best_loss": None}
    return {
        "args": args,
        "model": model,
        "optimizer_history": [history],
        "extra_state": {"epoch": 1, "batch_offset": 0},
    }


def pad_rows(rows, width=0) -> torch.Tensor:
    width = max([width, *map(len, rows)])
    return torch.tensor([row + [1] * (width - len(row)) for row in rows])
