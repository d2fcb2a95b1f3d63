"""Packaging: the requirements, and the commands that the package installs.

The requirements are ranges, which fit into an environment that exists; the versions
that ``make install`` takes are those of ``constraints/``.
"""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent

TORCH = "torch>=2.6"
# Upstream's main branch with its mutable dataclass defaults mended. Its own list of
# requirements has a torchaudio that may not fit torch, so ``make install`` leaves it
# out, and what fairseq imports is listed below.
FAIRSEQ = "fairseq-fixed==0.12.3.1"
REQUIREMENTS = [
    "bitarray>=2.9",
    "cffi>=1.16",
    "huggingface_hub>=0.24",
    "hydra-core==1.3.2",
    "jinja2>=3.1",
    "matplotlib>=3.8",
    "numpy>=1.26",
    "omegaconf==2.3.0",
    "packaging>=23",
    "regex>=2023.12.25",
    "sacrebleu>=2.4",
    "safetensors>=0.4.3",
    "scikit-learn>=1.4",
    "scipy>=1.11.4",
    "sentencepiece>=0.2",
    "seqeval>=1.2.2",
    "tokenizers>=0.20",
    "tqdm>=4.66",
]
TEST_REQUIREMENTS = [
    "hypothesis>=6.100",
    "protobuf>=4",
    "psutil>=5.9",
    "pytest>=8",
    "pytest-xdist>=3.5",
    "transformers>=4.57,<5",
]
# What runs Hugging Face's translation models.
TRANSLATE_REQUIREMENTS = ["transformers>=4.57,<5"]
LINT_REQUIREMENTS = ["import-linter>=2.5", "mypy>=1.18", "ruff==0.14.1"]


def read(*parts: str) -> str:
    """Return the text of a file of this folder."""
    return HERE.joinpath(*parts).read_text(encoding="utf-8")


if __name__ == "__main__":
    setup(
        name="fairseq_xling",
        version=re.findall(r'"([\d.]+)"', read("fairseq_xling", "version.py"))[0],
        description="Cross-lingual transfer for fairseq: X-Mixup and MultiMix",
        long_description=read("README.md"),
        long_description_content_type="text/markdown",
        license="MIT",
        python_requires=">=3.9",
        packages=find_packages(include=["fairseq_xling", "fairseq_xling.*"]),
        package_data={"fairseq_xling.report": ["templates/*"]},
        install_requires=[TORCH, FAIRSEQ, *REQUIREMENTS],
        extras_require={
            "test": TEST_REQUIREMENTS,
            "lint": LINT_REQUIREMENTS,
            "translate": TRANSLATE_REQUIREMENTS,
        },
        entry_points={
            "console_scripts": [
                "xling-agree = fairseq_xling.cli.agree:cli_main",
                "xling-analyze = fairseq_xling.cli.analyze:cli_main",
                "xling-distill = fairseq_xling.cli.distill:cli_main",
                "xling-evaluate = fairseq_xling.cli.evaluate:cli_main",
                "xling-multimix = fairseq_xling.cli.multimix:cli_main",
                "xling-penalty-charts = fairseq_xling.cli.penalty_charts:cli_main",
                "xling-predict = fairseq_xling.cli.predict:cli_main",
                "xling-report = fairseq_xling.cli.report:cli_main",
                "xling-sample = fairseq_xling.cli.sample:cli_main",
                "xling-table = fairseq_xling.cli.benchmark_tables:cli_main",
                "xling-join-shards = fairseq_xling.cli.join_shards:cli_main",
                "xling-retokenize = fairseq_xling.cli.retokenize:cli_main",
                "xling-pseudo-label = fairseq_xling.cli.pseudo_label:cli_main",
            ]
        },
    )
