"""Tables to plotly figures; colours are the page's own, as CSS variables. An empty table makes an empty figure."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from dashboard import words

COMPRESSED = "var(--st-primary-color)"
DENSE = "var(--st-gray-color)"
REMOVED = "var(--st-orange-color)"
REMOVED_FILL = "var(--st-orange-background-color)"
LINE = "var(--st-border-color)"
SOFT = "var(--st-gray-text-color)"
AXIS = {
    "zeroline": False,
    "showgrid": False,
    "linecolor": LINE,
    "ticks": "outside",
    "tickcolor": LINE,
    "fixedrange": False,
}
FLOORS = (0.99, 0.98, 0.95, 0.9, 0.8, 0.5, 0.0)  # where the trail's accuracy axis may begin
LEAST_BITS = 0.1  # the left end of the bits axis, where 0 is drawn too


def empty() -> go.Figure:
    """A figure with nothing to show."""
    hidden = {"visible": False}
    return _figure("empty", hidden, hidden)


def _figure(key: str, x: dict, y: dict, **layout: object) -> go.Figure:
    """An empty figure with our axes; `key` keeps the zoom for as long as it stays the same."""
    base = {
        "margin": {"l": 62, "r": 12, "t": 8, "b": 40},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "showlegend": False,
        "hovermode": "closest",
        "uirevision": key,
        "dragmode": "zoom",
        "xaxis": {**AXIS, **x},
        "yaxis": {**AXIS, **y},
    }
    return go.Figure(layout={**base, **layout})


def histogram(table: pd.DataFrame, lines: tuple[float, ...], levels: np.ndarray, name: str) -> go.Figure:
    """Survivors over removed numbers, a bin of `report.histogram` each; thresholds as lines, code values as ticks."""
    if table.empty:
        return empty()
    total = (table["kept"] + table["removed"]).to_numpy()
    top, reach = float(total.max()), float(table["high"].iloc[-1])
    x = {"title": "weight" if name else "", "range": [-reach, reach], "nticks": 7}
    figure = _figure(
        f"histogram {name}", x, {"title": "weights a bin", "range": [-0.06 * top, 1.05 * top], "nticks": 5}
    )
    edges = np.append(table["low"], table["high"].iloc[-1])
    sentences = [
        f"{words.count(kept + gone)} weights between {words.threshold(low)} and {words.threshold(high)}: "
        f"{words.count(kept)} stay, {words.count(gone)} are removed"
        for low, high, kept, gone in table[["low", "high", "kept", "removed"]].itertuples(index=False)
    ]
    figure.add_trace(_steps(edges, total, COMPRESSED, COMPRESSED))
    figure.add_trace(_steps(edges, table["removed"].to_numpy(), REMOVED_FILL, REMOVED_FILL))
    figure.add_trace(_hover((table["low"] + table["high"]) / 2, total, sentences))
    figure.add_trace(_ticks(levels, -0.06 * top))
    figure.update_layout(shapes=[_vertical(side * line) for line in lines for side in (-1, 1)])
    return figure


def _steps(edges: np.ndarray, counts: np.ndarray, line: str, fill: str) -> go.Scatter:
    """The outline of a histogram as one filled path: cheap to redraw."""
    return go.Scatter(
        x=np.repeat(edges, 2).tolist(),
        y=[0, *np.repeat(counts, 2).tolist(), 0],
        mode="lines",
        line={"width": 0.5, "color": line},
        fill="tozeroy",
        fillcolor=fill,
        hoverinfo="skip",
    )


def _hover(x: pd.Series, y: np.ndarray, sentences: list[str]) -> go.Scatter:
    """Invisible points that carry the sentences shown on hover."""
    return go.Scatter(
        x=x.tolist(),
        y=y.tolist(),
        mode="markers",
        marker={"size": 8, "opacity": 0},
        text=sentences,
        hovertemplate="%{text}<extra></extra>",
    )


def _ticks(levels: np.ndarray, depth: float) -> go.Scatter:
    """Short strokes below the axis at each level, as one path."""
    x = [value for level in levels.tolist() for value in (level, level, None)]
    y = [value for _ in levels for value in (0.25 * depth, depth, None)]
    return go.Scatter(x=x, y=y, mode="lines", line={"width": 1.2, "color": SOFT}, hoverinfo="skip")


def _vertical(x: float) -> dict:
    line = {"color": REMOVED, "width": 1.5, "dash": "dash"}
    return {"type": "line", "x0": x, "x1": x, "y0": 0, "y1": 1, "yref": "paper", "line": line}


def layers(rows: pd.DataFrame) -> go.Figure:
    """Left: what stays of each layer. Right: bits a weight on a log axis, stored (ring) and the entropy bound (dot)."""
    if rows.empty:
        return empty()
    names = rows["layer"].tolist()
    figure = _figure(
        "layers",
        {"title": "numbers that stay (%)", "range": [0, 100], "domain": [0, 0.5], "tickvals": [0, 50, 100]},
        {"autorange": "reversed", "ticks": "", "automargin": True, "type": "category", "showline": False},
        xaxis2={
            **AXIS,
            "title": "bits a weight",
            "type": "log",
            "range": [np.log10(LEAST_BITS), np.log10(45)],
            "domain": [0.58, 1],
            "anchor": "y",
            "tickvals": [0.1, 0.3, 1, 2, 4, 8, 16, 32],
            "ticktext": ["0.1", "0.3", "1", "2", "4", "8", "16", "32"],
        },
        bargap=0.45,
        barmode="stack",
    )
    stays = 100 * (1 - rows["sparsity"])
    figure.add_trace(_bars(names, stays, COMPRESSED, [_stay_sentence(row) for _, row in rows.iterrows()]))
    figure.add_trace(_bars(names, 100 - stays, REMOVED_FILL, [_stay_sentence(row) for _, row in rows.iterrows()]))
    _add_bits(figure, rows, names)
    return figure


def _bars(names: list[str], lengths: pd.Series, color: str, sentences: list[str]) -> go.Bar:
    return go.Bar(
        y=names,
        x=lengths.tolist(),
        orientation="h",
        marker={"color": color, "line": {"width": 0}},
        text=sentences,
        textposition="none",
        hovertemplate="%{text}<extra></extra>",
    )


def _add_bits(figure: go.Figure, rows: pd.DataFrame, names: list[str]) -> None:
    stored = rows["bits_per_weight"].clip(lower=LEAST_BITS).tolist()
    bound = rows["entropy_bits_per_weight"].clip(lower=LEAST_BITS).tolist()
    link_x = [value for low, high in zip(bound, stored, strict=True) for value in (low, high, None)]
    link_y = [value for name in names for value in (name, name, None)]
    sentences = [_bits_sentence(row) for _, row in rows.iterrows()]
    shared = {"xaxis": "x2", "mode": "markers", "text": sentences, "hovertemplate": "%{text}<extra></extra>"}
    line = {"color": COMPRESSED, "width": 2}
    figure.add_trace(go.Scatter(x=link_x, y=link_y, xaxis="x2", mode="lines", line=line, hoverinfo="skip"))
    ring = {"size": 10, "color": "var(--st-background-color)", "line": line}
    figure.add_trace(go.Scatter(x=stored, y=names, marker=ring, **shared))
    figure.add_trace(go.Scatter(x=bound, y=names, marker={"size": 9, "color": COMPRESSED}, **shared))


def _stay_sentence(row: pd.Series) -> str:
    return (
        f"{row['layer']}: {words.count(row['stored'] - row['removed'])} of {words.count(row['stored'])} numbers stay, "
        f"{words.percent(row['sparsity'])} are removed"
    )


def _bits_sentence(row: pd.Series) -> str:
    return (
        f"{row['layer']} is stored in {row['bits_per_weight']:.2f} bits a weight; "
        f"the entropy of its codes is {row['entropy_bits_per_weight']:.2f}"
    )


def spectrum(table: pd.DataFrame, rank: int, name: str) -> go.Figure:
    """Singular values, largest first: those that the rank keeps filled, the cut as a line."""
    if table.empty:
        return empty()
    full, top = len(table), float(table["value"].iloc[0]) or 1.0
    x = {"title": "rank", "range": [0, full + 1], "nticks": 6}
    figure = _figure(f"spectrum {name}", x, {"title": "singular value", "range": [0, 1.05 * top], "nticks": 5})
    sentences = [
        f"The first {n} of {full} singular values keep {words.percent(energy)} of the energy; number {n} is {value:.3g}"
        for n, value, energy in table.itertuples(index=False)
    ]
    ranks, values = table["rank"].tolist(), table["value"].tolist()
    line = {"width": 2.5, "color": DENSE}
    figure.add_trace(
        go.Scatter(x=ranks, y=values, mode="lines", line=line, text=sentences, hovertemplate="%{text}<extra></extra>")
    )
    kept = {"width": 2.5, "color": COMPRESSED}
    figure.add_trace(
        go.Scatter(x=ranks[:rank], y=values[:rank], mode="lines", line=kept, fill="tozeroy", hoverinfo="skip")
    )
    figure.data[1].fillcolor = "var(--st-gray-background-color)"
    figure.update_layout(shapes=[_vertical(rank + 0.5)] if rank < full else [])
    return figure


def trail(points: pd.DataFrame, dense: tuple[float, int]) -> go.Figure:
    """Accuracy against file size, a point a setting in the order of the visits, the last one with its interval.

    points: bytes, accuracy, low, high (fractions), text, id. dense: accuracy and bytes of the dense model.
    """
    if points.empty:
        return empty()
    sizes = points["bytes"] / 1000
    floor = next(f for f in FLOORS if f <= max(0.0, points["accuracy"].min() - 0.002) or f == 0)
    low = 10 ** np.floor(np.log10(min(sizes.min(), dense[1] / 1000)))
    high = max(sizes.max(), dense[1] / 1000) * 1.25
    figure = _figure(
        f"trail {floor} {low}",
        {"title": "file size (kB)", "type": "log", "range": [np.log10(low), np.log10(high)], "dtick": "D2"},
        {"title": "accuracy (%)", "range": [100 * floor, 100 + 4 * (1 - floor)], "nticks": 6},
    )
    line = {"color": COMPRESSED, "width": 1}
    shared = {"text": points["text"], "customdata": points["id"], "hovertemplate": "%{text}<extra></extra>"}
    ends = {"x": [low, high], "y": [100 * dense[0]] * 2, "mode": "lines", "hoverinfo": "skip"}
    figure.add_trace(go.Scatter(**ends, line={"color": DENSE, "dash": "dot", "width": 1.5}))
    accuracy = 100 * points["accuracy"]
    marker = {"size": 7, "color": COMPRESSED}
    figure.add_trace(
        go.Scatter(x=sizes, y=accuracy, mode="lines+markers", line=line, marker=marker, opacity=0.55, **shared)
    )
    figure.add_trace(_here(points.iloc[-1]))
    return figure


def _here(last: pd.Series) -> go.Scatter:
    accuracy = 100 * last["accuracy"]
    above, below = 100 * last["high"] - accuracy, accuracy - 100 * last["low"]
    reach = {"type": "data", "array": [above], "arrayminus": [below], "color": COMPRESSED, "thickness": 1.5, "width": 0}
    marker = {"size": 14, "color": COMPRESSED, "line": {"color": "var(--st-background-color)", "width": 2}}
    return go.Scatter(
        x=[last["bytes"] / 1000],
        y=[accuracy],
        mode="markers",
        marker=marker,
        error_y=reach,
        text=[last["text"]],
        customdata=[last["id"]],
        hovertemplate="%{text}<extra></extra>",
    )
