"""What a weights file of 1.1 billion bfloat16 numbers takes: `inspect`, and `apply` at half the weights in 4 bits.

Run: python -m tests.benchmarks.large [FOLDER]. It writes 2.2 GB to the folder, by default a temporary one, and prints
for each command its time, its peak memory and the bound: 5 s and 1 GB; twice the largest matrix and 1 GB.
"""

import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import safetensors.torch
import torch

WIDTH, INNER, DEPTH, WORDS, KEYS = 2048, 5632, 22, 32000, 256
MATRICES = {
    "self_attn.q_proj": (WIDTH, WIDTH),
    "self_attn.k_proj": (KEYS, WIDTH),
    "self_attn.v_proj": (KEYS, WIDTH),
    "self_attn.o_proj": (WIDTH, WIDTH),
    "mlp.gate_proj": (INNER, WIDTH),
    "mlp.up_proj": (INNER, WIDTH),
    "mlp.down_proj": (WIDTH, INNER),
}
RECIPE = {"format": "prunescope/recipe/1", "default": {"sparsity": 0.5, "bits": 4, "group": "128"}}
LARGEST = 2 * WORDS * WIDTH  # bytes


def weights() -> dict[str, torch.Tensor]:
    """The matrices and scales of a language model, drawn at random."""
    torch.manual_seed(0)
    shapes = {"model.embed_tokens.weight": (WORDS, WIDTH), "lm_head.weight": (WORDS, WIDTH)}
    for layer in range(DEPTH):
        shapes |= {f"model.layers.{layer}.{name}.weight": shape for name, shape in MATRICES.items()}
    found = {name: torch.empty(shape, dtype=torch.bfloat16).normal_(0, 0.02) for name, shape in shapes.items()}
    return found | {f"model.layers.{layer}.norm.weight": torch.ones(WIDTH).bfloat16() for layer in range(DEPTH)}


def write(path: Path) -> None:
    """Write the weights to a file."""
    safetensors.torch.save_file(weights(), path)


def run(*arguments: str) -> tuple[float, float]:
    """Seconds and the peak memory in MB of one command in a process of its own."""
    start = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "core", *arguments], stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{arguments[0]} failed")
    return time.perf_counter() - start, used.ru_maxrss / 1024


def main(folder: Path) -> None:
    """Print a line for each command."""
    path, recipe = folder / "large.safetensors", folder / "recipe.json"
    if not path.is_file():
        made = multiprocessing.get_context("spawn").Process(target=write, args=(path,))  # a process passes its peak on
        made.start()
        made.join()
    recipe.write_text(json.dumps(RECIPE))
    seconds, memory = run("inspect", "--model", str(path))
    print(f"inspect  {seconds:7.1f} s of 5  {memory:7.0f} MB of 1024")
    out = folder / f"out{os.getpid()}"
    seconds, memory = run("apply", "--model", str(path), "--recipe", str(recipe), "-o", str(out))
    written = (out / "model.safetensors").stat().st_size
    print(f"apply    {seconds:7.1f} s       {memory:7.0f} MB of {1024 + 2 * LARGEST / 2**20:.0f}")
    print(f"{path.stat().st_size} bytes become {written}, {path.stat().st_size / written:.2f} times smaller")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as made:
            main(Path(made))
