"""Packaging: the requirements, and the commands that the package installs.

``make install`` installs these requirements in the order that works; see README.md.
"""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent

# Any torch from here on is kept where it is installed already, such as a CUDA build.
TORCH = "torch>=2.6"
# Upstream's main branch with its mutable dataclass defaults mended. Its own list of
# requirements would add a torchaudio that does not fit torch, so what it imports is
# listed below.
FAIRSEQ = "fairseq-fixed==0.12.3.1"
# numpy is what fairseq is built against; it uses numpy.compat, which numpy 2 dropped.
# seqeval is published as source alone, which newer setuptools_scm cannot build.
BUILD_REQUIREMENTS = [
    "cython==3.0.12",
    "numpy==1.26.4",
    "setuptools<81",
    "setuptools_scm<9",
    "wheel",
]
REQUIREMENTS = [
    "bitarray==3.0.0",
    "cffi==1.17.1",
    "hydra-core==1.3.2",
    "jinja2==3.1.6",
    "markupsafe==3.0.4",
    "matplotlib==3.9.4",
    "numpy==1.26.4",
    "omegaconf==2.3.0",
    "packaging==24.2",
    "regex==2024.11.6",
    "sacrebleu==2.5.1",
    "safetensors==0.6.2",
    "scikit-learn==1.6.1",
    "scipy==1.13.1",
    "sentencepiece==0.2.0",
    "seqeval==1.2.2",
    "tokenizers==0.22.2",
    "tqdm==4.67.1",
]
TEST_REQUIREMENTS = [
    "hypothesis==6.141.1",
    "psutil==6.1.1",
    "pytest==8.4.2",
    "pytest-xdist==3.8.0",
    "transformers==4.57.1",
]
LINT_REQUIREMENTS = ["import-linter==2.5.2", "mypy==1.18.2", "ruff==0.14.1"]


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
        python_requires=">=3.9,<3.13",
        packages=find_packages(include=["fairseq_xling", "fairseq_xling.*"]),
        package_data={"fairseq_xling.report": ["templates/*"]},
        install_requires=[TORCH, FAIRSEQ, *REQUIREMENTS],
        extras_require={"test": TEST_REQUIREMENTS, "lint": LINT_REQUIREMENTS},
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
