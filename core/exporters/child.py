"""Other tools in processes of their own: a script that reads a file and answers images."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

PATIENCE = 600  # seconds
LONGEST = 300  # letters of what a script leaves
READERS = Path(__file__).with_name("readers")


def ran(script: Path, *arguments: Path | str) -> None:
    """Run a Python script in a fresh process; ValueError with the last line that it leaves where it fails."""
    alone = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    command = [sys.executable, str(script), *map(str, arguments)]
    try:
        done = subprocess.run(command, env=alone, capture_output=True, text=True, timeout=PATIENCE, check=False)
    except subprocess.TimeoutExpired:
        raise ValueError(f"read back with {script.name}, it gave no answer in {PATIENCE} seconds") from None
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no word"])[-1]
        raise ValueError(f"read back with {script.name}, it failed: {last[:LONGEST]}")


def answers(script: str, path: Path, images: Tensor) -> tuple[Tensor, ...]:
    """What a file says to images, (N, classes) float32, read by one of READERS in a fresh process.

    First in float32, then, where it computes otherwise by itself, as the tool does unless told.
    """
    with tempfile.TemporaryDirectory() as place:
        given, found = Path(place) / "images.npy", Path(place) / "logits.npy"
        np.save(given, images.numpy())
        ran(READERS / script, path, given, found)
        return tuple(torch.from_numpy(np.load(found, allow_pickle=False)).float())


def decoded(script: Path, path: Path) -> dict[str, np.ndarray]:
    """The arrays that a script decodes a file to, in a fresh process."""
    with tempfile.TemporaryDirectory() as place:
        found = Path(place) / "weights.npz"
        ran(script, path, found)
        with np.load(found, allow_pickle=False) as archive:
            return dict(archive)
