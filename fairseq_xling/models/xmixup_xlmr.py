"""The registered model: XLM-R with cross-lingual manifold mixup."""

import logging
from typing import Dict, Optional

import torch
from fairseq.models import register_model, register_model_architecture
from fairseq.models.roberta import RobertaModel, XLMRModel
from fairseq.models.roberta.model import (
    base_architecture,
    roberta_base_architecture,
    roberta_large_architecture,
)
from fairseq.utils import safe_getattr
from torch import Tensor

from fairseq_xling.errors import UserError
from fairseq_xling.models.checkpoint_shapes import check_shapes
from fairseq_xling.models.encoder import XMixupEncoder
from fairseq_xling.models.loading import load_hub_interface

logger = logging.getLogger(__name__)


@register_model("xmixup_xlmr")
class XMixupXLMRModel(RobertaModel):
    """XLM-R that encodes a target sequence together with its source counterpart.

    It loads the ``model.pt`` of fairseq's XLM-R as it is. Called with one stream, or
    with ``--mixup-layer 0``, it computes what fairseq's :class:`RobertaModel` does.

    Source: X-Mixup section 4.
    """

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
            "--mixup-ratio-lr-scale",
            type=float,
            metavar="S",
            help="learning rate of the ratio's W and b relative to the rest "
            "(default: 1)",
        )

    @classmethod
    def build_model(cls, args, task) -> "XMixupXLMRModel":
        """Build the model for ``task``'s dictionary."""
        base_architecture(args)
        mixup_defaults(args)
        if not 0 < args.mixup_max_ratio <= 1:
            raise UserError(
                f"--mixup-max-ratio {args.mixup_max_ratio}: give a value above 0, "
                "at most 1"
            )
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

    def forward(
        self,
        src_tokens: Tensor,
        source_tokens: Optional[Tensor] = None,
        features_only: bool = False,
        return_all_hiddens: bool = False,
        classification_head_name: Optional[str] = None,
        **kwargs,
    ):
        """Encode one stream, or rows together with the sources of the first of them.

        Args:
            src_tokens: ``(batch, len)``; rows with a source come first.
            source_tokens: the sources, ``(pairs, src_len)``, or None.
            classification_head_name: the head to apply to both streams.

        Returns:
            With one stream, fairseq's output. With two, the logits
            ``(batch, classes)`` (without head: the features) and a dictionary of
            ``features`` ``(batch, width, dim)``, ``source_features``
            ``(pairs, width, dim)``, ``source_logits`` ``(pairs, classes)`` and
            ``mixup_ratio`` ``(pairs, mixing layers)`` or None.
        """
        if source_tokens is None or len(source_tokens) == 0:
            x, extra = super().forward(
                src_tokens,
                features_only=features_only,
                return_all_hiddens=return_all_hiddens,
                classification_head_name=classification_head_name,
                **kwargs,
            )
            return self._touch_ratio_parameters(x), extra
        states, ratios = self.encoder.extract_pair_features(src_tokens, source_tokens)
        rows = len(src_tokens)
        extra = {
            "features": states[:rows],
            "source_features": states[rows:],
            "mixup_ratio": torch.stack(ratios, dim=1) if ratios else None,
        }
        if classification_head_name is None:
            return states[:rows], extra
        logits = self.classification_heads[classification_head_name](states)
        extra["source_logits"] = logits[rows:]
        return logits[:rows], extra

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
        super().upgrade_state_dict_named(state_dict, name)
        prefix = f"{name}." if name else ""
        current = self.state_dict()
        for key in [k for k in state_dict if ".mixup_ratio." in k]:
            if key[len(prefix) :] not in current:
                logger.info(f"{key} of the checkpoint is not used by --mixup-layer")
                del state_dict[key]
        for key in [k for k in current if ".mixup_ratio." in k]:
            state_dict.setdefault(prefix + key, current[key])
        key = "encoder.sentence_encoder.embed_positions.weight"
        if prefix + key in state_dict:
            # Learned positions are independent rows: a shorter model uses the first.
            rows = len(current[key])
            state_dict[prefix + key] = state_dict[prefix + key][:rows]
        check_shapes(state_dict, current, prefix)


def mixup_defaults(args) -> None:
    """Fill in the mixup's options that were not given."""
    args.mixup_layer = safe_getattr(args, "mixup_layer", None)
    args.mixup_max_ratio = safe_getattr(args, "mixup_max_ratio", 0.5)
    args.mixup_ratio = safe_getattr(args, "mixup_ratio", "adaptive")
    args.ratio_scores = safe_getattr(args, "ratio_scores", "heads")
    args.mixup_ratio_lr_scale = safe_getattr(args, "mixup_ratio_lr_scale", 1.0)


@register_model_architecture("xmixup_xlmr", "xmixup_xlmr_mini")
def xmixup_xlmr_mini(args) -> None:
    """Four layers of width 128: for demonstrations and tests."""
    args.encoder_layers = safe_getattr(args, "encoder_layers", 4)
    args.encoder_embed_dim = safe_getattr(args, "encoder_embed_dim", 128)
    args.encoder_ffn_embed_dim = safe_getattr(args, "encoder_ffn_embed_dim", 512)
    args.encoder_attention_heads = safe_getattr(args, "encoder_attention_heads", 4)
    base_architecture(args)
    mixup_defaults(args)


@register_model_architecture("xmixup_xlmr", "xmixup_xlmr_base")
def xmixup_xlmr_base(args) -> None:
    """The shape of XLM-R base: 12 layers of width 768."""
    roberta_base_architecture(args)
    mixup_defaults(args)


@register_model_architecture("xmixup_xlmr", "xmixup_xlmr_large")
def xmixup_xlmr_large(args) -> None:
    """The shape of XLM-R large: 24 layers of width 1024."""
    roberta_large_architecture(args)
    mixup_defaults(args)
