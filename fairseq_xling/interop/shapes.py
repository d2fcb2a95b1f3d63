"""What a model is beside its weights: its backbone, sizes and constants."""

from dataclasses import dataclass
from typing import Any, Dict, NamedTuple, Tuple

from fairseq_xling.data.tokenizers import SENTENCEPIECE_NAME, WORDPIECE_NAME
from fairseq_xling.errors import UserError
from fairseq_xling.interop.heads import HEADS, Head


class Backbone(NamedTuple):
    """A backbone.

    Attributes:
        arch: what names of architectures begin with.
        model_type: Hugging Face's name.
        classes: what Hugging Face's classes begin with.
        prefix: of the encoder in models with a head.
        segments: rows of Hugging Face's table of token types.
        unused_positions: rows that fairseq's table of positions has before its.
        tokenizer: the tokenizer's file in fairseq folders.
    """

    arch: str
    model_type: str
    classes: str
    prefix: str
    segments: int
    unused_positions: int
    tokenizer: str


XLMR = Backbone(
    "xmixup_xlmr", "xlm-roberta", "XLMRoberta", "roberta.", 1, 0, SENTENCEPIECE_NAME
)
MBERT = Backbone("xmixup_mbert", "bert", "Bert", "bert.", 2, 2, WORDPIECE_NAME)
BACKBONES = {backbone.model_type: backbone for backbone in (XLMR, MBERT)}

# What the models compute, as settings of Hugging Face: what is there, and its default.
COMPUTED: Dict[str, Tuple[Any, Any]] = {
    "hidden_act": ("gelu", "gelu"),
    "position_embedding_type": ("absolute", "absolute"),
    "is_decoder": (False, False),
    "add_cross_attention": (False, False),
    "tie_word_embeddings": (True, True),
    "quantization_config": (None, None),
}


@dataclass(frozen=True)
class Shape:
    """Sizes and constants.

    Attributes:
        backbone: XLM-R or mBERT.
        vocabulary: rows of the embeddings.
        dim, layers, heads, ffn: width, depth, attention heads, inner width.
        positions: rows of Hugging Face's table of positions.
        eps: what layer norms add to the variance.
        dropout, attention_dropout: probabilities in training.
        head_dropout: the same before the last layer of a head.
    """

    backbone: Backbone
    vocabulary: int
    dim: int
    layers: int
    heads: int
    ffn: int
    positions: int
    eps: float
    dropout: float
    attention_dropout: float
    head_dropout: float

    @property
    def longest(self) -> int:
        """Longest sequence, in tokens: XLM-R's table has two rows of no token."""
        return self.positions - 2 + self.backbone.unused_positions


def read_shape(config: Dict[str, Any], path: str) -> Shape:
    """Read a ``config.json``, and refuse what the model here would compute otherwise.

    Raises:
        UserError: another kind of model, or one with other computations; or a size is
            missing.
    """
    model_type = config.get("model_type")
    if model_type == "xlm-roberta-xl":
        raise UserError(
            f"{path}: an xlm-roberta-xl normalises before each sublayer, where mixing "
            "is not defined; fairseq's own xlmr.xl runs with --mixup-layer 0"
        )
    if model_type not in BACKBONES:
        raise UserError(
            f"{path}: model_type {model_type!r}; only {' and '.join(BACKBONES)} can be "
            "converted"
        )
    backbone = BACKBONES[model_type]
    expected = {**COMPUTED, "type_vocab_size": (backbone.segments, 2)}
    if backbone is XLMR:
        expected["pad_token_id"] = (1, 1)
    for name, (value, default) in expected.items():
        found = config.get(name, default)
        if found != value:
            raise UserError(
                f"{path}: {name} is {found!r}, but the model here computes {value!r}"
            )
    sizes = {}
    for ours, theirs in (
        ("vocabulary", "vocab_size"),
        ("dim", "hidden_size"),
        ("layers", "num_hidden_layers"),
        ("heads", "num_attention_heads"),
        ("ffn", "intermediate_size"),
        ("positions", "max_position_embeddings"),
    ):
        found = config.get(theirs)
        if not isinstance(found, int) or isinstance(found, bool) or found < 1:
            raise UserError(
                f"{path}: {theirs} is {found!r}; give the config.json that comes with "
                "the weights"
            )
        sizes[ours] = found
    if sizes["dim"] % sizes["heads"]:
        raise UserError(
            f"{path}: hidden_size {sizes['dim']} is no multiple of "
            f"num_attention_heads {sizes['heads']}"
        )
    dropout = config.get("hidden_dropout_prob", 0.1)
    own = config.get("classifier_dropout")
    return Shape(
        backbone,
        **sizes,
        eps=float(config.get("layer_norm_eps", 1e-12)),
        dropout=float(dropout),
        attention_dropout=float(config.get("attention_probs_dropout_prob", 0.1)),
        head_dropout=float(dropout if own is None else own),
    )


def read_class(
    config: Dict[str, Any], backbone: Backbone, path: str
) -> Tuple[str, Head]:
    """Which of Hugging Face's classes a folder holds, and its head.

    Raises:
        UserError: a class that has no counterpart here, or none is named.
    """
    known = [backbone.classes + ending for ending in HEADS]
    listed = config.get("architectures") or [None]
    if listed[0] not in known:
        raise UserError(
            f"{path}: architectures is {config.get('architectures')}; it must name one "
            f"of {', '.join(known)}"
        )
    return listed[0], HEADS[listed[0][len(backbone.classes) :]]


def write_config(
    shape: Shape, ending: str, labels: Tuple[str, ...], specials: Dict[str, int]
) -> Dict[str, Any]:
    """The contents of a ``config.json``.

    Args:
        shape: of the model.
        ending: what follows the backbone in the name of the class.
        labels: of classes or tags, in the order of their ids; else none.
        specials: the ids of special tokens.
    """
    backbone = shape.backbone
    config: Dict[str, Any] = {
        "architectures": [backbone.classes + ending],
        "model_type": backbone.model_type,
        "vocab_size": shape.vocabulary,
        "hidden_size": shape.dim,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "intermediate_size": shape.ffn,
        "hidden_act": "gelu",
        "hidden_dropout_prob": shape.dropout,
        "attention_probs_dropout_prob": shape.attention_dropout,
        "classifier_dropout": shape.head_dropout,
        "max_position_embeddings": shape.positions,
        "position_embedding_type": "absolute",
        "type_vocab_size": backbone.segments,
        "layer_norm_eps": shape.eps,
        "initializer_range": 0.02,
        **specials,
    }
    if labels:
        config["id2label"] = {str(i): label for i, label in enumerate(labels)}
        config["label2id"] = {label: i for i, label in enumerate(labels)}
    if HEADS[ending].problem is not None:
        config["problem_type"] = HEADS[ending].problem
    return config
