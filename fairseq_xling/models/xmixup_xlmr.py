"""The registered model: XLM-R or mBERT with cross-lingual manifold mixup."""

import logging
from typing import Any, Dict, List, Optional, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from fairseq.models import register_model, register_model_architecture
from fairseq.models.roberta import RobertaModel, XLMRModel
from fairseq.models.roberta.model import (
    base_architecture,
    roberta_base_architecture,
    roberta_large_architecture,
)
from fairseq.utils import safe_getattr
from omegaconf import OmegaConf
from torch import Tensor, nn

from fairseq_xling.checkpoints.fitting import (
    check_shapes,
    fit_labels,
    fit_lm_head,
    fit_pooler,
    fit_positions,
    fit_ratios,
    fit_segments,
    fit_token_heads,
)
from fairseq_xling.checkpoints.shape import BERT_EPSILON, EPSILON, SIZES
from fairseq_xling.errors import UserError
from fairseq_xling.models.encoder import XMixupEncoder, count_tokens
from fairseq_xling.models.hub import load_hub_interface
from fairseq_xling.models.options import as_namespace
from fairseq_xling.models.token_head import TokenHead
from fairseq_xling.models.word_pooling import first_piece, mean_of_pieces
from fairseq_xling.option_values import check_number, flag_of

logger = logging.getLogger(__name__)

DROPOUTS = (
    *("dropout", "attention_dropout", "activation_dropout", "pooler_dropout"),
    "encoder_layerdrop",
)


