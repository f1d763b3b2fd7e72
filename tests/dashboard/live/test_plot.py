"""What Python sends for a plot and makes of its clicks, without a browser."""

from __future__ import annotations

import json
from pathlib import Path

import plotly.graph_objects as go
import pytest

from dashboard.live import plot as live
from dashboard.live.plot import Click, drawing, ensure_static, fresh


def test_the_library_is_copied_once(tmp_path: Path) -> None:
    target = ensure_static(tmp_path / "static")
    before = target.stat().st_mtime_ns
    assert ensure_static(tmp_path / "static") == target
    assert target.stat().st_mtime_ns == before
    assert target.read_bytes()[:3] == b"/**"
    assert [p.name for p in target.parent.iterdir()] == ["plotly.min.js"]


def test_a_copy_of_another_size_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "plotly.min.js").write_text("half a file")
    assert ensure_static(tmp_path).stat().st_size > 1_000_000


def test_a_folder_that_cannot_be_written_is_named_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "static").write_text("a file where the folder should be")
    with pytest.raises(OSError, match=r"plotly.min.js cannot be written .*copy .* there by hand"):
        ensure_static(tmp_path / "static")


def test_a_figure_travels_without_its_template() -> None:
    figure = go.Figure(go.Scatter(y=[1, 2]), go.Layout(title="one"))
    sent = json.loads(drawing(figure))
    assert set(sent["layout"]) == {"title"}
    assert figure.layout.template is not None
    assert json.loads(drawing({"data": [{"type": "scatter", "y": [1, 2]}]}))["layout"] == {}


def test_a_click_is_returned_once(monkeypatch: pytest.MonkeyPatch) -> None:
    state: dict[str, object] = {}
    monkeypatch.setattr(live.st, "session_state", state)
    raw = {"curve": 0, "point": 3, "customdata": "a", "n": 7}
    assert fresh("trail", raw) == Click(0, 3, ("a",))
    assert fresh("trail", raw) is None
    assert fresh("trail", raw | {"n": 8, "customdata": [1, 2]}) == Click(0, 3, (1, 2))


@pytest.mark.parametrize("raw", [None, "x", {}, {"curve": -1, "point": 0, "n": 1}, {"curve": 0, "point": "0", "n": 1}])
def test_what_is_no_click_is_not_seen(raw: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live.st, "session_state", {})
    assert fresh("trail", raw) is None
