"""Compressed models as files: the encoded tensors in one safetensors file, and back."""

import ctypes
import json
import math
import os
import shutil
import sys
import tempfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from core import container
from core.compress import unchanged
from core.container import SEPARATOR, TYPE_BYTES, TYPE_NAMES
from core.decoding import from_tensors
from core.encoding import ANS, Encoded, Kept, Sparse, meaning, shape_of
from core.layer import Layer
from core.seen.watching import place

FORMAT = "prunescope/weights/3"


def stored(model: nn.Module, known: tuple[Layer, ...], encoded: Mapping[str, Encoded]) -> dict[str, Tensor]:
    """Every tensor of the file by name: parts of the encoded layers, and what is not compressed as it is."""
    forms = changed(known, encoded)
    tensors: dict[str, Tensor] = {}
    for name, tensor in untied(model).items():
        if name in forms:
            parts = forms[name].tensors()
            tensors |= {f"{name}{SEPARATOR}{part}": value for part, value in parts.items()}
        else:
            tensors[name] = tensor.detach().clone().contiguous()  # a file holds no tensor twice
    return tensors


def file_bytes(model: nn.Module, known: tuple[Layer, ...], encoded: Mapping[str, Encoded]) -> int:
    """Bytes of the file that `serialize` makes, header included, without making it."""
    forms = changed(known, encoded)
    entries: list[tuple[str, str, tuple[int, ...]]] = []
    for name, tensor in untied(model).items():
        if name in forms:
            layout = forms[name].layout()
            entries += [(f"{name}{SEPARATOR}{part}", *spec) for part, spec in layout.items()]
        else:
            entries.append((name, TYPE_NAMES[tensor.dtype], tuple(tensor.shape)))
    index = _index(forms)
    if forms:
        return container.framed(entries, index, _alike(forms))
    return _framed_bytes(entries, json.dumps(index, separators=TIGHT))


def _framed_bytes(entries: list[tuple[str, str, tuple[int, ...]]], forms: str) -> int:
    """Length of a safetensors file: 8 bytes, the JSON header padded to a multiple of 8, the data."""
    order = {kind: i for i, kind in enumerate(TYPE_BYTES)}
    header: dict[str, object] = {"__metadata__": {"prunescope": forms}}
    end = 0
    for name, kind, shape in sorted(entries, key=lambda entry: (order[entry[1]], entry[0])):
        begin, end = end, end + TYPE_BYTES[kind] * math.prod(shape)
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": [begin, end]}
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    return 8 + -(-len(text) // 8) * 8 + end


def serialize(
    model: nn.Module, known: tuple[Layer, ...], encoded: Mapping[str, Encoded], buffers: Mapping[str, Tensor]
) -> bytes:
    """The file's bytes. buffers: recalibrated batch-norm statistics that replace the model's own."""
    forms = changed(known, encoded)
    beside = {name: tensor.contiguous() for name, tensor in buffers.items() if name not in forms}
    tensors = stored(model, known, encoded) | beside
    if forms:
        return container.packed(tensors, _index(forms), _alike(forms))
    return safetensors.torch.save(tensors, {container.NAME: json.dumps(_index(forms), separators=TIGHT)})


def changed(known: tuple[Layer, ...], encoded: Mapping[str, Encoded]) -> dict[str, Encoded]:
    """Parameter name -> its encoded form, for the layers that are not as they were and for what lies beside them."""
    changed = {layer.parameter: encoded[layer.name] for layer in known if not unchanged(layer, encoded[layer.name])}
    names = {layer.name for layer in known}
    return changed | {name: form for name, form in encoded.items() if name not in names}


def _index(forms: Mapping[str, Encoded]) -> dict[str, object]:
    return {"format": FORMAT, "forms": {parameter: form.form() for parameter, form in forms.items()}}


def _alike(forms: Mapping[str, Encoded]) -> dict[str, tuple[bool, bytes]]:
    """What tells equal tensors: a channel that is gone is gone from the rows, the bias and the columns that read it."""
    return {
        f"{parameter}{SEPARATOR}{part}": (part.endswith(ANS), bits.numpy().tobytes())
        for parameter, form in forms.items()
        if isinstance(form, Kept | Sparse)
        for part, bits in form.marks().items()
    }


def untied(model: nn.Module) -> dict[str, Tensor]:
    """The state dict with each shared tensor once, under its first name."""
    seen, found = set(), {}
    for name, tensor in model.state_dict().items():
        if place(tensor) not in seen or not tensor.numel():
            found[name] = tensor
            seen.add(place(tensor))
    return found


def deserialize(
    data: bytes, model: nn.Module, known: tuple[Layer, ...]
) -> tuple[dict[str, Encoded], dict[str, Tensor]]:
    """The encoded form of each layer by its name and of what lies beside by parameter, and every tensor that stands for
    one of the model's, decoded, by parameter.

    ValueError where the bytes are no such file or do not fit the model. Nothing in them is executed.
    """
    tensors, forms = _opened(data)
    read = {layer: layer_form(layer, forms.get(layer.parameter), tensors) for layer in known}
    encoded = {layer.name: form for layer, (form, _) in read.items()}
    decoded = {layer.parameter: layer.parameter_of(matrix) for layer, (_, matrix) in read.items()}
    rest = {name: tensor for name, tensor in tensors.items() if SEPARATOR not in name}
    for name, tensor in untied(model).items():
        if name in forms and name not in decoded:
            if name in rest:
                raise ValueError(f"{name} is stored in two ways, expected one")
            parts = _parts(name, tensors)
            encoded[name], row = _matrix_form(name, (1, tensor.numel()), forms[name], parts)
            rest[name] = row.reshape(tensor.shape)
    _check_names(untied(model), decoded | rest)
    return encoded, rest | decoded


def _parts(parameter: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The parts of a parameter's form, by their own names."""
    prefix = parameter + SEPARATOR
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _opened(data: bytes) -> tuple[dict[str, Tensor], dict[str, object]]:
    """The tensors and the forms of a file, by name."""
    try:
        tensors, index = container.opened(data)
        if index["format"] != FORMAT:
            raise ValueError(f"its format is {index['format']!r}, expected {FORMAT!r}")
        return tensors, dict(index["forms"])
    except UNREADABLE as error:
        raise ValueError(f"not a file that Prunescope wrote ({error})") from None


def layer_form(layer: Layer, form: Mapping | None, tensors: Mapping[str, Tensor]) -> tuple[Encoded, Tensor]:
    """The layer's encoded form, and the (out, in) matrix that it decodes to."""
    rows, columns = layer.matrix.shape
    if form is None:
        whole = tensors.get(layer.parameter)
        form = {"kind": "dense", "rows": rows, "columns": columns}
        fits = whole is not None and tuple(whole.shape) == layer.shape
        parts = {"values": layer.matrix_of(whole.float()).reshape(-1)} if fits else {}
    else:
        parts = _parts(layer.parameter, tensors)
    return _matrix_form(f"layer '{layer.name}'", (rows, columns), form, parts)


def _matrix_form(
    what: str, shape: tuple[int, int], form: object, parts: Mapping[str, Tensor]
) -> tuple[Encoded, Tensor]:
    """The encoded form of a matrix of that shape, and what it decodes to; ValueError that begins with `what`."""
    rows, columns = shape
    try:
        if not isinstance(form, Mapping):
            raise ValueError(f"its form is {form!r}, expected an object")
        _check_size(form, rows, columns)
        _require_numbers(form, parts)
        encoded = from_tensors(form, parts)
        known = {meaning(part) for part in encoded.layout()}
        unknown = sorted(part for part in parts if meaning(part) not in known)
        if unknown:
            raise ValueError(f"{unknown[0]} is no part of its form")
        if shape_of(encoded) != (rows, columns):  # known before the product of small factors fills the memory
            raise ValueError(f"it decodes to {shape_of(encoded)}, expected ({rows}, {columns})")
        matrix = encoded.decode()
    except (ValueError, KeyError, TypeError, RuntimeError) as error:
        raise ValueError(f"{what}: {error}") from None
    return encoded, matrix


def _require_numbers(form: Mapping, parts: Mapping[str, Tensor]) -> None:
    """ValueError where an encoded part holds NaN or infinity; a layer left as it was may hold what the model held."""
    for part, tensor in parts.items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor.float()).all()) and form["kind"] != "dense":
            raise ValueError(f"{part} holds NaN or infinity, expected numbers")