@register_model("xmixup_xlmr")
class XMixupXLMRModel(RobertaModel):
    """XLM-R or mBERT that encodes a target sequence together with its counterpart.

    It loads the ``model.pt`` of fairseq's XLM-R as it is, and those that
    ``preprocess/convert_hf.py`` makes. Called with one stream, or
    with ``--mixup-layer 0``, it computes what fairseq's :class:`RobertaModel` does.

    Source: X-Mixup section 4.
    """

    def __init__(self, args, encoder) -> None:
        super().__init__(args, encoder)
        self.token_heads = nn.ModuleDict()
        self.lm_head_is_new = False
        # What the task's head predicts, in the order of their ids.
        self.label_names: Sequence[str] = ()

    @classmethod
    def hub_models(cls) -> Dict[str, str]:
        """Names of the pre-trained models that fairseq offers for download."""
        return XLMRModel.hub_models()

    @staticmethod
    def add_args(parser) -> None:
        """Add RoBERTa's options and those of the mixup."""
        RobertaModel.add_args(parser)
        parser.add_argument(
            "--mixup-layer",
            metavar="L[,L...]",
            help="encoder layers that mix, counted from 1; 0 switches mixup off "
            "(default: the task's)",
        )
        parser.add_argument(
            "--mixup-max-ratio",
            type=float,
            metavar="R",
            help="largest mixup ratio, lambda_0 in the paper (default: 0.5)",
        )
        parser.add_argument(
            "--mixup-ratio",
            choices=["adaptive", "constant"],
            help="learn the ratio from attention entropy, or keep it at its largest "
            "value (default: adaptive)",
        )
        parser.add_argument(
            "--ratio-scores",
            choices=["heads", "hidden"],
            help="attention whose entropy sets the ratio: the layer's own heads, or "
            "the hidden states as eq. 5 is printed (default: heads)",
        )
        parser.add_argument(
            "--ratio-entropy",
            choices=["nats", "normalised"],
            help="entropy that sets the ratio: in nats as in the paper, or each "
            "direction divided by its largest value, the logarithm of the length "
            "(default: nats)",
        )
        parser.add_argument(
            "--mixup-ratio-lr-scale",
            type=float,
            metavar="S",
            help="learning rate of the ratio's W and b relative to the rest "
            "(default: 1)",
        )
        # Names, help and meaning are those of fairseq's other models.
        parser.add_argument(
            "--checkpoint-activations",
            action="store_true",
            help="keep only the states between layers, and compute the rest again in "
            "the backward pass: less memory, a third more time",
        )
        parser.add_argument(
            "--offload-activations",
            action="store_true",
            help="keep these states in the CPU's memory; turns on "
            "--checkpoint-activations",
        )
        parser.add_argument(
            "--torch-compile",
            action="store_true",
            help="compile the layers before training (torch.compile): for GPUs, which "
            "then start fewer kernels; the first updates take minutes",
        )
        parser.add_argument(
            "--num-segments",
            type=int,
            metavar="N",
            help="segment embeddings: 2 for mBERT, 0 for XLM-R (default: the arch's)",
        )
        parser.add_argument(
            "--layer-norm-eps",
            type=float,
            metavar="E",
            help="what layer norms add to the variance (default: the arch's)",
        )

    @classmethod
    def build_model(cls, args, task) -> "XMixupXLMRModel":
        """Build the model for ``task``'s dictionary."""
        if OmegaConf.is_config(args):
            args = as_namespace(cls.add_args, args)
        if has_no_sizes(args):
            check_sizes(args)
        fill_in(args, **XLMR)
        mixup_defaults(args)
        base_architecture(args)
        check_number("--mixup-max-ratio", args.mixup_max_ratio, high=1, above=True)
        check_number("--mixup-ratio-lr-scale", args.mixup_ratio_lr_scale)
        check_number("--layer-norm-eps", args.layer_norm_eps, high=1, above=True)
        if args.torch_compile and safe_getattr(args, "checkpoint_activations"):
            raise UserError(
                "--torch-compile and --checkpoint-activations: give one of them; what "
                "fairseq computes again cannot be compiled"
            )
        for name in DROPOUTS:
            option = flag_of(name)
            check_number(option, safe_getattr(args, name), high=1)
        if safe_getattr(args, "max_positions") is None:
            args.max_positions = task.max_positions() or 512
        return cls(args, XMixupEncoder(args, task.source_dictionary))

    @classmethod
    def from_pretrained(
        cls, model_name_or_path: str, checkpoint_file: str = "model.pt", **overrides
    ):
        """Load a pre-trained or fine-tuned model with its tokenizer.

        Args:
            model_name_or_path: a folder with ``model.pt``, ``dict.txt`` and
                ``sentencepiece.bpe.model``, or a name such as ``xlmr.base``.
            checkpoint_file: the checkpoint's name in that folder.
            overrides: model options, such as ``mixup_layer="1"``.

        Returns:
            fairseq's ``RobertaHubInterface`` around a model of this class, in
            evaluation mode.

        Raises:
            UserError: a file is missing, or the checkpoint holds more than weights.
        """
        return load_hub_interface(cls, model_name_or_path, checkpoint_file, overrides)

    def compile_layers(self) -> None:
        """Have each layer's passes compiled when they are first run."""
        for layer in self.encoder.sentence_encoder.layers:
            if layer._compiled_call_impl is None:
                layer.compile(dynamic=True, fullgraph=True)

    def register_token_head(self, name: str, outputs: int, dropout: float) -> None:
        """Add a :class:`TokenHead`; training and checkpoints know it by its name."""
        dim = self.args.encoder_embed_dim
        self.token_heads[name] = TokenHead(dim, outputs, dropout)

    def forward(
        self,
        src_tokens: Tensor,
        source_tokens: Optional[Tensor] = None,
        features_only: bool = False,
        return_all_hiddens: bool = False,
        classification_head_name: Optional[str] = None,
        token_head_name: Optional[str] = None,
        word_starts: Optional[Tensor] = None,
        source_word_starts: Optional[Tensor] = None,
        word_pooling: str = "first",
        masked_tokens: Optional[Tensor] = None,
        lengths: Optional[np.ndarray] = None,
        distinct_sources: Optional[Tensor] = None,
        source_places: Optional[Tensor] = None,
        **kwargs,
    ):
        """Encode one stream, or rows together with the sources of the first of them.

        Args:
            src_tokens: ``(batch, len)``; rows with a source come first.
            source_tokens: the sources, ``(pairs, src_len)``, or None.
            classification_head_name: the head for sequences, applied to both streams.
            token_head_name: the head for tokens, instead.
            word_starts: position of each word's first piece, ``(batch, words)``, -1
                for none; the head then scores words, else tokens.
            source_word_starts: the same of the sources, ``(pairs, src_words)``; where
                only ``word_starts`` is given, sources are not scored.
            word_pooling: ``"first"`` piece's state, or ``"mean"`` over a word's pieces.
            masked_tokens: without other head, the tokens whose scores over the
                vocabulary are asked for; see :meth:`XMixupEncoder.output_layer`.
            lengths: tokens of each row, and then of each source, ``(batch + pairs,)``
                on the CPU; where they are not given, it waits for a GPU to tell
                whether there is padding.
            distinct_sources: where sources repeat one another, those that are encoded,
                for all pairs that have them: positions ``(distinct,)``.
            source_places: which of these is each pair's, ``(pairs,)``.

        Returns:
            With one stream and no head for tokens, fairseq's output. Else the logits
            ``(batch, classes)``, ``(batch, words, tags)``, ``(batch, width, 2)`` or
            ``(masked, vocabulary)`` (without head: the features) and a dictionary of
            ``features`` ``(batch, width, dim)`` and, with two streams,
            ``source_features`` ``(pairs, width, dim)``, ``source_logits`` of the same
            kind as the logits, and ``mixup_ratio`` ``(pairs, mixing layers)`` or None;
            where all hidden states are asked for, ``inner_states``, one more than
            there are layers, ``(width, batch + pairs, dim)``.
        """
        if source_tokens is None or len(source_tokens) == 0:
            if token_head_name is not None:
                states, _ = super().forward(
                    src_tokens, features_only=True, lengths=lengths, **kwargs
                )
                states = self._touch_ratio_parameters(states)
                return self._score_tokens(
                    states, src_tokens, word_starts, token_head_name, word_pooling
                ), {"features": states}
            x, extra = super().forward(
                src_tokens,
                features_only=features_only,
                return_all_hiddens=return_all_hiddens,
                classification_head_name=classification_head_name,
                masked_tokens=masked_tokens,
                lengths=lengths,
                **kwargs,
            )
            return self._touch_ratio_parameters(x), extra
        inner_states: Optional[List[Tensor]] = [] if return_all_hiddens else None
        states, ratios = self.encoder.extract_pair_features(
            src_tokens,
            source_tokens
            if distinct_sources is None
            else source_tokens[distinct_sources],
            lengths,
            inner_states,
            source_places,
        )
        rows = len(src_tokens)
        extra = {
            "features": states[:rows],
            "source_features": states[rows:],
            "inner_states": inner_states,
            "mixup_ratio": torch.stack(ratios, dim=1) if ratios else None,
        }
        if token_head_name is not None:
            if word_starts is None or source_word_starts is not None:
                extra["source_logits"] = self._score_tokens(
                    states[rows:],
                    source_tokens,
                    source_word_starts,
                    token_head_name,
                    word_pooling,
                )
            return self._score_tokens(
                states[:rows], src_tokens, word_starts, token_head_name, word_pooling
            ), extra
        if classification_head_name is None and masked_tokens is not None:
            return self.encoder.output_layer(states, masked_tokens), extra
        if classification_head_name is None:
            return states[:rows], extra
        logits = self.classification_heads[classification_head_name](states)
        extra["source_logits"] = logits[rows:]
        return logits[:rows], extra

    def _score_tokens(
        self,
        states: Tensor,
        tokens: Tensor,
        word_starts: Optional[Tensor],
        head_name: str,
        word_pooling: str,
    ) -> Tensor:
        if word_starts is not None and word_pooling == "mean":
            counted = count_tokens(tokens, self.encoder.dictionary)
            counted = F.pad(counted, (0, states.size(1) - counted.size(1)))
            states = mean_of_pieces(states, word_starts, counted)
        elif word_starts is not None:
            states = first_piece(states, word_starts)
        return self.token_heads[head_name](states)

    def ratio_modules(self):
        """The :class:`MixupRatio` of each mixing layer, first layer first."""
        layers = self.encoder.sentence_encoder.layers
        ratios = [getattr(layer, "mixup_ratio", None) for layer in layers]
        return [ratio for ratio in ratios if ratio is not None]

    def _touch_ratio_parameters(self, x: Tensor) -> Tensor:
        # Distributed training waits for a gradient of every parameter, also on the
        # worker whose batch happens to hold no pair.
        if self.training:
            for ratio in self.ratio_modules():
                x = x + 0.0 * (ratio.weight + ratio.bias).to(x.dtype)
        return x

    def upgrade_state_dict_named(self, state_dict: Dict[str, Tensor], name: str):
        """Fit a checkpoint's names and shapes to this model before it is loaded.

        Raises:
            UserError: the checkpoint belongs to another dictionary or architecture.
        """
        prefix = f"{name}." if name else ""
        fit_labels(state_dict, self.label_names, prefix)
        fit_pooler(self.classification_heads, state_dict, prefix)
        fit_segments(state_dict, prefix)
        super().upgrade_state_dict_named(state_dict, name)
        fit_token_heads(self, state_dict, f"{prefix}token_heads.")
        current = self.state_dict()
        self.lm_head_is_new = fit_lm_head(state_dict, current, prefix)
        fit_ratios(state_dict, current, prefix)
        fit_positions(state_dict, current, prefix)
        check_shapes(state_dict, current, prefix)


