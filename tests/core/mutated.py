"""Files spoiled at random: flipped bytes, cut short, wrong lengths, huge sizes, zip bombs, pickles that run code."""

import io
import pickle
import random
import re
import runpy
import sys
import warnings
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from unittest import mock

import numpy as np
import safetensors.torch
import torch
from PIL import Image

from core import exporting, imagefolders, streaming
from core.compress import compress
from core.datasets import load_data
from core.exporters import EXPORTERS, Subject, child, read_plain, read_prunescope
from core.exporters.plain_files import written
from core.layer import layers
from core.loading import load_model, load_weights
from core.recipe import Recipe, Settings, from_json, to_json
from tests.core import zoo
from tests.core.exporters.subjects import carried_out

NET = zoo.net()
KNOWN = layers(NET)
ASKED = Recipe(Settings(sparsity=0.5, bits=3))


class Touch:
    """What creates a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return open, (str(self.path), "w")


def _archive(**arrays: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def _checkpoint(state: object, zipped: bool = True) -> bytes:
    file = io.BytesIO()
    torch.save(state, file, _use_new_zipfile_serialization=zipped)
    return file.getvalue()


def whole(reader: str) -> bytes:
    """A file that the reader takes."""
    return {
        "safetensors": lambda: safetensors.torch.save(dict(NET.state_dict())),
        "listed": lambda: safetensors.torch.save(dict(NET.state_dict())),
        "checkpoint": lambda: _checkpoint(NET.state_dict()),
        "old checkpoint": lambda: _checkpoint(NET.state_dict(), zipped=False),
        "npz": lambda: _archive(x=np.ones((6, 3), np.float32), y=np.arange(6)),
        "csv": lambda: b"a,b,c\n" + b"1,2.5,0\n3,4,1\n" * 9,
        "recipe": lambda: to_json(Recipe(Settings(sparsity=0.5, bits=4), {"fc": {"rank": 0.5}})).encode(),
        "compressed": _compressed,
        "compressed, by numpy": _compressed,
        "plain, by numpy": lambda: written(dict(NET.state_dict()), KNOWN, compress(KNOWN, ASKED)),
        "gguf": lambda: EXPORTERS["gguf"].write(_subject())["model.gguf"],
        "image": _image,
    }[reader]()


def _compressed() -> bytes:
    return exporting.serialize(NET, KNOWN, compress(KNOWN, ASKED), {})


def _image() -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.arange(192, dtype=np.uint8).reshape(8, 8, 3)).save(file, "PNG")
    return file.getvalue()


def _subject() -> Subject:
    return carried_out(load_model("tests.core.plain:model"), load_data("tests.core.plain:data"), ASKED)


def spoiled(data: bytes, seed: int, marker: Path) -> bytes:
    """The file with one to four mutations. marker: what a pickle would create."""
    draw = random.Random(seed)
    for _ in range(draw.randint(1, 4)):
        data = draw.choice(MUTATIONS)(data, draw, marker)
    return data


def _flipped(data: bytes, draw: random.Random, marker: Path) -> bytes:
    made = bytearray(data)
    for _ in range(draw.choice((1, 3, 20))):
        if made:
            made[draw.randrange(min(len(made), draw.choice((64, 2048, len(made)))))] ^= 1 << draw.randrange(8)
    return bytes(made)


def _cut(data: bytes, draw: random.Random, marker: Path) -> bytes:
    return data[: draw.randrange(len(data) + 1)]


def _length(data: bytes, draw: random.Random, marker: Path) -> bytes:
    return draw.choice((0, 1, 7, 2**31, 2**63 - 1, 2**64 - 1)).to_bytes(8, "little") + data[8:]


def _sized(data: bytes, draw: random.Random, marker: Path) -> bytes:
    """A number in binary, as a count or a length is, made a large one."""
    at = draw.randrange(min(len(data), 2048) + 1)
    told = draw.choice((0, 1, 2**24, 2**31, 2**40, 2**60, 2**63, 2**64 - 1)).to_bytes(8, "little")
    return data[:at] + told + data[at + 8 :]


def _huge(data: bytes, draw: random.Random, marker: Path) -> bytes:
    """A number of the text made a large or a strange one."""
    numbers = list(re.finditer(rb"\d+(?:\.\d+)?", data[:4096]))
    if not numbers:
        return data
    at = draw.choice(numbers)
    told = draw.choice((b"9" * at.end(), b"1e999", b"NaN", b"-1", b"0", b"99999999999", b"true", b"null"))
    return data[: at.start()] + told[:24] + data[at.end() :]


def _renamed(data: bytes, draw: random.Random, marker: Path) -> bytes:
    """A name made a path out of the folder."""
    return data.replace(draw.choice((b"fc.weight", b"x.npy", b"data.pkl", b"fc", b"a,b")), b"../../../tmp/x"[:9], 1)


def _bomb(data: bytes, draw: random.Random, marker: Path) -> bytes:
    names = draw.choice((("x.npy", "y.npy"), ("archive/data.pkl", "archive/data/0"), ("../../x.npy",)))
    return _zeros(names, draw.choice((10**5, 10**7)))


@cache
def _zeros(names: tuple[str, ...], size: int) -> bytes:
    """An archive of files of so many zeros; seconds to make anew for each of a thousand."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, bytes(size))
    return file.getvalue()


