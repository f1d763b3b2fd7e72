"""Matrices as pictures, a cell a number: what is pointed at, or reached by arrow keys, is said in a sentence.

Colour and shape mean the same: grey is dense, blue compressed, a cell that is orange and struck through is removed.
Dark is the least and light the largest number.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dashboard.live.board import Part

DENSE, COMPRESSED, REMOVED = "dense", "compressed", "removed"
GONE = "gone"  # the tone of a key's removed cells
HINT = "Hover over a cell, touch it, or use the arrow keys here: this line says what it is."


@dataclass(frozen=True, eq=False)
class Tile:
    """A matrix as a picture. values: (rows, columns). span: the numbers of the darkest and the lightest cell.

    name: stands below. about: what a screen reader says of the whole, by default the name. tone: DENSE, COMPRESSED or
    REMOVED. rows, columns: what each is called. says: the sentence of a cell, with {row}, {column}, {value}, {was} and
    {name}; gone_says: of a removed one. was: what a removed or coded number was before. gone: bool, which cells are
    removed. written: whether the numbers, whole ones, stand in their cells. lost: whether the whole is struck through.
    group: what it stands under, together with those before it.
    """

    name: str
    values: np.ndarray
    span: tuple[float, float]
    rows: Sequence[str]
    columns: Sequence[str]
    says: str
    tone: str = DENSE
    gone_says: str = ""
    was: np.ndarray | None = None
    gone: np.ndarray | None = None
    about: str = ""
    written: bool = False
    lost: bool = False
    group: str = ""


@dataclass(frozen=True)
class Frame:
    """The words and the place of pictures. key: (tone, words), what the colours mean. wide: least width of a picture,
    any CSS length. cell: pixels of a cell at most, 0 for the component's own. version: as of a chart."""

    title: str
    note: str
    key: tuple[tuple[str, str], ...] = ()
    wide: str = "240px"
    cell: int = 0
    hint: str = HINT
    version: str = ""


def part(tiles: Sequence[Tile], frame: Frame) -> Part:
    """The pictures for the board."""
    key = [{"tone": tone, "words": words} for tone, words in frame.key]
    return Part("tiles", "plots", vars(frame) | {"key": key, "tiles": _once(list(map(_sent, tiles)))})


def _once(sent: list[dict[str, object]]) -> list[dict[str, object]]:
    """The same, each `was` that an earlier picture's values say as that picture's place: numbers travel once."""
    places: dict[object, int] = {}
    for place, each in enumerate(sent):
        each["was"] = places.get(each["was"], each["was"])
        places.setdefault(each["values"], place)
    return sent


def said(title: str, sentence: str) -> Part:
    """A card without pictures, whose sentence says why there are none."""
    return part((), Frame(title, sentence, hint=""))


def _sent(tile: Tile) -> dict[str, object]:
    rows, columns = tile.values.shape
    if (rows, columns) != (len(tile.rows), len(tile.columns)):
        raise ValueError(
            f"tile '{tile.name}': {len(tile.rows)} names of rows and {len(tile.columns)} of columns, "
            f"expected {rows} and {columns}"
        )
    low, high = tile.span
    return {
        "name": tile.name,
        "about": tile.about,
        "tone": tile.tone,
        "rows": rows,
        "columns": columns,
        "low": float(low),
        "high": float(high),
        "values": _text(tile.values, "<f4"),
        "was": _text(tile.was, "<f4"),
        "gone": _text(tile.gone, "u1"),
        "row_names": list(tile.rows),
        "column_names": list(tile.columns),
        "says": tile.says,
        "gone_says": tile.gone_says or tile.says,
        "written": tile.written,
        "lost": tile.lost,
        "group": tile.group,
    }


def _text(values: np.ndarray | None, kind: str) -> str:
    """The bytes of an array as text; '' for none."""
    return "" if values is None else base64.b64encode(np.ascontiguousarray(values, kind).tobytes()).decode()
