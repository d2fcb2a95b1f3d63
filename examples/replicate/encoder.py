"""Bring a model into fairseq's form: python encoder.py MODEL OUT_DIR

``MODEL`` is what the recipes' ``--model`` takes: a folder, or a name on huggingface.co.
"""

import argparse
import shutil
from pathlib import Path

from fairseq_xling.errors import one_line_errors
from fairseq_xling.interop.model_folder import find_model, find_vocabulary


@one_line_errors()
def main() -> None:
    """Copy the model's checkpoint and vocabulary into one folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    checkpoint = find_model(args.model, args.out)
    for path in find_vocabulary(args.model, args.out):
        shutil.copy(path, args.out)
    shutil.copy(checkpoint, args.out / "model.pt")


if __name__ == "__main__":
    main()