def fill_in(args, **defaults: Any) -> None:
    """Set the options that were not given."""
    for name, value in defaults.items():
        setattr(args, name, safe_getattr(args, name, value))


def mixup_defaults(args) -> None:
    """Fill in the options that were not given, before fairseq's own defaults.

    These are the mixup's, and the dropout before both layers of the head for sequences,
    which fairseq leaves out and both papers' recipes have.
    """
    fill_in(
        args,
        pooler_dropout=0.1,
        mixup_layer=None,
        mixup_max_ratio=0.5,
        mixup_ratio="adaptive",
        ratio_scores="heads",
        ratio_entropy="nats",
        mixup_ratio_lr_scale=1.0,
        offload_activations=False,
        torch_compile=False,
    )
    if args.offload_activations:
        args.checkpoint_activations = True


XLMR: Dict[str, Any] = {"num_segments": 0, "layer_norm_eps": EPSILON}
# What BERT has otherwise (Devlin et al. 2019, and its code).
MBERT: Dict[str, Any] = {"num_segments": 2, "layer_norm_eps": BERT_EPSILON}
# Architectures that leave the shape to the checkpoint that training begins with.
WITHOUT_SIZES = ("xmixup_xlmr", "xmixup_mbert")


@register_model_architecture("xmixup_xlmr", "xmixup_xlmr")
@register_model_architecture("xmixup_xlmr", "xmixup_mbert")
def shape_of_the_checkpoint(args) -> None:
    """All sizes and constants: before the model is built, launching fills them in."""
    mixup_defaults(args)


