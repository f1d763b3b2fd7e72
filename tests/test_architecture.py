"""The house holds: imports go down the floors, files and functions stay small."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FLOORS = {
    "sample_models": 0,
    "core.recipe": 0,
    "core.entropy": 0,
    "core.statistics": 0,
    "core.encoding": 1,
    "core.decoding": 2,
    "core.index": 1,
    "core.pruning": 1,
    "core.coding": 2,
    "core.factoring": 1,
    "core.secondorder": 1,
    "core.fisher": 2,
    "core.calibration": 1,
    "core.loading": 1,
    "core.tracing": 1,
    "core.compress": 3,
    "core.evaluation": 3,
    "core.cascade": 4,
    "core.joint": 4,
    "core.exporting": 4,
    "core.planning": 4,
    "core.report": 4,
    "core.pipeline": 5,
    "core.live": 6,
    "core.__main__": 7,
    "dashboard.live": 0,
    "dashboard.words": 7,
    "dashboard.figures": 8,
    "dashboard.state": 8,
    "dashboard.trail": 9,
    "dashboard.controls": 9,
    "dashboard.rows": 10,
    "dashboard.export": 10,
    "dashboard.panels": 10,
    "dashboard.views": 11,
    "dashboard.app": 12,
}
FILES = [
    path for folder in ("core", "dashboard", "sample_models", "tests") for path in sorted((ROOT / folder).rglob("*.py"))
]
MODULES = [path for path in FILES if path.relative_to(ROOT).parts[0] != "tests"]
KNOWN = set(sys.stdlib_module_names)

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


@pytest.mark.parametrize("path", [p for p in MODULES if p.parts[-2] == "core"], ids=lambda p: p.name)
def test_the_engine_knows_no_screen(path):
    roots = {name.split(".")[0] for name in imported(path)}
    assert not roots & {"streamlit", "plotly", "dashboard"}
    assert roots <= KNOWN | {"core", "sample_models", "torch", "numpy", "pandas", "safetensors"}


@each_file
def test_files_stop_at_300_lines_and_functions_at_40(path):
    text = path.read_text("utf-8")
    assert text.count("\n") <= 300 or path.parts[-2] == "tests" or path.name.startswith("test_")
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            assert node.end_lineno - node.lineno + 1 <= 40, f"{node.name} is too long"


@pytest.mark.parametrize("path", [p for p in MODULES if p.parts[-2] == "core"], ids=lambda p: p.name)
def test_public_functions_of_the_engine_say_what_comes_back(path):
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            assert ast.get_docstring(node), node.name
