"""The tokenizers of transformers 4 and 5, of the files that fairseq folders have."""

from pathlib import Path
from typing import Any, Union

import sentencepiece
import transformers

from fairseq_xling.interop.sentencepiece_file import read_sentencepiece

IS_VERSION_4 = transformers.__version__.startswith("4.")


def xlmr_tokenizer(path: Union[str, Path]) -> Any:
    """XLM-R's of a SentencePiece model.

    Version 4 runs the model itself. Version 5 is given its pieces, scores and map of
    characters, which it would else read by a package that is not installed for it.
    """
    kind: Any = transformers.XLMRobertaTokenizer
    if IS_VERSION_4:
        return kind(str(path))
    held = sentencepiece.SentencePieceProcessor(str(path))
    pieces = [(piece, 0.0) for piece in ("<s>", "<pad>", "</s>", "<unk>")]
    pieces += [
        (held.id_to_piece(i), held.get_score(i))
        for i in range(3, held.get_piece_size())
    ]
    characters = read_sentencepiece(Path(path)).character_map
    return kind(
        vocab=[*pieces, ("<mask>", 0.0)], _spm_precompiled_charsmap=characters or None
    )
