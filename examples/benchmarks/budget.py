"""What an X-Mixup update of XLM-R large asks of a GPU, computed without one.

Forward and backward pass over a batch of the recipes, on torch's meta device, which
computes shapes alone: floating-point operations of the products, kernels that are
started (each operation but views is one), and what the forward pass keeps for the
backward pass, in fp32: in all, in the layer that mixes, and in the next one, which does
not. ``budget.json`` holds the figures; ``--write`` writes them anew.

A GPU starts at most about 150,000 kernels a second, and a step takes no less time than
its operations at the GPU's rate: the larger of the two times is the bound.
"""

import argparse
import json
from argparse import Namespace
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Dict, Set
from unittest import mock

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode
from train_step import build_ours, make_batch, make_dictionary, move_to

PATH = Path(__file__).with_suffix(".json")
# The recipe's batch of 16 rows; rows of XNLI fill about 64 tokens, padded.
PAIRS, LENGTH = 16, 64


class KernelCounter(TorchDispatchMode):
    """Counts the operations that compute something."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count += not func.is_view
        return func(*args, **(kwargs or {}))


class KeptBytes(torch.autograd.graph.saved_tensors_hooks):
    """Adds up the storages that are kept for the backward pass, weights left out."""

    def __init__(self, model: torch.nn.Module) -> None:
        self.total = 0
        kept: Set[int] = {p.untyped_storage()._cdata for p in model.parameters()}
        alive = []

        def pack(tensor: torch.Tensor) -> torch.Tensor:
            storage = tensor.untyped_storage()
            if storage._cdata not in kept:
                kept.add(storage._cdata)
                alive.append(storage)  # else another could get its address
                self.total += storage.nbytes()
            return tensor

        super().__init__(pack, lambda tensor: tensor)


def count(shape: str = "large", task: str = "pairs") -> Dict[str, Any]:
    """Count one forward and backward pass.

    Args:
        shape: one of ``train_step.SHAPES``.
        task: one of ``train_step.FAMILIES``.
    """
    args = Namespace(task=task, shape=shape, pairs=PAIRS, length=LENGTH, seed=1)
    args.layers, args.mixup_layer, args.ratio_scores = 0, None, "heads"
    dictionary = make_dictionary(1000)  # looking tokens up costs no products
    sample = move_to(make_batch(args, len(dictionary))[1], "meta")
    # Drawing weights would need memory for them.
    with ExitStack() as without_drawing:
        for module in ("fairseq.models.roberta.model", "fairseq_xling.models.encoder"):
            without_drawing.enter_context(mock.patch(f"{module}.init_bert_params"))
        without_drawing.enter_context(torch.device("meta"))
        model, criterion = build_ours(args, dictionary)
    kept, held = KeptBytes(model), []
    for layer in model.encoder.sentence_encoder.layers:
        layer.register_forward_pre_hook(lambda *_: held.append(kept.total))
    with FlopCounterMode(display=False) as flop, KernelCounter() as kernels:
        with kept:
            loss = criterion(model, sample)[0]
        forward = kernels.count
        loss.backward()
    return {
        "shape": shape,
        "pairs": PAIRS,
        "length": LENGTH,
        "tokens": int(sample["ntokens"]),
        "flop": flop.get_total_flops(),
        "kernels_forward": forward,
        "kernels": kernels.count,
        "kept_mib": kept.total >> 20,
        "kept_by_mixing_layer_mib": (held[1] - held[0]) >> 20,
        "kept_by_next_layer_mib": (held[2] - held[1]) >> 20,
    }


def main() -> None:
    """Count and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"write {PATH.name}")
    found = count()
    text = json.dumps(found, indent=1) + "\n"
    if parser.parse_args().write:
        PATH.write_text(text)
    print(text, end="")


if __name__ == "__main__":
    main()