def _check_size(form: Mapping, rows: int, columns: int) -> None:
    """Refuses sizes that the layer cannot have before anything of that size is made."""
    most = max(rows * columns, 255)  # a zero point may be larger than the layer
    for key, value in form.items():
        if isinstance(value, Mapping):
            _check_size(value, rows, columns)
        elif key != "kind" and (type(value) is not int or not 0 <= value <= most):
            raise ValueError(f"{key} is {value!r}, expected a whole number up to {most}")
    if form.get("rows", 0) * form.get("columns", 0) > rows * columns:
        raise ValueError(
            f"rows {form['rows']} and columns {form['columns']}, expected at most {rows * columns} numbers"
        )


def _check_names(expected: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> None:
    for name in expected.keys() | given.keys():
        wanted, found = (_kind(side.get(name)) for side in (expected, given))
        if wanted != found:
            raise ValueError(f"{name} is {found}, the model expects {wanted}")


def _kind(tensor: Tensor | None) -> str:
    return "missing" if tensor is None else f"{tuple(tensor.shape)} {tensor.dtype}"


def write_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write the files as one folder, all or nothing: killed at any moment it leaves the old folder or the new one."""
    folder = folder.resolve()
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"'{folder}' is a file, expected a folder to write")
    held = (
        {entry.name: entry.is_file() and not entry.is_symlink() for entry in folder.iterdir()}
        if folder.exists()
        else {}
    )
    foreign = sorted(name for name, plain in held.items() if name not in files or not plain)
    if foreign or (held and len(held) < len(files)):
        first = (foreign or sorted(held))[0]
        raise ValueError(f"'{folder}' holds '{first}' already; name a new folder, or one that was written here")
    folder.parent.mkdir(parents=True, exist_ok=True)
    sibling = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        for name, data in files.items():
            with open(sibling / name, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        sibling.chmod(0o755)
        _put(sibling, folder)
    finally:
        shutil.rmtree(sibling, ignore_errors=True)


def _put(new: Path, target: Path) -> None:
    """Rename `new` to `target`; a folder that stands there changes places with it in one step where the system can."""
    if not target.exists():
        new.rename(target)
    elif not _exchange(new, target):
        old = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
        target.rename(old / target.name)
        new.rename(target)
        shutil.rmtree(old, ignore_errors=True)


def _exchange(one: Path, other: Path) -> bool:
    names = {"linux": "renameat2", "darwin": "renameatx_np"}
    here = {"linux": -100, "darwin": -2}.get(sys.platform)
    library = ctypes.CDLL(None) if here is not None else None
    function = getattr(library, names.get(sys.platform, ""), None)
    return function is not None and function(here, bytes(one), here, bytes(other), 2) == 0


TIGHT = (",", ":")  # separators of JSON
UNREADABLE = (
    safetensors.SafetensorError,
    zlib.error,
    KeyError,
    TypeError,
    AttributeError,
    RecursionError,
    RuntimeError,
    ValueError,
)
