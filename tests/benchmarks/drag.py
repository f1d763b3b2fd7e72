"""The page under a moving hand: states a second, and the latency from input to picture, in a real Chromium.

python -m tests.benchmarks.drag [--seconds 3] [--repeat 3]

A mouse drags Prune to and fro over its range at 60 moves a second, on digits_cnn, with all layers and with fc1 alone,
then rests with the button down. The page is looked at in every animation frame that follows a change of it, and asked
for none of its own, which would load the machine that it measures:

- states: values of the readout's `data-version`, which differs where a figure or a measurement does, that all four
  plots show too (`data-shown`), by the second of the drag;
- images: how many the shown states rest on, their median;
- latency: from the newest `input` event of the slider with a value to the first frame that shows the sparsity that
  belongs to it ("50.0 % removed"; fc1's share of it where fc1 alone is dragged) with all four plots at that state;
- rest: the same for the last value of the drag;
- blank: frames in which one of the four plots is replaced by another node or has no axes or no trace;
- errors: in the console, in the page, and boxes with an exception.

Each repeat has a page of its own on one server. Shown are medians and, in brackets, the smallest and the largest.
"""

import argparse
import math
import statistics
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from core.layer import layers
from sample_models import load
from tests.browser import chromium, opened, serving

HERTZ, ROUND_SECONDS, REST_MS = 60, 3.0, 1500
EDGE = 10  # px from the end of a track to the thumb's centre at its end
LAYERS = {"all layers": "All", "fc1": "fc1"}
COLUMNS = {
    "states": "states/s",
    "images": "images",
    "inputs": "inputs/s",
    "latency_p50": "latency p50 ms",
    "latency_p95": "p95 ms",
    "rest": "rest ms",
    "blank": "blank",
    "errors": "errors",
}
PROBE = """() => {
    const root = document.querySelector('[data-testid=stBidiComponentIsolated]').shadowRoot;
    const range = root.querySelector('[data-part=prune] .ps-range');
    const removed = root.querySelector('.ps-removed'), readout = root.querySelector('.ps-readout');
    const graphs = [...root.querySelectorAll('.ps-graph')];
    const seen = { inputs: [], frames: [], blank: 0 };
    const CHANGES = { subtree: true, childList: true, attributeFilter: ['data-shown', 'data-version', 'd'] };
    range.addEventListener('input', () => seen.inputs.push([performance.now(), Number(range.value)]));
    const drawn = (graph) => graph.isConnected && graph.querySelector('.ps-axes path[d^=M]')
        && graph.querySelector('.ps-traces path[d^=M]');
    let last = null, asked = 0;
    const look = () => {
        asked = 0;
        if (!graphs.every(drawn)) seen.blank += 1;
        const version = readout.dataset.version;
        const whole = graphs.every((graph) => graph.closest('.ps-card').dataset.shown === version);
        if (whole && version !== last) {
            last = version;
            const share = parseFloat(removed.textContent.replace(/^under/, ''));
            const counted = parseInt(root.querySelector('.ps-images').textContent.replace(/,/g, ''));
            seen.frames.push([performance.now(), share, version, counted]);
        }
    };
    new MutationObserver(() => (asked ||= requestAnimationFrame(look))).observe(root, CHANGES);
    look();
    window.seen = seen;
}"""
Times = list[tuple[float, float]]


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--repeat", type=int, default=3)
    chosen = parser.parse_args()
    print("".join(f"{words:>19}" for words in ("", *COLUMNS.values())))
    with (
        tempfile.TemporaryDirectory() as folder,
        serving("dashboard/app.py", Path(folder) / "log") as url,
        chromium() as browser,
    ):
        for words, layer in LAYERS.items():
            runs = [measured(browser, url, layer, chosen.seconds) for _ in range(chosen.repeat)]
            cells = [spread([run[name] for run in runs]) for name in COLUMNS]
            print("".join(f"{cell:>19}" for cell in (words, *cells)), flush=True)


