"""Data from what a person types: a sample's data, module:factory, an .npz, a CSV or a folder of images. Files never
run code."""

import hashlib
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

import sample_models
from core import imagefolders, tables
from core.importing import called, imported
from core.metrics import IGNORED, Metric

MOST = 2**32  # bytes that an archive's arrays may take: a small file can declare any size
LONGEST = 300  # letters of a reader's complaint


@dataclass(frozen=True, eq=False)
class Data:
    """inputs: (N, ...) float32, or int64 where a file holds whole numbers in rows, as token ids are.

    targets: class labels (N,) int64, token labels (N, length) int64 with IGNORED where none is asked for, or numbers
    (N, ...) float32. metric: to be taken beside what the targets ask for, or None. classes: what each label is
    called, () where they have numbers alone.
    """

    name: str
    inputs: np.ndarray
    targets: np.ndarray
    metric: Metric | None = None
    classes: tuple[str, ...] = ()


def load_data(spec: str, options: Mapping[str, str] | None = None, most: int = MOST) -> Data:
    """The data of a sample's data NAME, a `package.module:factory`, an .npz with x and y, a CSV or a folder of images.

    options: of preprocessing, by key: mean and std, what x is less and divided by; size and channels of a folder's
    images; target and targets of a CSV. Without y, rows of whole numbers are token ids, each followed by its target.
    most: bytes that the arrays of an .npz may take.
    """
    left, classes = dict(options or {}), ()
    if spec in sample_models.DATA:
        inputs, targets = sample_models.DATA[spec].load()
        classes = sample_models.DATA[spec].classes
    elif spec.endswith(".npz"):
        inputs, targets = _archive(spec, most)
    elif spec.endswith(".csv"):
        inputs, targets = tables.read(spec, left)
    elif Path(spec).is_dir():
        inputs, targets = imagefolders.read(spec, left)
        classes = imagefolders.classes(spec)
    elif ":" in spec:
        inputs, targets = _pairs(called(imported(spec), spec), spec)
    else:
        known = ", ".join(sample_models.DATA)
        raise ValueError(
            f"data '{spec}' is no data set, .npz or .csv file, folder of images or module:factory; the data sets are "
            f"{known}"
        )
    name = Path(spec).stem if spec.endswith((".npz", ".csv")) or Path(spec).is_dir() else spec
    return replace(_normalised(checked(name, inputs, targets), left), classes=classes)


def data_fingerprint(data: Data) -> str:
    """sha256 over shapes and values of inputs and targets."""
    digest = hashlib.sha256()
    for part in (data.inputs, data.targets):
        digest.update(f"{part.dtype} {part.shape}".encode())
        digest.update(np.ascontiguousarray(part))
    return digest.hexdigest()


def _archive(path: str, most: int) -> tuple[np.ndarray, np.ndarray | None]:
    if not Path(path).is_file():
        raise ValueError(f"data '{path}': no such file")
    try:
        with zipfile.ZipFile(path) as listed:
            size = sum(entry.file_size for entry in listed.infolist())
        if size > most:
            raise ValueError(f"its arrays take {size} bytes, expected at most {most}")
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
            x = np.asarray(archive["x"])  # a member that is no array comes as bytes
            return x, None if "y" not in archive and _are_tokens(x) else np.asarray(archive["y"])
    except KeyError:
        raise ValueError(f"data '{path}' lacks x or y, expected an .npz with both") from None
    except Exception as error:  # a broken file makes numpy raise almost anything
        line = " ".join(f"{error}".split())
        raise ValueError(
            f"data '{path}' cannot be read ({line[:LONGEST]}); expected an .npz with plain arrays x and y"
        ) from None


def _are_tokens(x: np.ndarray) -> bool:
    return x.ndim == 2 and x.dtype.kind in "ui" and x.dtype != np.uint8


def _pairs(made: object, spec: str) -> tuple[np.ndarray, np.ndarray | None]:
    try:
        if isinstance(made, tuple) and len(made) == 2:
            return np.asarray(made[0]), None if made[1] is None else np.asarray(made[1])
        items = [made[i] for i in range(len(made))]
        return np.stack([np.asarray(x) for x, _ in items]), np.stack([np.asarray(y) for _, y in items])
    except Exception as error:  # a data set runs its own code, which may raise anything
        raise ValueError(f"data '{spec}' gives no (inputs, targets) and no Dataset of pairs ({error})") from None


