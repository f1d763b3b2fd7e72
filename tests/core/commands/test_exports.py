"""The command writes what was read back, and nothing where it does not fit."""

from pathlib import Path

import pytest

from core.__main__ import main
from core.exporting import write_folder
from tests.core.exporters.subjects import subject


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_folder(tmp_path / "out", dict(subject("lenet_300_100", "pruned, 4 bits").files))
    return tmp_path / "out"


def test_a_folder_of_apply_goes_out(folder: Path, capsys: pytest.CaptureFixture) -> None:
    target = folder.parent / "model.pt"
    assert main(["export", "torch", str(folder), "--model", "lenet_300_100", "-o", str(target)]) == 0
    said = capsys.readouterr().out
    assert "codes of fc1, fc2, fc3: decoded to float32, exactly" in said
    assert f"100.0% of 200 images answered alike, {target.stat().st_size} bytes" in said


@pytest.mark.parametrize(
    ("name", "model", "words"),
    [
        ("tflite", "lenet_300_100", "format 'tflite' is unknown, expected one of"),
        ("torch", "lenet5", "made from another model"),
    ],
)
def test_what_does_not_fit_is_refused(
    folder: Path, capsys: pytest.CaptureFixture, name: str, model: str, words: str
) -> None:
    target = folder.parent / "model.pt"
    assert main(["export", name, str(folder), "--model", model, "-o", str(target)]) == 2
    assert words in capsys.readouterr().err
    assert not target.exists()
