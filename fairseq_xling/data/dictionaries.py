"""Dictionaries of pieces and of labels, read from files."""

import io
import os
from pathlib import Path
from typing import Type, Union

from fairseq.data import Dictionary

from fairseq_xling.data.manifest import Manifest
from fairseq_xling.errors import UserError
from fairseq_xling.files.file_kinds import refuse_stand_in
from fairseq_xling.files.text_lines import read_text

DICTIONARY_NAME = "dict.txt"


def load_dictionary(path: str, kind: Type[Dictionary] = Dictionary) -> Dictionary:
    """Load ``dict.txt`` and add the mask symbol, as XLM-R does.

    Raises:
        UserError: the file is missing or is no fairseq dictionary.
    """
    dictionary = read_dictionary(path, kind)
    dictionary.add_symbol("<mask>")
    return dictionary


def read_dictionary(path: str, kind: Type[Dictionary] = Dictionary) -> Dictionary:
    """Load a fairseq dictionary, of pieces or of labels; see :func:`load_dictionary`.

    fairseq's own reading would take a byte order mark for a part of the first symbol.
    """
    if not os.path.exists(path):
        raise UserError(f"{path}: not found; it comes with the model")
    if os.path.isdir(path):
        raise UserError(f"{path}: a folder; give the {DICTIONARY_NAME} in it")
    refuse_stand_in(path, may_be_empty=True)
    dictionary = kind()
    try:
        dictionary.add_from_file(io.StringIO(read_text(path)))
    except UserError:
        raise
    except (ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"{path}: not a fairseq dictionary ({reason})") from None
    return dictionary


def load_labels(folder: Union[str, Path], manifest: Manifest) -> Dictionary:
    """Load the labels of a folder of binarized data.

    Raises:
        UserError: they are missing, or not those that the manifest names, in its order.
    """
    path = os.path.join(folder, "label.dict.txt")
    labels = read_dictionary(path)
    found = labels.symbols[labels.nspecial :]
    if found != manifest.labels:
        raise UserError(
            f"{path}: has {', '.join(found) or 'no labels'}, but manifest.json "
            f"{', '.join(manifest.labels) or 'none'}; run preprocessing again"
        )
    return labels


def load_data_dictionary(
    folder: str, manifest: Manifest, kind: Type[Dictionary] = Dictionary
) -> Dictionary:
    """Load the dictionary of a folder of binarized data.

    Raises:
        UserError: it is missing, or not the one that the data were binarized with.
    """
    path = os.path.join(folder, "dict.txt")
    dictionary = load_dictionary(path, kind)
    if len(dictionary) != manifest.dictionary_size:
        raise UserError(
            f"{path}: {len(dictionary)} entries, but the data were binarized with "
            f"{manifest.dictionary_size}; put the right one back"
        )
    return dictionary