def has_no_sizes(options: Any) -> bool:
    """Whether the ``--arch`` of a model's options leaves its shape to a checkpoint."""
    arch = getattr(options, "_name", None) or getattr(options, "arch", None)
    return arch in WITHOUT_SIZES


def check_sizes(args) -> None:
    """Refuse a model whose sizes nobody gave."""
    if any(safe_getattr(args, name) is None for name in SIZES):
        raise UserError(
            "--arch xmixup_xlmr and xmixup_mbert take their sizes from a checkpoint: "
            "give one with --finetune-from-model, or an --arch with sizes, such as "
            "xmixup_xlmr_base"
        )


@register_model_architecture("xmixup_xlmr", "xmixup_xlmr_mini")
def xmixup_xlmr_mini(args) -> None:
    """Four layers of width 128: for demonstrations and tests."""
    fill_in(args, encoder_layers=4, encoder_embed_dim=128)
    fill_in(args, encoder_ffn_embed_dim=512, encoder_attention_heads=4)
    fill_in(args, **XLMR)
    mixup_defaults(args)
    base_architecture(args)


@register_model_architecture("xmixup_xlmr", "xmixup_xlmr_base")
def xmixup_xlmr_base(args) -> None:
    """The shape of XLM-R base: 12 layers of width 768."""
    fill_in(args, **XLMR)
    mixup_defaults(args)
    roberta_base_architecture(args)


@register_model_architecture("xmixup_xlmr", "xmixup_xlmr_large")
def xmixup_xlmr_large(args) -> None:
    """The shape of XLM-R large: 24 layers of width 1024."""
    fill_in(args, **XLMR)
    mixup_defaults(args)
    roberta_large_architecture(args)


@register_model_architecture("xmixup_xlmr", "xmixup_mbert_mini")
def xmixup_mbert_mini(args) -> None:
    """mBERT with four layers of width 128: for demonstrations and tests."""
    fill_in(args, **MBERT)
    xmixup_xlmr_mini(args)


@register_model_architecture("xmixup_xlmr", "xmixup_mbert_base")
def xmixup_mbert_base(args) -> None:
    """The shape of multilingual BERT: 12 layers of width 768."""
    fill_in(args, **MBERT)
    xmixup_xlmr_base(args)
