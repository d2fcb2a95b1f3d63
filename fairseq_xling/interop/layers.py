"""The layers that can be converted: Hugging Face's kinds, and their names of things."""

from typing import Any, Dict, NamedTuple, Tuple


class Layers(NamedTuple):
    """A kind of layers.

    Attributes:
        model_type: Hugging Face's name.
        classes: what Hugging Face's classes begin with.
        prefix: of the encoder in models with a head.
        settings: what ``config.json`` calls the sizes and constants of
            :class:`~fairseq_xling.interop.shapes.Shape`; what it calls none is
            ``fixed``.
        fixed: constants that no setting changes.
        computed: settings that the model here cannot change: its value, and what
            Hugging Face takes where none is given.
        segments: rows of the table of token types, where ``config.json`` tells none.
        unused_positions: rows that fairseq's table of positions has before its.
        head_activation: that of the head for sequences.
        modules: of a layer, Hugging Face's name by ours.
        column: of its names in the table of heads.
    """

    model_type: str
    classes: str
    prefix: str
    settings: Dict[str, str]
    fixed: Dict[str, Any]
    computed: Dict[str, Tuple[Any, Any]]
    segments: int
    unused_positions: int
    head_activation: str
    modules: Dict[str, str]
    column: int


SETTINGS = {
    "vocabulary": "vocab_size",
    "dim": "hidden_size",
    "layers": "num_hidden_layers",
    "heads": "num_attention_heads",
    "ffn": "intermediate_size",
    "positions": "max_position_embeddings",
    "eps": "layer_norm_eps",
    "dropout": "hidden_dropout_prob",
    "attention_dropout": "attention_probs_dropout_prob",
    "head_dropout": "classifier_dropout",
    "segments": "type_vocab_size",
}
COMPUTED: Dict[str, Tuple[Any, Any]] = {
    "hidden_act": ("gelu", "gelu"),
    "position_embedding_type": ("absolute", "absolute"),
    "is_decoder": (False, False),
    "add_cross_attention": (False, False),
    "tie_word_embeddings": (True, True),
    "quantization_config": (None, None),
}
BERT_LAYER = "encoder.layer.{layer}."
XLMR = Layers(
    model_type="xlm-roberta",
    classes="XLMRoberta",
    prefix="roberta.",
    settings=SETTINGS,
    fixed={},
    computed={**COMPUTED, "pad_token_id": (1, 1)},  # where positions begin, too
    segments=1,
    unused_positions=0,
    head_activation="tanh",
    modules={
        "self_attn.q_proj": f"{BERT_LAYER}attention.self.query",
        "self_attn.k_proj": f"{BERT_LAYER}attention.self.key",
        "self_attn.v_proj": f"{BERT_LAYER}attention.self.value",
        "self_attn.out_proj": f"{BERT_LAYER}attention.output.dense",
        "self_attn_layer_norm": f"{BERT_LAYER}attention.output.LayerNorm",
        "fc1": f"{BERT_LAYER}intermediate.dense",
        "fc2": f"{BERT_LAYER}output.dense",
        "final_layer_norm": f"{BERT_LAYER}output.LayerNorm",
    },
    column=0,
)
BERT = XLMR._replace(
    model_type="bert",
    classes="Bert",
    prefix="bert.",
    computed=COMPUTED,
    segments=2,
    unused_positions=2,
    column=1,
)
DISTILBERT_LAYER = "transformer.layer.{layer}."
DISTILBERT = BERT._replace(
    model_type="distilbert",
    classes="DistilBert",
    prefix="distilbert.",
    settings={
        "vocabulary": "vocab_size",
        "dim": "dim",
        "layers": "n_layers",
        "heads": "n_heads",
        "ffn": "hidden_dim",
        "positions": "max_position_embeddings",
        "dropout": "dropout",
        "attention_dropout": "attention_dropout",
        "head_dropout": "seq_classif_dropout",
    },
    fixed={"eps": 1e-12, "segments": 0},
    computed={
        "activation": ("gelu", "gelu"),
        "tie_word_embeddings": (True, True),
        "quantization_config": (None, None),
    },
    segments=0,
    head_activation="relu",
    modules={
        "self_attn.q_proj": f"{DISTILBERT_LAYER}attention.q_lin",
        "self_attn.k_proj": f"{DISTILBERT_LAYER}attention.k_lin",
        "self_attn.v_proj": f"{DISTILBERT_LAYER}attention.v_lin",
        "self_attn.out_proj": f"{DISTILBERT_LAYER}attention.out_lin",
        "self_attn_layer_norm": f"{DISTILBERT_LAYER}sa_layer_norm",
        "fc1": f"{DISTILBERT_LAYER}ffn.lin1",
        "fc2": f"{DISTILBERT_LAYER}ffn.lin2",
        "final_layer_norm": f"{DISTILBERT_LAYER}output_layer_norm",
    },
    column=2,
)
LAYERS = {one.model_type: one for one in (XLMR, BERT, DISTILBERT)}