def checked(name: str, inputs: np.ndarray, targets: np.ndarray | None) -> Data:
    """The data in the types that are measured on; ValueError where they are none. targets None: the next token."""
    if targets is None:
        targets = _next_tokens(name, inputs)
    fits = targets.ndim == 1 or targets.dtype.kind == "f" or targets.shape == inputs.shape[: targets.ndim]
    if inputs.ndim < 2 or targets.ndim < 1 or len(inputs) != len(targets) or not len(targets) or not fits:
        raise ValueError(f"data '{name}': x is {inputs.shape} and y is {targets.shape}, expected (N, ...) and (N,)")
    if inputs.dtype.kind not in "uif" or targets.dtype.kind not in "uif":
        raise ValueError(
            f"data '{name}': x is {inputs.dtype} and y is {targets.dtype}, expected numbers and class labels"
        )
    y = targets.astype(np.float32 if targets.dtype.kind == "f" else np.int64)
    if _are_tokens(inputs):
        return Data(name, np.ascontiguousarray(inputs.astype(np.int64)), _finite(name, "y", y))
    scale = np.float32(255 if inputs.dtype == np.uint8 else 1)  # bytes are pixels: to [0, 1]
    with np.errstate(over="ignore"):  # what does not fit is refused below
        x = inputs.astype(np.float32) / scale
    return Data(name, np.ascontiguousarray(_finite(name, "x", x)), _finite(name, "y", y))


def _finite(name: str, which: str, values: np.ndarray) -> np.ndarray:
    if not np.isfinite(values).all():
        raise ValueError(f"data '{name}': {which} holds NaN or infinite values, expected finite ones")
    return values


def _next_tokens(name: str, inputs: np.ndarray) -> np.ndarray:
    if not _are_tokens(inputs):
        raise ValueError(f"data '{name}': x is {inputs.dtype} {inputs.shape} without y, expected rows of token ids")
    last = np.full((len(inputs), 1), IGNORED)
    return np.concatenate([inputs[:, 1:].astype(np.int64), last], 1)


def _normalised(data: Data, options: dict[str, str]) -> Data:
    """Data less `mean` and divided by `std`: one number, or one for each of axis 1; no other option is known."""
    mean, std = (_numbers(data, key, options.pop(key, None)) for key in ("mean", "std"))
    if options:
        key = sorted(options)[0]
        raise ValueError(f"data '{data.name}': {key} is nothing to prepare it with, expected {', '.join(KEYS)}")
    if mean is None and std is None:
        return data
    if data.inputs.dtype != np.float32:
        raise ValueError(f"data '{data.name}': mean and std are for pixels and numbers, x holds token ids")
    with np.errstate(over="ignore", invalid="ignore"):  # what does not fit is refused below
        x = data.inputs if mean is None else data.inputs - mean
        x = x if std is None else x / std
    return replace(data, inputs=np.ascontiguousarray(_finite(data.name, "x, prepared with mean and std,", x)))


def _numbers(data: Data, key: str, text: str | None) -> np.ndarray | None:
    if text is None:
        return None
    try:
        with np.errstate(over="ignore"):
            values = np.array([float(part) for part in str(text).split(",")], dtype=np.float32)
    except ValueError:
        values = np.array([np.nan], dtype=np.float32)
    if not np.isfinite(values).all() or (key == "std" and (values <= 0).any()):
        raise ValueError(f"data '{data.name}': {key} is {text!r}, expected numbers{' above 0' * (key == 'std')}")
    if len(values) not in (1, data.inputs.shape[1]):
        raise ValueError(
            f"data '{data.name}': {key} holds {len(values)} numbers, expected 1 or {data.inputs.shape[1]}, one a "
            "channel or column"
        )
    return values.reshape(-1, *(1,) * (data.inputs.ndim - 2))


KEYS = ("mean", "std", "size and channels (a folder of images)", "target and targets (a CSV)")
