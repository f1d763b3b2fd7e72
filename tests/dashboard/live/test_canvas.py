"""What the browser sends of a drawing, and what Python makes of it."""

from __future__ import annotations

import base64

import pytest

from dashboard.live import board, canvas
from dashboard.live.canvas import SIDE, Bar, Frame

FRAME = Frame("A title", "a note", "a sentence")
INK = base64.b64encode(bytes(range(256)) * (SIDE * SIDE // 256)).decode()


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """What the browser sent for the part 'pad'."""
    values: dict[str, object] = {}
    monkeypatch.setattr(board.st, "session_state", {"board": {"sent": {"pad": values}}})
    return values


def test_ink_arrives_as_shares_of_the_full_ink(sent: dict[str, object]) -> None:
    assert canvas.drawing("pad") is None
    sent["drawing"] = {"ink": INK, "seq": 3}
    found = canvas.drawing("pad")
    assert found.shape == (SIDE, SIDE)
    assert found.flatten()[:256].tolist() == pytest.approx([n / 255 for n in range(256)])


BLANK = base64.b64encode(bytes(SIDE * SIDE)).decode()


@pytest.mark.parametrize(
    "garbage",
    [
        *(None, 3, [], {}),
        *({"ink": ink} for ink in (3, "", INK[:-4], INK + INK, "!" * len(INK), "é" * len(INK), BLANK)),
    ],
)
def test_what_is_no_drawing_is_none(garbage: object, sent: dict[str, object]) -> None:
    sent["drawing"] = garbage
    assert canvas.drawing("pad") is None


@pytest.mark.parametrize(
    ("raw", "seq"), [({"ink": "", "seq": 9}, 9), ({"seq": True}, 0), ({"seq": "9"}, 0), ({"seq": 1e300}, 0), (None, 0)]
)
def test_each_part_acknowledges_the_newest_drawing_even_a_cleared_one(
    raw: object, seq: int, sent: dict[str, object]
) -> None:
    sent["drawing"] = raw
    assert canvas.pad("pad", [], FRAME).data["ack"] == seq


@pytest.mark.parametrize(
    ("raw", "image"), [(None, 0), (4, 4), (10, 0), (-1, 9), (True, 0), ("4", 0), (2**70, 2**70 % 10)]
)
def test_an_image_is_always_one_of_those_there_are(raw: object, image: int, sent: dict[str, object]) -> None:
    sent["image"] = raw
    assert canvas.image("pad", 10) == image
    assert canvas.given("pad", [], FRAME, 10).data["image"] == image


def test_the_likeliest_class_of_each_model_is_marked_and_shares_read_as_percent() -> None:
    bars = [Bar("0", 0.2, 0.999), Bar("1", 0.8, 0.001), Bar("2", 0.0, 0.0)]
    data = canvas.given("pad", bars, FRAME, 1).data["bars"]
    assert [bar["most"] for bar in data] == [[False, True], [True, False], [False, False]]
    assert [bar["words"] for bar in data] == [["20 %", "> 99 %"], ["80 %", "< 1 %"], ["0 %", "0 %"]]


def test_nothing_is_marked_before_there_is_an_answer() -> None:
    data = canvas.pad("pad", [Bar("0", None, None)], FRAME).data["bars"]
    assert data == [{"name": "0", "dense": 0.0, "compressed": 0.0, "words": ["–", "–"], "most": [False, False]}]
