"""A weights file without its network: its matrices compressed one by one, read where they lie and written when done."""

import hashlib
import json
import math
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import safetensors
import torch
from torch import Tensor

import sample_models
from core import report, slabs
from core.compress import check, needs_images, unchanged
from core.encoding import Dense, Encoded
from core.exporting import FORMAT, SEPARATOR, TYPE_BYTES, TYPE_NAMES
from core.layer import Layer
from core.recipe import Recipe, Settings, to_json

ENDS = ("weight", "weight_ih", "weight_hh", "in_proj_weight", "q_proj_weight", "k_proj_weight", "v_proj_weight")
FLOATS = ("F32", "F16", "BF16")
SPAN = 2**26  # bytes
Read = Callable[[str], Tensor]
UNMEASURED = (
    "accuracy, drop and MACs are not measured: a weights file alone runs no image; give the network with "
    "--model package.module:factory --weights FILE and its data with --data"
)


@dataclass(frozen=True)
class Entry:
    """A tensor of the file. why: it stays as it is; '' where it can be compressed."""

    name: str
    kind: str
    shape: tuple[int, ...]
    why: str

    @property
    def layer(self) -> str:
        """The name of the layer that the tensor is the weight of."""
        return self.name.removesuffix(".weight")

    @property
    def numbers(self) -> int:
        """How many numbers it holds."""
        return math.prod(self.shape)


def entries(path: str) -> list[Entry]:
    """What a safetensors file lists, by name, without reading any values; ValueError where it is none."""
    try:
        with safetensors.safe_open(path, "pt") as file:
            found = [(name, file.get_slice(name)) for name in sorted(file.keys())]
            listed = [(name, part.get_dtype(), tuple(part.get_shape())) for name, part in found]
    except (safetensors.SafetensorError, OSError) as error:
        raise ValueError(f"weights '{path}' cannot be read ({error}); save model.state_dict() as safetensors") from None
    return [Entry(name, kind, shape, _why(name, kind, shape)) for name, kind, shape in listed]


def _why(name: str, kind: str, shape: tuple[int, ...]) -> str:
    if kind not in FLOATS:
        return f"it holds {kind}, expected one of {', '.join(FLOATS)}"
    if len(shape) < 2:
        return "a vector: too few numbers to gain from"
    if not math.prod(shape):
        return "it is empty"
    if not name.rpartition(".")[2].startswith(ENDS):
        return "its name does not say that it is a weight"
    return ""


def is_alone(spec: str) -> bool:
    """Whether what names a model is a safetensors file that is no sample's: weights whose network nobody knows."""
    if not spec.endswith(".safetensors") or not Path(spec).is_file():
        return False
    shapes = {entry.name: entry.shape for entry in entries(spec)}
    for sample in sample_models.SAMPLES.values():
        with torch.device("meta"):
            state = sample.build().state_dict()
        if {name: tuple(tensor.shape) for name, tensor in state.items()} == shapes:
            return False
    return True


def apply(path: str, recipe: Recipe, folder: Path) -> dict[str, object]:
    """Writes the three files of a compressed weights file to a folder that is there and empty; what is in the report.

    One matrix is held at a time. ValueError where the recipe needs images or names a layer that the file lacks.
    """
    listed = entries(path)
    require_alone(recipe, [entry for entry in listed if not entry.why])
    odd = next((entry.name for entry in listed if SEPARATOR in entry.name), None)
    if odd is not None:
        raise ValueError(f"tensor '{odd}' has a '{SEPARATOR}' in its name, which stands before parts here; rename it")
    rows, forms, read = [], {}, reader(path)
    with tempfile.TemporaryDirectory(dir=folder) as parts:
        spool = _Spool(Path(parts))
        for entry in listed:
            encoded = _added(spool, read, entry, recipe)
            if encoded is not None:
                forms[entry.name] = encoded.form()
            if not entry.why:
                rows.append(row_of(entry, encoded))
            del encoded  # before the next one is made
        size = _finish(spool, folder / "model.safetensors", {"format": FORMAT, "forms": forms})
    made = {"name": Path(path).stem, "sha256": file_hash(path)}
    figures = summary(rows, (size, Path(path).stat().st_size), made)
    (folder / "recipe.json").write_text(to_json(recipe), "utf-8")
    (folder / "report.json").write_text(json.dumps(figures, indent=1, allow_nan=False), "utf-8")
    return figures


def _added(spool: "_Spool", read: Read, entry: Entry, recipe: Recipe) -> Encoded | None:
    """Adds an entry's tensors to the spool; its encoded form where it has one."""
    encoded = None if entry.why else encoded_of(read, entry, recipe)
    if encoded is None:
        _add(spool, entry.name, read(entry.name))
        return None
    for part, values in encoded.tensors().items():
        _add(spool, f"{entry.name}{SEPARATOR}{part}", values)
    return encoded


