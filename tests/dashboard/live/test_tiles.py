"""What Python sends of matrices as pictures."""

from __future__ import annotations

import base64
from dataclasses import replace

import numpy as np
import pytest

from dashboard.live import tiles
from dashboard.live.tiles import Frame, Tile

TILE = Tile("a", np.array([[1.5, -2.0, 0.0]]), (-2.0, 2.0), ["Row 1"], ["x", "y", "z"], "{row}: {value}.")


def sent(tile: Tile) -> dict:
    return tiles.part([tile], Frame("A title", "a note")).data["tiles"][0]


def test_numbers_travel_as_little_endian_floats_and_marks_as_bytes() -> None:
    data = sent(replace(TILE, gone=np.array([[True, False, True]]), was=2 * TILE.values))
    assert np.frombuffer(base64.b64decode(data["values"]), "<f4").tolist() == [1.5, -2.0, 0.0]
    assert np.frombuffer(base64.b64decode(data["was"]), "<f4").tolist() == [3.0, -4.0, 0.0]
    assert list(base64.b64decode(data["gone"])) == [1, 0, 1]
    assert (data["rows"], data["columns"], data["low"], data["high"]) == (1, 3, -2.0, 2.0)


def test_what_an_earlier_picture_shows_travels_once() -> None:
    after = replace(TILE, name="b", values=2 * TILE.values, was=TILE.values)
    data = tiles.part([TILE, after, replace(after, was=np.zeros((1, 3)))], Frame("A title", "a note")).data["tiles"]
    assert data[1]["was"] == 0
    assert np.frombuffer(base64.b64decode(data[2]["was"]), "<f4").tolist() == [0.0, 0.0, 0.0]


def test_what_is_not_there_travels_as_nothing() -> None:
    data = sent(TILE)
    assert data["was"] == data["gone"] == ""
    assert data["gone_says"] == data["says"]


def test_every_row_and_column_needs_a_name() -> None:
    with pytest.raises(ValueError, match="tile 'a': 1 names of rows and 2 of columns, expected 1 and 3"):
        sent(replace(TILE, columns=["x", "y"]))


def test_a_card_without_pictures_says_why() -> None:
    data = tiles.said("No filters to show", "This model has no convolution.").data
    assert (data["title"], data["note"], data["tiles"]) == (
        "No filters to show",
        "This model has no convolution.",
        [],
    )
