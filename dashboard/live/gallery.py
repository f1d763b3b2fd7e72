"""Pictures of the data, each with a few short lines."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from dashboard.live.board import Part


@dataclass(frozen=True)
class Picture:
    """A picture. source: of `source`. name: what a screen reader says. lines: what stands below."""

    source: str
    name: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Frame:
    """The words and the place of the pictures. height: any CSS length."""

    title: str
    note: str
    height: str = "auto"


def part(items: Sequence[Picture], frame: Frame) -> Part:
    """The pictures for the board."""
    return Part("gallery", "plots", vars(frame) | {"items": [dict(vars(item)) for item in items]})


def source(pixels: np.ndarray) -> str:
    """A picture as an address that holds it. pixels: uint8, (H, W) grey or (H, W, 3)."""
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(file, "png")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
