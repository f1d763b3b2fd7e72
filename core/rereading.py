"""A compressed weights file whose network nobody knows, held to its report and its recipe, a matrix at a time."""

import json
from collections.abc import Mapping
from pathlib import Path

import safetensors
import torch
from torch import Tensor

from core import streaming
from core.encoding import Encoded
from core.exporting import FORMAT, SEPARATOR, layer_form
from core.promises import require, said
from core.recipe import Recipe
from core.slabs import ROWS
from core.streaming import Entry, Read

SLACK = 1e-3  # of the squared error: another processor sums in another order


def verify(folder: Path, path: str) -> dict[str, object]:
    """The report of a folder that `streaming.write` made of a weights file; ValueError names what does not hold.

    Every matrix must have the form that the recipe asks for and be as near to the file's own as a fresh one; all else
    must be as it was, to the bit.
    """
    made = {"name": Path(path).stem, "sha256": streaming.file_hash(path)}
    promised, recipe = said(folder, made["name"], made["sha256"])
    listed = streaming.entries(path)
    streaming.require_alone(recipe, [entry for entry in listed if not entry.why])
    written = folder / "model.safetensors"
    forms, names = _head(written)
    rows, parts = [], {}
    for name in names:
        parts.setdefault(name.split(SEPARATOR)[0], []).append(name)
    read, found = streaming.reader(path), streaming.reader(written)
    for entry in listed:
        held = {name: found(name) for name in parts.get(entry.name, [])}
        encoded = _encoded((read, recipe), entry, (forms.get(entry.name), held))
        if not entry.why:
            rows.append(streaming.row_of(entry, encoded))
    _require_known(names, [entry.name for entry in listed])
    sizes = written.stat().st_size, Path(path).stat().st_size
    figures = json.loads(json.dumps(streaming.summary(rows, sizes, made) | {"versions": promised.get("versions")}))
    require("its keys", sorted(promised), sorted(figures))
    for name, value in figures.items():
        require(name, promised[name], value)
    return promised


def _head(path: Path) -> tuple[Mapping[str, object], list[str]]:
    """The forms by tensor, and the names of all that the file holds."""
    try:
        with safetensors.safe_open(path, "pt") as file:
            said_of = json.loads((file.metadata() or {})["prunescope"])
            names = list(file.keys())
        if said_of["format"] != FORMAT:
            raise ValueError(f"'{path}': its format is {said_of['format']!r}, expected {FORMAT!r}")
        return dict(said_of["forms"]), names
    except (safetensors.SafetensorError, KeyError, TypeError, RecursionError, json.JSONDecodeError) as error:
        raise ValueError(f"'{path}' is not a file that Prunescope wrote ({error})") from None


def _encoded(
    made: tuple[Read, Recipe], entry: Entry, found: tuple[Mapping[str, object] | None, dict[str, Tensor]]
) -> Encoded | None:
    """The form that a tensor has in the written file, None where it is as it was; ValueError where it should not."""
    (read, recipe), (form, held) = made, found
    asked = None if entry.why else streaming.encoded_of(read, entry, recipe)
    own = read(entry.name)
    if (asked is None) != (form is None):
        raise _otherwise(entry)
    if asked is None:
        if held.keys() != {entry.name} or not _same(held[entry.name], own):
            raise ValueError(f"{entry.name} in model.safetensors is not as it was, expected it unchanged")
        return None
    wanted, fresh = asked.form(), _error(asked.decode(), own)
    del asked  # before the next one is made
    encoded, matrix = layer_form(streaming.shaped(entry), form, held)
    if encoded.form() != wanted:
        raise _otherwise(entry)
    error = _error(matrix, own)
    if not error <= fresh * (1 + SLACK):
        raise ValueError(
            f"layer '{entry.layer}': its squared error is {error:.6g}, expected {fresh:.6g} as its recipe leaves it"
        )
    return encoded


def _otherwise(entry: Entry) -> ValueError:
    return ValueError(f"layer '{entry.layer}': model.safetensors holds it in another form than recipe.json asks for")


def _error(matrix: Tensor, own: Tensor) -> float:
    """The sum of squared differences, some rows at a time."""
    rows = max(1, ROWS // matrix.shape[1])
    pairs = zip(matrix.split(rows), own.reshape(matrix.shape).split(rows), strict=True)
    return sum(float((one - other.float()).double().square().sum()) for one, other in pairs)


def _same(one: Tensor, other: Tensor) -> bool:
    if (one.dtype, one.shape) != (other.dtype, other.shape):
        return False
    return torch.equal(*(each.contiguous().flatten().view(torch.uint8) for each in (one, other)))


def _require_known(names: list[str], known: list[str]) -> None:
    foreign = sorted({name.split(SEPARATOR)[0] for name in names} - set(known))
    if foreign:
        raise ValueError(f"model.safetensors holds {foreign[0]}, which the weights file does not have")
