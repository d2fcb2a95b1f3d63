"""Packaging: the requirements, and the commands that the package installs.

``make install`` installs these requirements in the order that works; see README.md.
"""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
VERSION = re.search(
    r'"(.+)"', (HERE / "fairseq_xling" / "version.py").read_text(encoding="utf-8")
)
assert VERSION is not None

REQUIREMENTS = [
    # Releases of one year differ between Python versions; each has this one.
    'torch==2.13.0; python_version >= "3.10"',
    'torch==2.8.0; python_version < "3.10"',
    "fairseq-fixed==0.12.3.1",
    # What fairseq imports; its own list would add a torchaudio that breaks torch.
    "hydra-core==1.3.2",
    "omegaconf==2.3.0",
    "cffi>=1.17",
    "regex>=2024.11.6",
    "sacrebleu==2.5.1",
    "bitarray>=3.0",
    "packaging>=24.0",
    # fairseq uses numpy.compat, which numpy 2 dropped.
    "numpy==1.26.4",
    "scipy==1.13.1",
    "scikit-learn==1.6.1",
    "matplotlib==3.9.4",
    "sentencepiece==0.2.0",
    "tqdm>=4.67",
]
TEST_REQUIREMENTS = [
    "pytest==8.4.2",
    "hypothesis==6.141.1",
    "psutil>=6.0",
    "transformers==4.57.1",
    "protobuf>=5.29",
]
LINT_REQUIREMENTS = ["ruff==0.14.1", "mypy==1.18.2"]

setup(
    name="fairseq_xling",
    version=VERSION.group(1),
    description="Cross-lingual transfer for fairseq: X-Mixup and MultiMix",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="MIT",
    python_requires=">=3.9,<3.13",
    packages=find_packages(include=["fairseq_xling", "fairseq_xling.*"]),
    install_requires=REQUIREMENTS,
    extras_require={"test": TEST_REQUIREMENTS, "lint": LINT_REQUIREMENTS},
    entry_points={
        "console_scripts": ["xling-evaluate = fairseq_xling.cli.evaluate:cli_main"]
    },
)
