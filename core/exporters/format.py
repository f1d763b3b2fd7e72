"""What an exporter is: what it keeps of a recipe, said before; a file, read back by the tool that it is for, after."""

import math
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from torch import Tensor

from core.exporters.subject import Subject, facets, logits
from core.exporting import write_folder
from core.metrics import task

LISTED = 3  # layers, before the rest is counted
LONGEST = 200  # letters of a tool's complaint
NEAR = 1e-2
LIKE = 0.9  # of the images, answered alike where numbers may be rounded either way
FLOAT = 1e-4  # of the largest logit: another order of float32 sums


class Keep(NamedTuple):
    """Whether a format keeps something, and how it stands in the file."""

    kept: bool
    how: str


@dataclass(frozen=True)
class Exporter:
    """A format. name: of the file, or of the folder where there are several. keeps: of each of FACETS.

    needs: packages beside the engine's own. limits: what else is to be said of a subject. write: file name -> bytes.
    answers: what the tool reads from the path says to the subject's images, (N, classes); a second one where the tool
    computes otherwise unless told, which is reported and not held to a tolerance. rounded: what the weights say as the
    format can hold them, where it moves each once more by half a step of the recipe's at most; None where it does not.
    """

    about: str
    name: str
    keeps: Mapping[str, Keep]
    write: Callable[[Subject], dict[str, bytes]]
    answers: Callable[[Subject, Path], Tensor | tuple[Tensor, ...]]
    needs: tuple[str, ...] = ()
    limits: Callable[[Subject], tuple[str, ...]] = lambda subject: ()
    rounded: Callable[[Subject], Tensor] | None = None


class Checked(NamedTuple):
    """What a file said when its tool had read it back. difference: the largest of a logit from the measured model's.

    left: the largest of a logit from what the format can express. agreement: the share of images answered alike.
    usual: the difference of what the tool computes unless told otherwise, None where that is the same.
    """

    difference: float
    left: float
    largest: float
    agreement: float
    images: int
    bytes: int
    usual: float | None = None


def said(exporter: Exporter, subject: Subject) -> list[str]:
    """What the format can and cannot express of this recipe, a sentence each."""
    found = [f"{facet} of {_listed(layers)}: {exporter.keeps[facet].how}" for facet, layers in facets(subject).items()]
    return [*(found or ["the recipe changes nothing: the model as it is"]), *exporter.limits(subject)]


def missing(exporter: Exporter) -> str:
    """A sentence that says how to install what the exporter needs, '' where it is all there."""
    absent = [package for package in exporter.needs if find_spec(package.replace("-", "_")) is None]
    return f"needs {' and '.join(absent)}: pip install {' '.join(absent)}" if absent else ""


def export(exporter: Exporter, subject: Subject, target: Path | None = None) -> tuple[dict[str, bytes], Checked]:
    """The files, after they were written, read back by their tool and found to say what the format can express.

    target: where they then are put, a file or a folder of several. ValueError where something is missing or differs.
    """
    absent = missing(exporter)
    if absent:
        raise ValueError(f"this export {absent}")
    files = exporter.write(subject)
    with tempfile.TemporaryDirectory() as place:
        path = put(files, Path(place) / exporter.name)
        checked = _checked(exporter, subject, _answers(exporter, subject, path), sum(map(len, files.values())))
    _hold(exporter, subject, checked)
    if target is not None:
        put(files, target)
    return files, checked


def _answers(exporter: Exporter, subject: Subject, path: Path) -> Tensor | tuple[Tensor, ...]:
    """What the tool answers; ValueError where the tensors that it read are not the model's, as of a name with a NUL."""
    try:
        return exporter.answers(subject, path)
    except (KeyError, RuntimeError) as error:
        line = " ".join(f"{error}".split())
        raise ValueError(f"read back, it does not fit the model ({line[:LONGEST]}); nothing is written") from None


def _hold(exporter: Exporter, subject: Subject, checked: Checked) -> None:
    """ValueError where what was read back says something else than the format can express.

    Where an input between two codes may go either way the answers count, and they do too where weights were moved.
    """
    either_way = "inputs" in facets(subject) and exporter.keeps["inputs"].kept
    limit = FLOAT * checked.largest
    if (either_way or exporter.rounded) and checked.agreement < LIKE:
        raise ValueError(f"read back, it answers {checked.agreement:.1%} of the images alike; nothing is written")
    if not either_way and not checked.left <= limit:
        raise ValueError(
            f"read back, its logits differ by {checked.left:.3g} from what the format can hold of the compressed "
            f"model, expected {limit:.1g} at most; nothing is written"
        )


def put(files: Mapping[str, bytes], target: Path) -> Path:
    """Write one file as the target, or several as a folder of that name; each in one step."""
    if len(files) > 1:
        write_folder(target, files)
        return target
    if target.is_dir():
        raise ValueError(f"'{target}' is a folder, expected the name of a file to write")
    if target.exists() and not target.is_file():  # a device or a pipe would be gone
        raise ValueError(f"'{target}' is no plain file, expected the name of one to write")
    if not target.resolve().parent.is_dir():
        raise ValueError(f"'{target}' lies in no folder that exists, make '{target.resolve().parent}' first")
    (data,) = files.values()
    with tempfile.NamedTemporaryFile(dir=target.resolve().parent, prefix=f".{target.name}.", delete=False) as file:
        file.write(data)
    Path(file.name).chmod(0o644)
    Path(file.name).replace(target)
    return target


def _checked(exporter: Exporter, subject: Subject, answers: Tensor | tuple[Tensor, ...], size: int) -> Checked:
    found, *usual = answers if isinstance(answers, tuple) else (answers,)
    measured = logits(subject)
    meant = _held(exporter, subject, measured)
    if found.shape != measured.shape:
        raise ValueError(f"read back, it answers {tuple(found.shape)}, expected {tuple(measured.shape)}")
    gaps = [float((found - each).abs().nan_to_num(math.inf).max()) for each in (measured, meant)]
    largest = float(measured.abs().max())
    by_itself = float((usual[0] - measured).abs().max()) if usual else None
    return Checked(*gaps, largest, _agreement(subject, found, measured), len(found), size, by_itself)


def _held(exporter: Exporter, subject: Subject, measured: Tensor) -> Tensor:
    """The answers, as far as the format can hold what the recipe made."""
    if exporter.rounded is not None:
        return exporter.rounded(subject)
    return measured if exporter.keeps["inputs"].kept else logits(subject, on_grids=False)


def _agreement(subject: Subject, found: Tensor, measured: Tensor) -> float:
    """The share of answers alike: the same class, or a number within NEAR of the largest."""
    if task(subject.study.bench.targets) == "numbers":
        return float(((found - measured).abs() <= NEAR * measured.abs().max()).float().mean())
    return float((found.argmax(-1) == measured.argmax(-1)).float().mean())


def _listed(layers: tuple[str, ...]) -> str:
    more = len(layers) - LISTED
    return ", ".join(layers[:LISTED]) + (f" and {more} more" if more > 0 else "")
