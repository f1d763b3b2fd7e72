"""The readers of other tools in forks of one process that has imported the tools, each import being seconds."""

import contextlib
import multiprocessing
import runpy
import sys
from pathlib import Path

from core.exporters.child import PATIENCE

TOOLS = (
    "torch",
    "onnxruntime",
    "openvino",
    "compressed_tensors.compressors",
    "compressed_tensors.quantization",
    "gguf",
)


def ran(script: Path, *arguments: Path | str) -> None:
    """Run a Python script as `core.exporters.child.ran` does, with the imports of the tools already done."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(TOOLS))
    process = context.Process(target=_run, args=(str(script), list(map(str, arguments))))
    process.start()
    process.join(PATIENCE)
    assert process.exitcode == 0, f"{script.name} ended with {process.exitcode}"


def _run(script: str, arguments: list[str]) -> None:
    sys.argv = [script, *arguments]
    sys.path[:] = [each for each in sys.path if each not in ("", str(Path.cwd()))]
    with contextlib.redirect_stdout(None):
        runpy.run_path(script, run_name="__main__")