def write(path: str, recipe: Recipe, folder: Path) -> dict[str, object]:
    """The report of `apply` in a new folder, all or nothing."""
    folder = folder.resolve()
    if folder.exists():
        raise ValueError(f"'{folder}' is there already, expected the name of a new folder")
    folder.parent.mkdir(parents=True, exist_ok=True)
    sibling = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        figures = apply(path, recipe, sibling)
        sibling.chmod(0o755)
        sibling.rename(folder)
    finally:
        shutil.rmtree(sibling, ignore_errors=True)
    return figures


def require_alone(recipe: Recipe, known: list[Entry]) -> None:
    """ValueError where a recipe needs images, or the network, or names a layer that is not among the known."""
    check(recipe, tuple(map(shaped, known)))
    if any(map(needs_images, (recipe.default, *map(recipe.settings, recipe.layers)))):
        raise ValueError(f"recipe: its settings need calibration images; {UNMEASURED}")
    asked = [name for name in BESIDE if getattr(recipe, name) != "keep"]
    if asked:
        raise ValueError(f"recipe: {asked[0]} needs the network, which a weights file alone is not; leave it at 'keep'")


def reader(path: str | Path) -> Read:
    """What reads a file's tensors by name. It opens it anew after SPAN bytes, whose pages alone stay in memory."""
    file, left = None, 0

    def read(name: str) -> Tensor:
        nonlocal file, left
        if file is None:
            file, left = safetensors.safe_open(path, "pt"), SPAN
        found = file.get_tensor(name)
        left -= found.nbytes
        file = file if left > 0 else None
        return found

    return read


def encoded_of(read: Read, entry: Entry, recipe: Recipe) -> Encoded | None:
    """The encoded form, None where the matrix is as it was. The weights themselves are let go."""
    layer = Layer(entry.layer, entry.name, "Weight", read(entry.name), 1)
    settings = recipe.settings(entry.layer)
    if settings == Settings():
        return None
    encoded = slabs.encoded(layer, settings)
    return None if unchanged(layer, encoded) else encoded


def shaped(entry: Entry) -> Layer:
    """The layer without its weights."""
    return Layer(entry.layer, entry.name, "Weight", torch.empty(entry.shape, device="meta"), 1)


def row_of(entry: Entry, encoded: Encoded | None) -> report.Row:
    """The matrix's row of the report. encoded: None where it is as it was."""
    layer = shaped(entry)
    return report.layer_row(layer, encoded or Dense(layer.matrix), None)


def file_hash(path: str) -> str:
    """sha256 of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def summary(rows: list[report.Row], sizes: tuple[int, int], made: Mapping[str, str]) -> dict[str, object]:
    """What the report says. sizes: bytes of the written and of the dense file. made: name and sha256 of the latter."""
    written, dense = sizes
    return {
        "format": report.FORMAT,
        "model": dict(made),
        "not_measured": UNMEASURED,
        "sparsity": report.total_of(rows, "removed") / max(1, report.total_of(rows, "stored")),
        "weights": report.total_of(rows, "weights"),
        "bytes": written,
        "bytes_dense": dense,
        "ratio": dense / written,
        "layers": rows,
        "versions": report.versions(),
    }


@dataclass(frozen=True)
class _Spool:
    """Tensors written as they come, a file in the folder for each type. listed: name, shape and bytes by type."""

    folder: Path
    listed: dict[str, list[tuple[str, tuple[int, ...], int]]] = field(default_factory=dict)


def _add(spool: _Spool, name: str, tensor: Tensor) -> None:
    if tensor.dtype not in TYPE_NAMES:
        raise ValueError(f"tensor '{name}' holds {tensor.dtype}, expected one of {', '.join(TYPE_BYTES)}")
    kind, values = TYPE_NAMES[tensor.dtype], tensor.detach().contiguous()
    with open(spool.folder / kind, "ab") as file:
        file.write(memoryview(values.flatten().view(torch.uint8).numpy()))
    spool.listed.setdefault(kind, []).append((name, tuple(tensor.shape), values.nbytes))


def _finish(spool: _Spool, target: Path, forms: Mapping[str, object]) -> int:
    """Bytes of the safetensors file that the spooled tensors make; those of the widest type come first."""
    header: dict[str, object] = {"__metadata__": {"prunescope": json.dumps(forms, separators=(",", ":"))}}
    kinds, end = [kind for kind in TYPE_BYTES if kind in spool.listed], 0
    for kind in kinds:
        for name, shape, size in spool.listed[kind]:
            header[name] = {"dtype": kind, "shape": shape, "data_offsets": [end, end + size]}
            end += size
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    with open(target, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for kind in kinds:
            with open(spool.folder / kind, "rb") as part:
                shutil.copyfileobj(part, file, 2**20)
            (spool.folder / kind).unlink()
    return target.stat().st_size


BESIDE = ("batchnorm", "bias", "shrink", "equalize", "rest")
