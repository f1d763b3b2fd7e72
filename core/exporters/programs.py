"""Programs that run without the model's code: torch.export's."""

import io
import warnings
from pathlib import Path

import torch
from torch import Tensor
from torch.export import Dim, ExportedProgram

from core.exporters import building, child
from core.exporters.building import Wrap, rounding
from core.exporters.format import Exporter, Keep
from core.exporters.states import PLAIN
from core.exporters.subject import Subject

EXAMPLE = 2  # images that a model is followed with


def program(subject: Subject, wrap: Wrap = rounding) -> ExportedProgram:
    """The compressed model as torch.export follows it, for any number of images where it sees that it takes them."""
    module = building.built(subject, wrap)
    images = subject.images[:EXAMPLE].clone()
    fast = torch.backends.mha.get_fastpath_enabled()
    try:
        torch.backends.mha.set_fastpath_enabled(False)  # one operator for a whole layer, which other tools lack
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of torch about itself
            return torch.export.export(module, (images,), dynamic_shapes=({0: Dim.AUTO},))
    except Exception as error:  # a model's code may do what cannot be followed, and torch raises as it pleases
        line = f"{error}".strip().splitlines()[0] if f"{error}".strip() else type(error).__name__
        raise ValueError(f"torch.export cannot follow this model ({line})") from None
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)


def torch_export(subject: Subject) -> dict[str, bytes]:
    """A .pt2 file."""
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.export.save(program(subject), file)
    return {"model.pt2": file.getvalue()}


def _answers(subject: Subject, path: Path) -> tuple[Tensor, ...]:
    return child.answers("torch_export.py", path, subject.images)


def homeless(subject: Subject) -> tuple[str, ...]:
    """A sentence about the layers that come with their weights decoded, and their inputs not rounded."""
    names = building.homeless(subject)
    return (f"{', '.join(names)}: decoded to float32, since no plain module of torch runs it",) if names else ()


RUNNING = PLAIN | {
    "low rank": Keep(True, "as thin layers, one after another"),
    "shrunk": Keep(True, "in its smaller shapes"),
    "inputs": Keep(True, "rounded to their grids"),
}
PROGRAMS = {
    "torch_export": Exporter(
        "a .pt2 program that torch.export loads without the model's code; open only files of your own, it can run code",
        "model.pt2",
        RUNNING,
        torch_export,
        _answers,
        limits=homeless,
    )
}
