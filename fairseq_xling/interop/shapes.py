"""What a model is beside its weights: its kind of layers, sizes and constants."""

from dataclasses import dataclass
from typing import Any, Dict, Tuple

from fairseq_xling.errors import UserError
from fairseq_xling.interop.heads import HEADS, Head
from fairseq_xling.interop.layers import LAYERS, Layers
from fairseq_xling.interop.refusals import refusal_of

SIZES = ("vocabulary", "dim", "layers", "heads", "ffn", "positions", "segments")


@dataclass(frozen=True)
class Shape:
    """Sizes and constants.

    Attributes:
        kind: of the layers.
        vocabulary: rows of the embeddings.
        dim, layers, heads, ffn: width, depth, attention heads, inner width.
        positions: rows of Hugging Face's table of positions.
        segments: rows of its table of token types, or 0.
        eps: what layer norms add to the variance.
        dropout, attention_dropout: probabilities in training.
        head_dropout: the same before the last layer of a head.
    """

    kind: Layers
    vocabulary: int
    dim: int
    layers: int
    heads: int
    ffn: int
    positions: int
    segments: int
    eps: float
    dropout: float
    attention_dropout: float
    head_dropout: float

    @property
    def longest(self) -> int:
        """Longest sequence, in tokens: XLM-R's table has two rows of no token."""
        return self.positions - 2 + self.kind.unused_positions


def read_shape(config: Dict[str, Any], path: str) -> Shape:
    """Read a ``config.json``, and refuse what the model here would compute otherwise.

    Raises:
        UserError: another kind of model, or one with other computations; or a size is
            missing.
    """
    kind = LAYERS.get(str(config.get("model_type")))
    if kind is None:
        raise UserError(f"{path}: {refusal_of(config)}")
    for name, (value, default) in kind.computed.items():
        found = config.get(name, default)
        if found != value:
            raise UserError(
                f"{path}: {name} is {found!r}, but the model here computes {value!r}"
            )
    sizes = {}
    for ours in SIZES:
        theirs = kind.settings.get(ours)
        if theirs is None:
            continue
        found = config.get(theirs, 2 if ours == "segments" else None)
        if not isinstance(found, int) or isinstance(found, bool) or found < 1:
            raise UserError(
                f"{path}: {theirs} is {found!r}; give the config.json that comes with "
                "the weights"
            )
        sizes[ours] = found
    if sizes["dim"] % sizes["heads"]:
        dim, heads = kind.settings["dim"], kind.settings["heads"]
        raise UserError(
            f"{path}: {dim} {sizes['dim']} is no multiple of {heads} {sizes['heads']}"
        )
    constants = {"eps": 1e-12, "dropout": 0.1, "attention_dropout": 0.1}
    for ours in constants:
        constants[ours] = float(
            config.get(kind.settings.get(ours, ""), constants[ours])
        )
    own = config.get(kind.settings["head_dropout"])
    head_dropout = constants["dropout"] if own is None else float(own)
    values = {**sizes, **constants, "head_dropout": head_dropout, **kind.fixed}
    return Shape(kind, **values)


def read_class(config: Dict[str, Any], kind: Layers, path: str) -> Tuple[str, Head]:
    """Which of Hugging Face's classes a folder holds, and its head.

    Raises:
        UserError: a class that has no counterpart here.
    """
    known = [kind.classes + ending for ending in HEADS]
    listed = config.get("architectures") or [f"{kind.classes}Model"]  # the oldest
    if listed[0] not in known:
        raise UserError(
            f"{path}: architectures is {listed}; it must name one of {', '.join(known)}"
        )
    return listed[0], HEADS[listed[0][len(kind.classes) :]]


def write_config(
    shape: Shape, ending: str, labels: Tuple[str, ...], specials: Dict[str, int]
) -> Dict[str, Any]:
    """The contents of a ``config.json``.

    Args:
        shape: of the model.
        ending: of the name of the class.
        labels: of classes or tags, in the order of their ids; else none.
        specials: the ids of special tokens.
    """
    kind = shape.kind
    config: Dict[str, Any] = {
        "architectures": [kind.classes + ending],
        "model_type": kind.model_type,
        **{theirs: getattr(shape, ours) for ours, theirs in kind.settings.items()},
        **{name: value for name, (value, _) in kind.computed.items() if value},
        "initializer_range": 0.02,
        **specials,
    }
    if labels:
        config["id2label"] = {str(i): label for i, label in enumerate(labels)}
        config["label2id"] = {label: i for i, label in enumerate(labels)}
    if HEADS[ending].problem is not None:
        config["problem_type"] = HEADS[ending].problem
    return config
