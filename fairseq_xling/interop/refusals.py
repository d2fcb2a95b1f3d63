"""Models that cannot be converted: why, and what to use in their place."""

from typing import Any, Dict

from fairseq_xling.interop.layers import LAYERS

INSTEAD = "use a multilingual encoder such as xlm-roberta-base"
RELATIVE = "its attention adds relative positions, which fairseq's layers have not"
ONE_WAY = "a decoder, which reads text in one direction; an encoder is needed"
BOTH = "an encoder with a decoder, and relative positions; an encoder alone is needed"
# By Hugging Face's model_type.
REASONS: Dict[str, str] = {
    "xlm-roberta-xl": (
        "normalises before each sublayer, where mixing is not defined; fairseq's own "
        "xlmr.xl runs with --mixup-layer 0, or use xlm-roberta-large"
    ),
    "deberta": f"{RELATIVE}; {INSTEAD}",
    "deberta-v2": f"{RELATIVE}; {INSTEAD}",
    "modernbert": (
        "normalises before each sublayer and rotates positions into its attention, "
        f"which fairseq's layers do not; {INSTEAD}"
    ),
    "rembert": (
        "its embeddings are of another width than its layers, which the model here "
        f"has not; {INSTEAD}"
    ),
    "roberta": f"reads bytes by a tokenizer that is not known here; {INSTEAD}",
    **dict.fromkeys(("t5", "mt5", "umt5"), f"{BOTH}; {INSTEAD}"),
    **dict.fromkeys(("gpt2", "llama", "bloom", "xglm"), f"{ONE_WAY}; {INSTEAD}"),
}
# What names of the classes of decoders end with.
DECODERS = ("ForCausalLM", "LMHeadModel")


def refusal_of(config: Dict[str, Any]) -> str:
    """Why a model of none of the known kinds is refused, for one line.

    Args:
        config: its ``config.json``.
    """
    model_type = config.get("model_type")
    known = list(LAYERS)
    reason = REASONS.get(str(model_type))
    classes = map(str, config.get("architectures") or ())
    if reason is None and any(name.endswith(DECODERS) for name in classes):
        reason = f"{ONE_WAY}; {INSTEAD}"
    if reason is None:
        return (
            f"model_type {model_type!r}; only {', '.join(known[:-1])} and {known[-1]} "
            f"can be converted, so {INSTEAD}"
        )
    return f"model_type {model_type!r} cannot be converted: {reason}"
