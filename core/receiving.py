"""Files that a stranger hands over: weights, data or a recipe, held to a size and a name, and read as data alone."""

import re
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from core import streaming
from core.loading import Data, load_data, load_model, load_weights
from core.recipe import Recipe, from_json

MB = 1_000_000
UNPACKED = 256 * MB  # bytes that the arrays of an archive may take
WEIGHTS, DATA, RECIPE = "weights", "data", "recipe"


@dataclass(frozen=True)
class Fit:
    """base: the model that a weights file has the values for, or '' where nobody knows its network, and then why."""

    base: str
    why: str = ""


def placed(folder: Path, kind: str, named: tuple[str, bytes]) -> Path:
    """The file, written to a new folder of its own within `folder`; ValueError where it is too large or of no kind.

    named: the name that it came with, of which only plain letters are kept, and what it holds.
    """
    name, content = named
    clean = plain_name(name)
    if not clean.lower().endswith(SUFFIXES[kind]):
        raise ValueError(f"'{clean}' is none of {', '.join(SUFFIXES[kind])}, expected a file of {kind}")
    if len(content) > LIMITS[kind]:
        raise ValueError(
            f"'{clean}' has {len(content)} bytes, expected {LIMITS[kind]} at most; start the page with "
            f"--{kind} for a larger one"
        )
    stem, _, suffix = clean.rpartition(".")
    path = folder / secrets.token_hex(16) / f"{stem or 'unnamed'}.{suffix.lower()}"
    path.parent.mkdir(mode=0o700)
    try:
        path.write_bytes(content)
    except OSError:
        shutil.rmtree(path.parent, ignore_errors=True)
        raise
    return path


def plain_name(name: str) -> str:
    """What a file is called, without the folders that it came with: plain letters, LONGEST of them before its end."""
    clean = re.sub(r"[^A-Za-z0-9._-]", "_", re.split(r"[/\\]", name)[-1]).lstrip(".-")
    stem, dot, suffix = clean.rpartition(".")
    return f"{stem[:LONGEST]}{dot}{suffix[:LONGEST]}"


def fit(path: Path, base: str) -> Fit:
    """What a weights file fits: the model `base`, else a sample, else, of safetensors, no model at all.

    ValueError where it cannot be read, or is a checkpoint that fits neither.
    """
    with _by_name(path):
        load_weights(str(path))
        try:
            load_model(base, str(path))
            return Fit(base)
        except ValueError as error:
            misfit = f"{error}"
        try:
            return Fit(load_model(str(path)).name)
        except ValueError:
            pass
        if path.suffix != ".safetensors" or all(entry.why for entry in streaming.entries(str(path))):
            raise ValueError(misfit)
        return Fit("", misfit.replace(str(path), path.name))


def data(path: Path, options: Mapping[str, str] | None = None) -> Data:
    """The data of an .npz whose arrays take no more than UNPACKED bytes. options: as those of `load_data`."""
    with _by_name(path):
        return load_data(str(path), options, UNPACKED)


def recipe(content: bytes) -> Recipe:
    """The recipe of a JSON file; ValueError where it is none."""
    if len(content) > LIMITS[RECIPE]:
        raise ValueError(f"recipe: {len(content)} bytes, expected {LIMITS[RECIPE]} at most")
    try:
        return from_json(content.decode("utf-8"))
    except UnicodeDecodeError:
        raise ValueError("recipe: it is no text, expected JSON") from None


@contextmanager
def _by_name(path: Path) -> Iterator[None]:
    """Errors name the file as it came, without where it lies."""
    try:
        yield
    except (ValueError, OSError) as error:
        raise ValueError(f"{error}".replace(str(path), path.name)) from None


LONGEST = 60  # letters of a file's name before its dot
LIMITS = {WEIGHTS: 200 * MB, DATA: 200 * MB, RECIPE: MB}  # bytes
SUFFIXES = {WEIGHTS: (".safetensors", ".pt", ".pth", ".bin"), DATA: (".npz",), RECIPE: (".json",)}
