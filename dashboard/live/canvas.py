"""A picture beside what a dense and a compressed model answer to it: drawn by hand here, or one of the data.

What is drawn arrives a few times a second at most, as ink on a grid of SIDE x SIDE; each `part` acknowledges it.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from dashboard.live.board import Part, sent

SIDE = 64
HOW = "With the keyboard: arrow keys move the pen, Space lowers or lifts it, Shift moves faster, Delete clears."


@dataclass(frozen=True)
class Bar:
    """A class, and the probability that each model gives it; None for both before there is anything to answer."""

    name: str
    dense: float | None
    compressed: float | None


@dataclass(frozen=True)
class Frame:
    """The words: a title that is a finding, a note, and the sentence that is said of the answers.

    source: the picture's address, of a given one, or of what the model sees of a drawing ('' for none); name: what a
    screen reader says of it. version: as of a chart.
    """

    title: str
    note: str
    sentence: str
    source: str = ""
    name: str = ""
    version: str = ""


def drawing(key: str) -> np.ndarray | None:
    """What is drawn now, (SIDE, SIDE) float32 ink from 0 to 1; None where nothing is."""
    raw = sent(key, "drawing")
    ink = raw.get("ink") if isinstance(raw, Mapping) else None
    if not isinstance(ink, str) or len(ink) != 4 * -(-SIDE * SIDE // 3):
        return None
    try:
        found = np.frombuffer(base64.b64decode(ink, validate=True), np.uint8)
    except (binascii.Error, ValueError):
        return None
    return found.reshape(SIDE, SIDE).astype(np.float32) / 255 if found.size == SIDE * SIDE and found.any() else None


def image(key: str, images: int) -> int:
    """The image of the data that was asked for, 0 at first; always one of `images`."""
    raw = sent(key, "image")
    return raw % images if isinstance(raw, int) and not isinstance(raw, bool) and images else 0


def pad(key: str, bars: Sequence[Bar], frame: Frame) -> Part:
    """An area to draw on for the board, beside the answers."""
    words = {"draws": True, "back": "Clear", "ahead": "", "how": HOW, "seen_says": "what the models see"}
    return _part(bars, frame, words | {"ack": _seq(key), "image": 0, "images": 1})


def given(key: str, bars: Sequence[Bar], frame: Frame, images: int) -> Part:
    """One of the data's images for the board, beside the answers, and the way to the others."""
    words = {"draws": False, "back": "Previous", "ahead": "Next image", "how": "", "seen_says": ""}
    return _part(bars, frame, words | {"ack": 0, "image": image(key, images), "images": images})


def _part(bars: Sequence[Bar], frame: Frame, rest: Mapping[str, object]) -> Part:
    sides = ([bar.dense or 0.0 for bar in bars], [bar.compressed or 0.0 for bar in bars])
    most = [max(side, default=0.0) for side in sides]
    rows = [
        {
            "name": bar.name,
            "dense": bar.dense or 0.0,
            "compressed": bar.compressed or 0.0,
            "words": [_words(bar.dense), _words(bar.compressed)],
            "most": [
                bool(value) and value == top for value, top in zip((bar.dense, bar.compressed), most, strict=True)
            ],
        }
        for bar in bars
    ]
    return Part("canvas", "plots", vars(frame) | dict(rest) | {"bars": rows})


def _words(share: float | None) -> str:
    if share is None:
        return "–"
    text = f"{100 * share:.0f} %"
    return "< 1 %" if text == "0 %" and share > 0 else "> 99 %" if text == "100 %" and share < 1 else text


def _seq(key: str) -> int:
    raw = sent(key, "drawing")
    seq = raw.get("seq") if isinstance(raw, Mapping) else None
    return seq if isinstance(seq, int) and not isinstance(seq, bool) and abs(seq) < 2**53 else 0