def measured(browser: Browser, url: str, layer: str, seconds: float) -> dict[str, float]:
    """The figures of one drag on a page of its own."""
    page, errors = opened(browser, url, viewport={"width": 1440, "height": 900})
    everything_measured(page)
    if layer != "All":
        page.locator("[data-part=layer] label", has_text=layer).click()
        page.get_by_role("button", name=f"Reset {layer}").wait_for()
    page.evaluate(PROBE)
    end = drag(page, seconds)
    seen = page.evaluate("seen")
    exceptions = page.locator("[data-testid=stException], [data-testid=stAlert]").count()
    page.context.close()
    inputs, share = seen["inputs"], share_of(layer)
    shown = [(at, removed) for at, removed, *_ in seen["frames"]]
    moving = [(version, images) for at, _, version, images in seen["frames"] if inputs[0][0] <= at <= end]
    latencies = sorted(latencies_of(inputs, shown, share))
    return {
        "states": len({version for version, _ in moving}) / seconds,
        "images": statistics.median(images for _, images in moving),
        "inputs": len(inputs) / seconds,
        "latency_p50": quantile(latencies, 0.5),
        "latency_p95": quantile(latencies, 0.95),
        "rest": reached(inputs[-1], shown, share),
        "blank": seen["blank"],
        "errors": len(errors) + exceptions,
    }


def everything_measured(page: Page) -> None:
    expect(page.locator(".ps-images")).to_have_text("5,000 of 5,000 images", timeout=60_000)


def share_of(layer: str) -> float:
    """The part of all compressible weights that the dragged layer holds."""
    counts = {each.name: each.matrix.numel() for each in layers(load("digits_cnn"))}
    return counts.get(layer, sum(counts.values())) / sum(counts.values())


def drag(page: Page, seconds: float) -> float:
    """Drags Prune for some seconds, rests and lets go; the page's time at which the hand came to rest."""
    box = page.locator("[data-part=prune] .ps-range").bounding_box()
    assert box
    left, width, y = box["x"] + EDGE, box["width"] - 2 * EDGE, box["y"] + box["height"] / 2
    page.mouse.move(left, y)
    page.mouse.down()
    start = time.perf_counter()
    while (passed := time.perf_counter() - start) < seconds:
        page.mouse.move(left + width * (0.48 - 0.48 * math.cos(2 * math.pi * passed / ROUND_SECONDS)), y)
        time.sleep(max(0.0, 1 / HERTZ - (time.perf_counter() - start - passed)))
    end = page.evaluate("performance.now()")
    page.wait_for_timeout(REST_MS)
    page.mouse.up()
    return end


def latencies_of(inputs: Times, shown: Times, share: float) -> list[float]:
    """For each value that was shown, the milliseconds since the newest input with it."""
    found, before = [], math.nan
    for at, removed in shown:
        sent = [when for when, value in inputs if when <= at and belongs(value, removed, share)]
        if sent and removed != before:
            found.append(at - sent[-1])
        before = removed
    return found


def reached(last: tuple[float, float], shown: Times, share: float) -> float:
    """Milliseconds from the last input until it is shown; infinite where it never is."""
    when, value = last
    after = [at - when for at, removed in shown if at >= when and belongs(value, removed, share)]
    return after[0] if after else math.inf


def belongs(value: float, removed: float, share: float) -> bool:
    """Whether a share of the model that reads as removed, in per cent, is what a value of the slider removes."""
    return abs(share * value - removed) < 0.0501  # both are said to a tenth


def quantile(values: list[float], part: float) -> float:
    return values[min(len(values) - 1, int(part * len(values)))] if values else math.nan


def spread(values: list[float]) -> str:
    digits = 0 if max(values) >= 100 or all(float(value).is_integer() for value in values) else 1
    low, middle, high = (f"{v:.{digits}f}" for v in (min(values), statistics.median(values), max(values)))
    return f"{middle} ({low}-{high})"


if __name__ == "__main__":
    main()
