"""A tour of a model from Python: what it predicts, its states, and how it mixes.

    make demo
    python examples/notebook_tour.py [MODEL [CHART.png]]

MODEL is a model's folder or name, fine-tuned on sentence pairs or tags, or pre-trained
(default: the demo's X-Mixup model). Editors and Jupyter can run it cell by cell.
"""

# %% A model and some texts. Each target has a counterpart in the source language.
import sys
import unicodedata
from pathlib import Path

import numpy as np
from matplotlib import font_manager
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ft2font import FT2Font

import fairseq_xling
from fairseq_xling.files.atomic import atomic_file
from fairseq_xling.launching.logs import quiet_logging

quiet_logging()
arguments = [] if "ipykernel" in sys.modules else sys.argv[1:]
model = Path(arguments[0] if arguments else "demo/x-mixup-2")
if not arguments and not model.exists():
    raise fairseq_xling.UserError(f"{model}: not found; run make demo first")
# The demo's languages are made up; their texts lie beside the demo's models.
raw = model.parent / "raw/xnli"
chart = (model.parent if raw.exists() else Path()) / "alignment.png"
if len(arguments) > 1:
    chart = Path(arguments[1])
targets = [
    ("Ein Hund läuft im Park.", "Ein Tier bewegt sich."),
    ("我喜欢这本书。", "我不喜欢这本书。"),
    ("Она читает письмо.", "Она спит."),
]
sources = [
    ("A dog runs in the park.", "An animal moves."),
    ("I like this book.", "I do not like this book."),
    ("She reads a letter.", "She sleeps."),
]
if raw.exists():
    for texts, name in (
        (targets, "test-qab.tsv"),
        (sources, "translate-test/test-qab-en-translated.tsv"),
    ):
        with open(raw / name, encoding="utf-8") as file:
            texts[:] = [tuple(next(file).split("\t")[:2]) for _ in range(20)]

# %% Load it. A pre-trained model does not mix unless it is told where.
predictor = fairseq_xling.from_pretrained(model)
if predictor.family in (None, "tagging"):
    targets, sources = ([first for first, _ in texts] for texts in (targets, sources))
if not predictor.model.encoder.sentence_encoder.mixup_layers:
    predictor = fairseq_xling.from_pretrained(model, mixup_layer="1")

# %% Predict, from targets alone and together with their sources.
if predictor.family is None:
    print("Pre-trained: it has no head to predict with.")
else:
    alone = predictor.predict(targets)
    together = predictor.predict(targets, sources)
    for text, one, two in list(zip(targets, alone, together))[:3]:
        print(text)
        for name, found in (("target alone", one), ("with its source", two)):
            shown = found.get("label") or found.get("tags") or found.get("answer")
            print(f"  {name}: {shown}")

# %% States of every layer: are translations nearer to each other than other texts are?
depth = len(predictor.model.encoder.sentence_encoder.layers)
print("\nCosine of mean states   translations   other pairs")
for layer in range(depth + 1):
    means = []
    for texts in (targets, sources):
        found = predictor.extract_features(texts, layer=layer)
        vectors = np.stack([one.features.mean(axis=0) for one in found])
        means.append(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
    cosines = means[0] @ means[1].T
    same = np.eye(len(cosines), dtype=bool)
    name = f"layer {layer}" if layer else "embeddings"
    print(f"{name:22s} {cosines[same].mean():13.3f} {cosines[~same].mean():13.3f}")
one = found[0]
print(f"The last one's tokens {one.tokens} have states of shape {one.features.shape}.")

# %% Mix: the ratio lambda of each pair, and what its target's tokens attend to.
pairs = predictor.mix(targets, sources)
print("\nlambda   entropy (nats)   target")
for pair in pairs[:5]:
    mixing, text = pair.layers[0], " ".join(pair.target.tokens)
    print(f"{mixing.ratio:.4f} {mixing.entropy:12.3f}       {text}")
pair = pairs[0]
mixing = pair.layers[0]
print(
    f"\nLayer {mixing.layer}: the source tokens that each target token attends to most"
)
for number, (token, row) in enumerate(zip(pair.target.tokens, mixing.alignment)):
    best = np.argsort(-row)[:3]
    shown = ", ".join(f"{pair.source.tokens[i]} {row[i]:.2f}" for i in best)
    print(f"{number:4d}  {token:12s} {shown}")


# %% Draw the alignment. Tokens that no installed font can show are numbered.
def find_font(tokens):
    """A font that has all characters, or None; matplotlib writes left to right only."""
    wanted = {ord(character) for token in tokens for character in token}
    if any(unicodedata.bidirectional(chr(x)) in ("R", "AL") for x in wanted):
        return None
    plain = font_manager.findfont("DejaVu Sans")
    for path in [plain, *sorted(font_manager.findSystemFonts())]:
        try:
            if wanted <= set(FT2Font(path).get_charmap()):
                return font_manager.FontProperties(fname=path)
        except RuntimeError:  # Not a font that matplotlib reads.
            continue
    return None


def draw(pair, mixing, path):
    """A heat map: target tokens down, source tokens across."""
    rows, columns = pair.target.tokens, pair.source.tokens
    size = (2 + 0.28 * len(columns), 2 + 0.24 * len(rows))
    figure = Figure(figsize=size, dpi=150, layout="constrained")
    axes = figure.add_subplot()
    image = axes.imshow(mixing.alignment, cmap="viridis", vmin=0, aspect="auto")
    for axis, tokens in ((axes.yaxis, rows), (axes.xaxis, columns)):
        font = find_font(tokens)
        labels = tokens if font else [str(i) for i in range(len(tokens))]
        # A dollar is no formula here.
        axis.set_ticks(range(len(tokens)), labels, font=font, parse_math=False, size=8)
    axes.tick_params(axis="x", rotation=90)
    axes.set_xlabel("source token")
    axes.set_ylabel("target token")
    axes.set_title(f"Attention in layer {mixing.layer}, λ = {mixing.ratio:.3f}")
    figure.colorbar(image, label="mean over heads (rows sum to 1)")
    FigureCanvasAgg(figure)
    with atomic_file(path, "wb") as file:
        figure.savefig(file, format="png")


draw(pair, mixing, chart)
print(f"\nThe alignment of the first pair: {chart}")
