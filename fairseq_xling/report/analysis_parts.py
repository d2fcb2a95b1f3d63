"""The page's parts about what ``xling-analyze`` wrote: its tables and figures."""

import glob
from pathlib import Path
from typing import Dict, Sequence

from fairseq_xling.report.find_runs import short_names
from fairseq_xling.report.markdown_text import read_markdown
from fairseq_xling.report.page import Part, Section

PNG = b"\x89PNG\r\n\x1a\n"
# What a reader may want to know before the numbers, by kind of analysis.
TITLES = {
    "cka": "CKA with the source language, by language and layer",
    "pca": "Sentences on their principal components",
    "centroids": "Centroids of the languages",
    "ratio": "Mixup ratio and attention entropy",
    "layers": "Scores by the layer that mixes",
    "gap": "Transfer gaps",
    "unseen": "Languages seen in training, and others",
    "translation": "Quality of the translations",
}


def analyses_section(paths: Sequence[Path]) -> Section:
    """A part a ``{kind}.json``, in the order of the kinds."""
    names = short_names([path.parent for path in paths])
    order = [*TITLES, *sorted({path.stem for path in paths} - TITLES.keys())]
    parts = []
    for path in sorted(paths, key=lambda one: order.index(one.stem)):
        title = TITLES.get(path.stem, path.stem)
        text = read_markdown(path.with_suffix(".md"))
        one = {"title": title, "text": text, "figures": figures_of(path)}
        where = f" ({names[path.parent]})" if len(names) > 1 else ""
        parts.append(Part(title + where, one))
    return Section("analyses", "Inside the models", parts)


def figures_of(path: Path) -> Dict[str, bytes]:
    """The PNG files of an analysis; of ``cka``, ``cka.png`` and ``cka-layers.png``."""
    found = {}
    for file in sorted(path.parent.glob(f"{glob.escape(path.stem)}*.png")):
        is_own = file.stem == path.stem or file.stem.startswith(f"{path.stem}-")
        if is_own and file.is_file() and not file.is_symlink():
            data = file.read_bytes()
            if data.startswith(PNG) and len(data) > 24:
                found[file.stem] = data
    return found
