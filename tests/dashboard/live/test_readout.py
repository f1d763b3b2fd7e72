"""When the browser's wish for more images counts, without a browser."""

from __future__ import annotations

import pytest

from dashboard.live import board
from dashboard.live.readout import wants_more


def test_a_wish_counts_once(monkeypatch: pytest.MonkeyPatch) -> None:
    state: dict[str, object] = {"board": {"sent": {"figures": {"more": {"seq": 5}}}}}
    monkeypatch.setattr(board.st, "session_state", state)
    assert wants_more("figures")
    assert not wants_more("figures")
    state["board"] = {"sent": {"figures": {"more": {"seq": 6}}}}
    assert wants_more("figures")


@pytest.mark.parametrize("garbage", [None, 3, {}, {"more": 1}, {"more": {"seq": "1"}}, {"more": {"seq": True}}])
def test_what_is_no_wish_is_not_seen(garbage: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(board.st, "session_state", {"board": {"sent": {"figures": garbage}}})
    assert not wants_more("figures")
