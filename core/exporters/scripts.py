"""The recipe as a short PyTorch script, with the values of what no few lines can say."""

import tempfile
from pathlib import Path

import torch
from torch import Tensor

from core.encoding import Factored, Sparse, bare, count_kept, shape_of
from core.exporters import child
from core.exporters.format import Exporter, Keep
from core.exporters.states import PLAIN, filled, run, saved, state
from core.exporters.subject import Subject
from core.layer import Layer
from core.recipe import UNCODED, Settings

SCRIPT = Path(__file__).with_name("plain_script.py")
EMPTY = "LAYERS = {}"
Steps = list[tuple[str, dict[str, object]]]


def script(subject: Subject) -> dict[str, bytes]:
    """compress.py, and values.pt where something is not computed in it."""
    steps = _steps(subject)
    lines = ",\n".join(f"    {name!r}: {done!r}" for name, done in steps.items())
    text = SCRIPT.read_text("utf-8").replace(EMPTY, f"LAYERS = {{\n{lines}\n}}" if lines else EMPTY)
    dense, now = subject.study.loaded.model.state_dict(), state(subject)
    values = {name: now[name] for name in now if name not in steps and not torch.equal(now[name], dense[name])}
    files = {"compress.py": text.encode()}
    return files | {"values.pt": saved(values)} if values else files


def _steps(subject: Subject) -> dict[str, Steps]:
    """Weight -> what the script does to it, for those layers that it can compute."""
    if subject.study.moved or subject.applied.small is not None or subject.recipe.recovered:
        return {}
    named = {layer.parameter: layer for layer in subject.study.known if not layer.turned}
    found = {name: _layer_steps(subject, layer) for name, layer in named.items()}
    return {name: steps for name, steps in found.items() if steps}


def _layer_steps(subject: Subject, layer: Layer) -> Steps:
    """[] where the layer is as it was, or is not compressed by these few steps alone."""
    encoded, settings = bare(subject.applied.encoded[layer.name]), subject.recipe.settings(layer.name)
    if not _short(settings):
        return []
    if isinstance(encoded, Factored):
        alone = not settings.prunes and settings.bits == UNCODED and settings.factorizer == "svd" and layer.groups == 1
        return [("low_rank", {"rank": shape_of(encoded.factors["right"])[0]})] if alone else []
    mask = encoded.mask if isinstance(encoded, Sparse) else None
    steps: Steps = [] if mask is None else [("prune", {"count": mask.numel() - count_kept(mask)})]
    return steps if settings.bits == UNCODED else [*steps, _coding(settings, layer)]


def _short(settings: Settings) -> bool:
    """Whether all of it is among the script's steps."""
    pruned = (settings.criterion, settings.pattern, settings.steps) == ("magnitude", "element", 1)
    coded = settings.coder in HALVES or (
        settings.coder in EVEN and (settings.scale, settings.bits > 1) == ("range", True)
    )
    return settings.compensate == "none" and (pruned or not settings.prunes) and (coded or settings.bits == UNCODED)


def _coding(settings: Settings, layer: Layer) -> tuple[str, dict[str, object]]:
    if settings.coder in HALVES:
        return "floats", {"kind": settings.coder}
    columns = layer.matrix.shape[1]
    blocks = {"tensor": None, "channel": columns}
    block = blocks[settings.group] if settings.group in blocks else min(columns, int(settings.group))
    return settings.coder, {"bits": settings.bits, "block": block}


def _answers(subject: Subject, path: Path) -> Tensor:
    """What the model says with the weights that the script makes of the dense ones in a fresh process."""
    with tempfile.TemporaryDirectory() as place:
        dense, made = Path(place) / "dense.pt", Path(place) / "made.pt"
        dense.write_bytes(saved(subject.study.loaded.model.state_dict()))
        child.ran(path / "compress.py" if path.is_dir() else path, dense, made)
        return run(subject, filled(subject, torch.load(made, weights_only=True)))


def _limits(subject: Subject) -> tuple[str, ...]:
    """What comes as values, beside what the script computes."""
    if "values.pt" not in script(subject):
        return ("every weight is computed by the script from your own",)
    return ("what rests on images, or on more than a few lines of PyTorch, comes as values in values.pt",)


EVEN, HALVES = ("symmetric", "affine"), ("float16", "bfloat16")
SCRIPTS = {
    "script": Exporter(
        "a short PyTorch script that compresses a state_dict of your own model",
        "compress.py",
        PLAIN | {"mask": Keep(False, "made anew, as zeros"), "codes": Keep(False, "rounded anew, as float32")},
        script,
        _answers,
        limits=_limits,
    )
}
