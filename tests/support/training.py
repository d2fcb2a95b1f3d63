"""Running the real commands on the small data of these tests."""

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional

import torch

ROOT = Path(__file__).resolve().parents[2]
SHAPE = [
    "--encoder-layers=2",
    "--encoder-embed-dim=16",
    "--encoder-ffn-embed-dim=32",
    "--encoder-attention-heads=2",
    "--max-positions=64",
]


def command(name: str) -> str:
    """A console script of the running environment."""
    return str(Path(sys.executable).with_name(name))


def environment(**extra: str) -> dict:
    return {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", **extra}


def free_port() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return server.getsockname()[1]


def train_command(data: Path, save_dir: Path, *options: str) -> List[str]:
    return [
        command("fairseq-train"),
        str(data),
        f"--user-dir={ROOT / 'fairseq_xling'}",
        "--task=xmixup_xnli",
        "--arch=xmixup_xlmr_mini",
        *SHAPE,
        "--criterion=xmixup",
        "--optimizer=adam",
        "--lr=0.002",
        "--lr-scheduler=fixed",
        "--batch-size=8",
        "--num-workers=0",
        "--cpu",
        "--log-format=json",
        "--log-interval=1",
        "--best-checkpoint-metric=accuracy",
        "--maximize-best-checkpoint-metric",
        "--no-epoch-checkpoints",
        f"--save-dir={save_dir}",
        *options,
    ]


def parameters(folder: Path) -> Dict[str, torch.Tensor]:
    """Those that a training ends with."""
    path = folder / "checkpoint_last.pt"
    return torch.load(path, map_location="cpu", weights_only=True)["model"]


def check_equal(one: Mapping[str, Any], other: Mapping[str, Any]) -> None:
    """The same names, and bit for bit the same values."""
    torch.testing.assert_close(one, other, rtol=0, atol=0, equal_nan=True)


def run(
    arguments: List[str], check: bool = True, cwd: Optional[Path] = None, **env: str
) -> subprocess.CompletedProcess:
    """Run a command; its two outputs come back together in ``stdout``."""
    done = subprocess.run(
        arguments,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=cwd or ROOT,
        env=environment(**env),
    )
    if check and done.returncode:
        raise AssertionError(f"{arguments[:3]} failed:\n{done.stdout[-4000:]}")
    return done