def _declared(data: bytes, draw: random.Random, marker: Path) -> bytes:
    """An array whose head declares more than it holds."""
    shape = draw.choice(("(1000000000000,)", "(99999999, 99999999)", "(-1,)", "(2, 'a')"))
    kind = draw.choice(("'<f8'", "'|O'", "'<U999999'"))
    head = f"{{'descr': {kind}, 'fortran_order': False, 'shape': {shape}, }}".ljust(118) + "\n"
    array = b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head.encode() + b"\0" * 64
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("x.npy", array)
        archive.writestr("y.npy", array)
    return file.getvalue()


def _pickled(data: bytes, draw: random.Random, marker: Path) -> bytes:
    harm = {"fc.weight": Touch(marker)}
    return draw.choice(
        (
            lambda: pickle.dumps(harm, draw.choice((0, 2, 4))),
            lambda: _checkpoint(harm),
            lambda: _checkpoint(harm, zipped=False),
            lambda: _archive(x=np.array([Touch(marker)], dtype=object), y=np.arange(1)),
        )
    )()


def _nan(data: bytes, draw: random.Random, marker: Path) -> bytes:
    at = draw.randrange(len(data) + 1) // 4 * 4
    return data[:at] + np.array([np.nan, np.inf], np.float32).tobytes() + data[at + 8 :]


def _nested(data: bytes, draw: random.Random, marker: Path) -> bytes:
    return draw.choice((b"[" * 100_000, b'{"a":' * 50_000, (2**20).to_bytes(8, "little") + b"{" * 2**20))


def read(reader: str, path: Path) -> None:
    """Reads a file as the product does; ValueError where it is refused."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        READERS[reader][1](path)


def refusal(reader: str, path: Path) -> str | None:
    """What is said of a file that is refused; None where it is read."""
    try:
        read(reader, path)
    except ValueError as error:
        return f"{error}".strip()
    return None


def _deserialized(path: Path) -> None:
    exporting.deserialize(path.read_bytes(), NET, KNOWN)


def _by_numpy(path: Path) -> None:
    read_prunescope.load(str(path))
    read_prunescope.grids(str(path))


def _gguf(path: Path) -> None:
    """What `child.ran` does, without a process for each file: what it fails with is told in a sentence."""
    arguments = [str(path), str(path), io.BytesIO()]
    try:
        with mock.patch.object(sys, "argv", arguments):
            runpy.run_path(str(child.READERS / "gguf_weights.py"))
    except Exception as error:
        raise ValueError(f"it failed: {error!r}"[: child.LONGEST]) from None


def _recipe(path: Path) -> None:
    try:
        text = path.read_text("utf-8")
    except UnicodeDecodeError:
        raise ValueError("no text") from None
    from_json(text)


MUTATIONS = (_flipped, _flipped, _cut, _length, _sized, _huge, _renamed, _bomb, _declared, _pickled, _nan, _nested)
READERS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "safetensors": ("w.safetensors", lambda path: load_weights(str(path))),
    "listed": ("w.safetensors", lambda path: streaming.entries(str(path))),
    "checkpoint": ("w.pt", lambda path: load_weights(str(path))),
    "old checkpoint": ("w.pt", lambda path: load_weights(str(path))),
    "npz": ("d.npz", lambda path: load_data(str(path))),
    "csv": ("d.csv", lambda path: load_data(str(path))),
    "recipe": ("r.json", _recipe),
    "compressed": ("model.safetensors", _deserialized),
    "compressed, by numpy": ("model.safetensors", _by_numpy),
    "plain, by numpy": ("plain.safetensors", lambda path: read_plain.load(str(path))),
    "gguf": ("model.gguf", _gguf),
    "image": ("x.png", lambda path: imagefolders._pixels(path, "RGB", None)),
}
