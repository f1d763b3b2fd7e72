"""Lessons about a compressed model at work: its time, the files of other tools, the signals inside."""

import math

import pandas as pd

from core import exporters, exporting, pipeline
from core.exporters import EXPORTERS, Subject
from core.latency import Clock
from core.latency import latency as timed
from core.lessons import looking
from core.lessons.looking import Measured
from core.pipeline import Study
from core.recipe import Recipe, Settings
from core.stability import stability as passed

BITS = 4
CLOCK = Clock(batches=(20,), rounds=30, warm=2, seconds=1.0)
FORMATS = ("safetensors", "torch", "torch_prune")  # that need no package beside the engine's


def hardware(subject: Study, sparsity: float) -> Measured:
    """Milliseconds of each way that torch has here to run the compressed model, beside what its file saves."""
    found = timed(subject, pipeline.apply(subject, small(sparsity)), CLOCK)
    rows = found.table.set_index("variant")
    table = pd.DataFrame({"how": list(rows.index), "milliseconds": rows["median"].to_numpy()})
    dense, decoded = (float(rows["median"][name]) for name in ("dense", "decoded"))
    quickest = rows["times"].idxmin()
    figures = {
        "bits": BITS,
        "nominal": 32 / BITS,
        "files": found.promised.bytes,
        "fewer": found.promised.macs or 1.0,
        "dense_time": dense,
        "time": decoded,
        "speed": 1 / float(rows["times"]["decoded"]),
        "quickest": quickest,
        "quickest_speed": 1 / float(rows["times"][quickest]),
        "rounds": int(rows["rounds"].min()),
        "together": int(rows["batch"].iloc[0]),
        "threads": found.threads,
    }
    return Measured(figures, table, figures["speed"])


def small(sparsity: float) -> Recipe:
    """Every layer pruned, the rest in codes of a few bits."""
    return Recipe(Settings(sparsity=sparsity, bits=BITS))


def export(subject: Study, sparsity: float) -> Measured:
    """Bytes of the compressed model in formats that torch or numpy reads, each read back and held to its answers."""
    recipe = small(sparsity)
    applied = pipeline.apply(subject, recipe)
    own = exporting.serialize(subject.model, subject.known, applied.encoded, applied.buffers)
    whole = Subject(subject, applied, recipe, {"model.safetensors": own})
    checked = {name: exporters.export(EXPORTERS[name], whole)[1] for name in FORMATS}
    dense = pipeline.dense_bytes(subject)
    table = pd.DataFrame(
        {"format": ["as trained", *checked], "kilobytes": [dense / 1000, *(c.bytes / 1000 for c in checked.values())]}
    )
    smallest = min(checked, key=lambda name: checked[name].bytes)
    figures = {
        "bits": BITS,
        "dense_size": dense / 1000,
        "own": len(own) / 1000,
        "torch": checked["torch"].bytes / 1000,
        "pruned": checked["torch_prune"].bytes / 1000,
        "times": dense / checked["torch"].bytes,
        "own_times": dense / len(own),
        "smallest": smallest,
        "off": max(each.difference for each in checked.values()),
        "alike": 100 * min(each.agreement for each in checked.values()),
        "compared": min(each.images for each in checked.values()),
        "formats": len(EXPORTERS),
        "codes_kept": sum(each.keeps["codes"].kept for each in EXPORTERS.values()),
        "masks_kept": sum(each.keeps["mask"].kept for each in EXPORTERS.values()),
    }
    return Measured(figures, table, figures["times"])


def stability(subject: Study, sparsity: float) -> Measured:
    """How far the signals and the gradients of each layer are from the dense model's, from real passes."""
    found = passed(subject, pipeline.apply(subject, Recipe(Settings(sparsity=sparsity))))
    rows = found.table.set_index("layer")
    ratio = rows["variance_ratio"][rows["variance_ratio"].map(math.isfinite)]
    if ratio.empty:
        raise ValueError(
            f"model '{subject.loaded.name}': no layer says different things of different images, so there is no signal "
            "to follow; choose another model"
        )
    table = pd.DataFrame({"layer": list(ratio.index), "signal": [100 * each for each in ratio]})
    furthest = max(ratio.index, key=lambda name: abs(math.log(max(ratio[name], 1e-12))))
    gain = rows["gain_ratio"][rows["gain_ratio"].map(math.isfinite)]
    figures = {
        "furthest": furthest,
        "furthest_signal": 100 * float(ratio[furthest]),
        "first": ratio.index[0],
        "first_signal": 100 * float(ratio.iloc[0]),
        "last": ratio.index[-1],
        "last_signal": 100 * float(ratio.iloc[-1]),
        "back": 100 * float(gain.iloc[0]) if len(gain) else 100.0,
        "dead": int(rows["dead"].sum()),
        "dead_dense": int(rows["dead_dense"].sum()),
        "channels": int(rows["channels"].sum()),
        "accuracy": looking.accuracy(subject, Recipe(Settings(sparsity=sparsity))),
        "passed": found.images,
        "said": found.notes[0],
    }
    return Measured(figures, table, furthest)


MEASURES = {f.__name__: f for f in (hardware, export, stability)}
