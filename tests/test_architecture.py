"""The house holds: imports go down the floors, files and functions stay small."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FLOORS = {
    "core.parallel": -1,
    "core.sentences": -1,
    "core.lessons.format": -2,
    "dashboard.terms": -1,
    "sample_models": 0,
    "core.recipe": 0,
    "core.grid": 1,
    "core.jobs": 0,
    "core.pictures": 0,
    "core.kinds": 0,
    "core.layouts": 0,
    "core.replacing": 0,
    "core.hubs": 0,
    "core.importing": 0,
    "core.tables": 0,
    "core.imagefolders": 0,
    "core.datasets": 1,
    "core.metrics": 0,
    "core.fitting": 1,
    "core.folding": 0,
    "core.entropy": 0,
    "core.certainty": 0,
    "core.statistics": 1,
    "core.clustering": 0,
    "core.encoding": 1,
    "core.decoding": 2,
    "core.index": 1,
    "core.seen": 1,
    "core.pruning": 3,
    "core.coding": 2,
    "core.factoring": 1,
    "core.secondorder": 1,
    "core.patterns": 0,
    "core.compensation": 4,
    "core.fisher": 2,
    "core.inputs": 2,
    "core.calibration": 3,
    "core.loading": 2,
    "core.pooling": 0,
    "core.tracing": 1,
    "core.thin": 2,
    "core.wiring": 2,
    "core.rebuilding": 3,
    "core.shrinking": 4,
    "core.equalizing": 4,
    "core.narrowing": 6,
    "core.layer": 2,
    "core.granting": 4,
    "core.compress": 5,
    "core.answers": 2,
    "core.evaluation": 3,
    "core.tallying": 4,
    "core.behaviour": 4,
    "core.cascade": 6,
    "core.joint": 6,
    "core.container": 1,
    "core.exporting": 6,
    "core.resting": 6,
    "core.planning": 6,
    "core.report": 6,
    "core.theory": 6,
    "core.biases": 5,
    "core.slabs": 6,
    "core.sources": 3,
    "core.streaming": 7,
    "core.rereading": 8,
    "core.inspecting": 8,
    "core.receiving": 8,
    "core.promises": 7,
    "core.trained": 7,
    "core.pipeline": 8,
    "core.variants": 9,
    "core.sensitivity": 9,
    "core.exporters": 10,
    "core.search": 11,
    "core.remembering": 12,
    "core.latency": 10,
    "core.stability": 9,
    "core.live": 9,
    "core.parting": 4,
    "core.training.losses": 0,
    "core.training.images": 0,
    "core.training.short": 2,
    "core.training.options": 1,
    "core.training.places": 1,
    "core.training.codes": 2,
    "core.training.leaves": 3,
    "core.training.adam": 0,
    "core.training.trainee": 6,
    "core.training.moving": 7,
    "core.training.lean": 7,
    "core.training.rounds": 8,
    "core.training.task": 9,
    "core.training.state": 10,
    "core.training.checkpoint": 11,
    "core.training.course": 12,
    "core.training.transfer": 13,
    "core.training.whole": 13,
    "core.training": 14,
    "core.lessons": 15,
    "core.runs": 9,
    "core.keeping": 10,
    "core.sweep": 10,
    "core.commands": 16,
    "core.__main__": 17,
    "dashboard.live": 0,
    "dashboard.words": 9,
    "dashboard.figures": 10,
    "dashboard.insights": 11,
    "dashboard.uploads": 8,
    "dashboard.offers": 9,
    "dashboard.incoming": 12,
    "dashboard.inventory": 12,
    "dashboard.lonely": 13,
    "dashboard.maps": 11,
    "dashboard.work": 1,
    "dashboard.late": 1,
    "dashboard.state": 10,
    "dashboard.head": 11,
    "dashboard.trail": 11,
    "dashboard.controls": 11,
    "dashboard.sensing": 11,
    "dashboard.fields": 12,
    "dashboard.editing": 13,
    "dashboard.facets": 14,
    "dashboard.findings": 12,
    "dashboard.pareto": 13,
    "dashboard.searches": 13,
    "dashboard.earlier": 14,
    "dashboard.verdicts": 13,
    "dashboard.requested": 13,
    "dashboard.keeping": 11,
    "dashboard.contrasts": 14,
    "dashboard.desk": 12,
    "dashboard.compared": 15,
    "dashboard.choices": 16,
    "dashboard.rows": 13,
    "dashboard.curves": 15,
    "dashboard.gains": 15,
    "dashboard.trainings": 15,
    "dashboard.regained": 16,
    "dashboard.remedies": 16,
    "dashboard.goals": 15,
    "dashboard.outcome": 15,
    "dashboard.export": 12,
    "dashboard.outgoing": 12,
    "dashboard.panels": 12,
    "dashboard.lessons": 16,
    "dashboard.views": 17,
    "dashboard.app": 18,
    "dashboard.__main__": 18,
}
FILES = [
    path for folder in ("core", "dashboard", "sample_models", "tests") for path in sorted((ROOT / folder).rglob("*.py"))
]
MODULES = [path for path in FILES if path.relative_to(ROOT).parts[0] != "tests"]
ENGINE = [path for path in MODULES if path.relative_to(ROOT).parts[0] == "core"]
KNOWN = set(sys.stdlib_module_names)
OPTIONAL = {"onnx", "ml_dtypes", "onnxruntime", "openvino", "torchao", "compressed_tensors", "gguf"}

each_file = pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
each_module = pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))


def place(module: str) -> str | None:
    """The entry of FLOORS that a module belongs to, itself or a package above it."""
    parts = module.split(".")
    return next((name for n in range(len(parts), 0, -1) if (name := ".".join(parts[:n])) in FLOORS), None)


def own(path: Path) -> str | None:
    return place(".".join(path.relative_to(ROOT).with_suffix("").parts))


def imported(path: Path) -> set[str]:
    """Dotted names of everything that a file imports, at any depth."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@each_module
def test_imports_go_down_the_floors(path):
    here = own(path)
    for name in imported(path):
        there = place(name)
        if here and there and there != here:
            assert FLOORS[there] < FLOORS[here], f"{here} imports {there}"


@each_module
def test_every_module_has_a_floor(path):
    assert own(path) or path.name == "__init__.py"


@pytest.mark.parametrize("path", ENGINE, ids=lambda p: str(p.relative_to(ROOT)))
def test_the_engine_knows_no_screen(path):
    roots = {name.split(".")[0] for name in imported(path)}
    assert not roots & {"streamlit", "plotly", "dashboard"}
    optional = OPTIONAL if "exporters" in path.parts else set()
    assert roots <= KNOWN | optional | {
        "core",
        "sample_models",
        "torch",
        "numpy",
        "pandas",
        "safetensors",
        "PIL",
        "dask",
    }


@each_file
def test_files_stop_at_300_lines_and_functions_at_40(path):
    text = path.read_text("utf-8")
    assert text.count("\n") <= 300 or path.parts[-2] == "tests" or path.name.startswith("test_")
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            assert node.end_lineno - node.lineno + 1 <= 40, f"{node.name} is too long"


@pytest.mark.parametrize("path", ENGINE, ids=lambda p: str(p.relative_to(ROOT)))
def test_public_functions_of_the_engine_say_what_comes_back(path):
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            assert ast.get_docstring(node), node.name
