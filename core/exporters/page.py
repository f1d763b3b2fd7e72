"""What was chosen, what it costs and how it was measured: one HTML file that needs no network, JSON and CSV."""

import csv
import hashlib
import html
import io
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from core.exporters.subject import Subject

Row = dict[str, object]
BAR, LINE, LABEL = 460, 26, 190  # pixels: the longest bar, a layer's height, the room for its name
LONGEST = 120  # letters of what is wrong with a report
STYLE = """
:root { color-scheme: light dark; --ink: #1c1e21; --dense: #b8bec6; --stored: #1f6feb; --paper: #fff }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e8eb; --dense: #59616b; --stored: #58a6ff; --paper: #14171a } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 60rem;
  margin: 2rem auto; padding: 0 1rem }
div { overflow-x: auto } table { border-collapse: collapse } td, th { padding: .2rem .8rem .2rem 0; text-align: left }
td, th { vertical-align: top } .layers :is(td, th):nth-child(n + 3):not(.words) { text-align: right }
td { font-variant-numeric: tabular-nums } svg text { fill: currentColor; font: 13px system-ui, sans-serif }
pre { overflow-x: auto }
"""


@contextmanager
def as_applied() -> Iterator[None]:
    """ValueError where what is told of a report fails: one that somebody else wrote may hold anything."""
    try:
        yield
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        line = f"{type(error).__name__}: {error}"[:LONGEST]
        raise ValueError(f"report.json is not as 'apply' writes it ({line}); carry the recipe out anew") from None


def report_files(subject: Subject) -> dict[str, bytes]:
    """report.html, report.json and report.csv (a line a layer)."""
    with as_applied():
        found, table = figures(subject), io.StringIO()
        rows = found["layers"]
        writer = csv.DictWriter(table, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        text = json.dumps(found, indent=1, allow_nan=False)
        files = {"report.html": _page(found), "report.json": text, "report.csv": table.getvalue()}
    return {name: content.encode() for name, content in files.items()}


def figures(subject: Subject) -> Row:
    """The report of the folder with its recipe, the recipe's text, and the sha256 of the files."""
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in subject.files.items()}
    recipe = json.loads(subject.files["recipe.json"])
    return json.loads(subject.files["report.json"]) | {"recipe": recipe, "sha256": hashes}


def headline(found: Row) -> list[tuple[str, str]]:
    """The figures that count, each with its words."""
    low, high = found.get("drop_ci95") or (None, None)
    reach = f" (95 %: {low:.2f} to {high:.2f})" if low is not None else ""
    rows = [
        ("Model", f"{found['model']['name']}, sha256 {found['model']['sha256'][:12]}"),
        ("File", f"{found['bytes']:,} bytes, dense {found['bytes_dense']:,}: {found['ratio']:.1f} times smaller"),
        ("Weights removed", f"{found['sparsity']:.1%} of {found['weights']:,}"),
        ("Entropy", f"{found['entropy_bits_per_weight']:.3f} bits a weight"),
        ("Measured on", f"{found['images']:,} images of '{found['data']}'{_calibrated(found['calibration_images'])}"),
        ("Seed, versions", f"{found['seed']}, " + ", ".join(f"{k} {v}" for k, v in found["versions"].items())),
    ]
    if "accuracy" in found:
        accuracy = f"{found['accuracy']:.2%}, dense {found['accuracy_dense']:.2%}"
        rows.insert(1, ("Accuracy", f"{accuracy}; {found['drop']:.2f} points lost{reach}"))
    return rows


def _calibrated(count: int) -> str:
    return f", {count:,} others to calibrate on" if count else ""


def bars(rows: Sequence[Row], alone: bool = True) -> str:
    """An SVG picture of each layer's bytes, dense and stored. alone: with colours of its own, for a file."""
    most = max((4 * row["weights"] for row in rows), default=1)
    colours = ("#b8bec6", "#1f6feb") if alone else ("var(--dense)", "var(--stored)")
    parts = [_bar(row, i, most, colours) for i, row in enumerate(rows)]
    width, height = LABEL + BAR + 150, LINE * len(rows) + 4
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
    body = (f"<style>{INK}</style>" if alone else "") + "".join(parts)
    return f'{head}role="img" aria-label="Bytes of each layer, dense and stored">{body}</svg>'


def _bar(row: Row, i: int, most: int, colours: tuple[str, str]) -> str:
    top, sizes = i * LINE + 4, (4 * row["weights"], row["bytes"])
    shapes = [
        f'<rect x="{LABEL}" y="{top + 8 * j}" width="{max(1, BAR * size / most):.1f}" height="7" fill="{colour}"/>'
        for j, (size, colour) in enumerate(zip(sizes, colours, strict=True))
    ]
    name = html.escape(str(row["layer"])[-26:])
    end = LABEL + BAR * max(sizes) / most + 8
    label = f'<text x="{LABEL - 8}" y="{top + 12}" text-anchor="end">{name}</text>'
    return f'{label}{"".join(shapes)}<text x="{end:.0f}" y="{top + 12}">{row["bytes"]:,} bytes</text>'


def _page(found: Row) -> str:
    rows = found["layers"]
    head = "".join(f"<tr><th>{html.escape(k)}</th><td>{html.escape(v)}</td></tr>" for k, v in headline(found))
    names = [name for name in CELLS if any(row.get(name) not in (None, "") for row in rows)]
    lines = "".join(f"<tr>{''.join(_cell(name, row.get(name)) for name in names)}</tr>" for row in rows)
    titles = "".join(f"<th{WORDS if name in WORDY else ''}>{CELLS[name][0]}</th>" for name in names)
    hashes = "".join(f"<tr><th>{name}</th><td>{digest}</td></tr>" for name, digest in found["sha256"].items())
    title = html.escape(f"{found['model']['name']}, compressed")
    recipe = html.escape(json.dumps(found["recipe"], indent=1))
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{title}</title><style>{STYLE}</style><h1>{title}</h1><div><table>{head}</table></div>"
        f"<h2>Bytes of each layer</h2><p>{COLOURS}</p><div {SCROLLS}>{bars(rows, alone=False)}</div>"
        f"<h2>Layers</h2><div {SCROLLS}><table class='layers'><tr>{titles}</tr>{lines}</table></div>"
        f"<h2>Recipe</h2><pre {SCROLLS}>{recipe}</pre>"
        f"<h2>sha256 of the files</h2><div {SCROLLS}><table>{hashes}</table></div></html>"
    )


def _cell(name: str, value: object) -> str:
    shown = "" if value is None else CELLS[name][1].format(value)
    return f"<td{WORDS if name in WORDY else ''}>{html.escape(shown)}</td>"


COLOURS = "Grey: dense float32. Blue, and in figures: as stored."
INK = "text{font:13px sans-serif;fill:#1c1e21}@media (prefers-color-scheme:dark){text{fill:#e6e8eb}}"
SCROLLS = "tabindex='0'"  # so that keys reach what is wider than the page
WORDS, WORDY = " class='words'", ("layer", "shape", "note")
CELLS = {
    "layer": ("layer", "{}"),
    "shape": ("shape", "{}"),
    "sparsity": ("removed", "{:.1%}"),
    "bits_per_weight": ("bits a weight", "{:.2f}"),
    "rank": ("rank", "{}"),
    "bytes": ("bytes", "{:,}"),
    "note": ("note", "{}"),
}
