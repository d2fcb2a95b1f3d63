"""fairseq's hub interface around a model from a folder or by name."""

from types import SimpleNamespace
from typing import Any, Dict, Type

from fairseq.data.data_utils import post_process
from fairseq.models.roberta import RobertaModel
from fairseq.models.roberta.hub_interface import RobertaHubInterface

from fairseq_xling.checkpoints.backbone import build_backbone
from fairseq_xling.checkpoints.opening import open_checkpoint
from fairseq_xling.checkpoints.paths import model_folder
from fairseq_xling.data.dictionaries import load_dictionary
from fairseq_xling.data.tokenizers import Tokenizer, find_tokenizer, open_tokenizer
from fairseq_xling.errors import UserError


class PieceCodec:
    """A tokenizer as fairseq's hub interfaces use it: pieces with spaces between."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.tokenizer = tokenizer

    def encode(self, text: str) -> str:
        """Text to pieces."""
        return " ".join(self.tokenizer.tokenize(text))

    def decode(self, pieces: str) -> str:
        """Pieces to text; those of SentencePiece as fairseq does, with ``<unk>``."""
        if self.tokenizer.kind == "sentencepiece":
            return post_process(pieces, "sentencepiece")
        return self.tokenizer.decode(pieces.split())


def load_hub_interface(
    model_class: Type[RobertaModel],
    model_name_or_path: str,
    checkpoint_file: str,
    overrides: Dict[str, Any],
) -> RobertaHubInterface:
    """Build ``model_class`` with a checkpoint's shapes, weights and heads.

    Args:
        model_name_or_path: a folder, or the name of a model that fairseq offers.
        overrides: model options that take precedence over the checkpoint's.

    Raises:
        UserError: the folder lacks a file, or the checkpoint is not safe to load or
            not one of such a model.
    """
    folder = model_folder(model_name_or_path)
    for name in (checkpoint_file, "dict.txt"):
        if not (folder / name).exists():
            raise UserError(f"{folder / name}: not found; it comes with the model")
    bpe = PieceCodec(open_tokenizer(str(find_tokenizer(folder))))
    path = str(folder / checkpoint_file)
    state = open_checkpoint(path)
    dictionary = load_dictionary(str(folder / "dict.txt"))
    try:
        model = build_backbone(model_class, state, dictionary, overrides)
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
    known = state.get("task_state") or {}
    # What of a task the interface asks for; the benchmark is of fine-tuned models.
    task = SimpleNamespace(
        source_dictionary=dictionary,
        mask_idx=dictionary.index("<mask>"),
        benchmark=known.get("benchmark"),
    )
    hub = RobertaHubInterface(SimpleNamespace(bpe=None), task, model).eval()
    hub.bpe = bpe
    return hub
