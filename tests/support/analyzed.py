"""``xling-analyze`` as a user runs it, in the test's own process."""

import json
import warnings
from types import SimpleNamespace

from matplotlib.image import imread

from fairseq_xling.cli.analyze import build_parser, main


def run(folder, *arguments):
    """What the JSON, the table and the figures hold."""
    arguments = [str(argument) for argument in arguments]
    with warnings.catch_warnings():
        # What matplotlib says where a picture is not as it should be.
        warnings.filterwarnings("error", "Glyph|constrained_layout")
        main(build_parser().parse_args([*arguments, "--results-path", str(folder)]))
    kind = arguments[0]
    pictures = {path.stem: imread(path) for path in folder.glob("*.png")}
    assert all(image[..., :3].std() > 0.01 for image in pictures.values())
    return SimpleNamespace(
        numbers=json.loads((folder / f"{kind}.json").read_text()),
        table=(folder / f"{kind}.md").read_text(),
        pictures=set(pictures),
    )
