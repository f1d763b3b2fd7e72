"""A training on disk: written whole or not at all, and taken up where it stood."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path

import safetensors.torch
from torch import Tensor

from core import exporting
from core.encoding import Encoded, leaves
from core.recipe import from_json, to_json
from core.training import adam
from core.training.lean import leaned
from core.training.leaves import leaf
from core.training.moving import Ground
from core.training.options import Options
from core.training.state import Outcome, State
from core.training.task import Task
from core.training.trainee import Trainee, beside, encoded, trainee

FORMAT = "prunescope/checkpoint/1"
FILES = ("state.json", "net.safetensors", "numbers.safetensors", "best.safetensors")


def key(task: Task, options: Options) -> str:
    """What a checkpoint belongs to: the same model, images, recipe and options have the same key."""
    digest = hashlib.sha256()
    teacher = "" if task.teacher is None else task.teacher.sha256
    for part in (task.study.loaded.sha256, teacher, to_json(task.recipe), json.dumps(asdict(options))):
        digest.update(part.encode())
    for images in (task.learn, task.held):
        digest.update(images.x.numpy().tobytes())
        digest.update(images.y.numpy().tobytes())
    return digest.hexdigest()


def write(folder: Path, name: str, task: Task, state: State) -> None:
    """Write a state just after a look; name: its `key`."""
    best = state.best
    head = {"format": FORMAT, "key": name, "phase": state.phase, "step": state.step, "stale": state.stale}
    head["lean"] = state.net.lean is not None
    if best is not None:
        told = {"recipe": to_json(best.recipe), "accuracy": best.accuracy, "phase": best.phase, "step": best.step}
        head["best"] = told
    numbers = _values(state.net) | adam.as_tensors(state.memory)
    if state.ground is not None:
        numbers |= {f"ground/{n}": t for n, t in state.ground.values.items()}
        numbers |= {f"scores/{n}": t for n, t in state.ground.scores.items()}
    known, model = task.study.known, task.study.model
    parts = (
        json.dumps(head, indent=1).encode(),
        exporting.serialize(model, known, encoded(state.net), beside(state.net)),
        safetensors.torch.save({name: tensor.contiguous() for name, tensor in numbers.items()}),
        b"" if best is None else exporting.serialize(model, known, best.encoded, best.beside),
    )
    exporting.write_folder(folder, dict(zip(FILES, parts, strict=True)))


def read(folder: Path, name: str, task: Task) -> State | None:
    """The state that a folder holds, None where there is no folder; ValueError where it belongs to another training."""
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return None
    try:
        head = json.loads((folder / FILES[0]).read_bytes())
        mine = head["format"] == FORMAT and head["key"] == name
    except (OSError, ValueError, KeyError, TypeError):
        mine = False
    if not mine:
        raise ValueError(
            f"checkpoint '{folder}' belongs to another model, data, recipe or other options; name another folder or "
            "delete it"
        )
    try:
        return _state(folder, head, task)
    except (OSError, KeyError, TypeError, RuntimeError, safetensors.SafetensorError) as error:
        raise ValueError(f"checkpoint '{folder}' cannot be read ({error}); delete it to begin anew") from None


def _state(folder: Path, head: Mapping, task: Task) -> State:
    forms, rest = _network(folder / FILES[1], task)
    numbers = safetensors.torch.load((folder / FILES[2]).read_bytes())
    net = _valued(trainee(task.study.model, task.study.known, (forms, rest), {}), numbers)
    if head["lean"]:
        net = leaned(net, task.study.model, task.study.bench.inputs[:2])
    sides = [{n.removeprefix(s): t for n, t in numbers.items() if n.startswith(s)} for s in ("ground/", "scores/")]
    best = None
    if "best" in head:
        told = head["best"]
        recipe = from_json(told["recipe"])
        best = Outcome(recipe, *_network(folder / FILES[3], task), told["accuracy"], told["phase"], told["step"])
    under = Ground(*sides) if sides[0] else None
    return State(head["phase"], head["step"], net, adam.from_tensors(numbers), under, best, head["stale"])


def _network(path: Path, task: Task) -> tuple[dict[str, Encoded], dict[str, Tensor]]:
    forms, tensors = exporting.deserialize(path.read_bytes(), task.study.model, task.study.known)
    own = {layer.parameter for layer in task.study.known}
    return forms, {name: tensor for name, tensor in tensors.items() if name not in own}


def _values(net: Trainee) -> dict[str, Tensor]:
    return {f"{n}:{i}:values": one.parts["values"] for n, held in net.leaves.items() for i, one in enumerate(held)}


def _valued(net: Trainee, numbers: Mapping[str, Tensor]) -> Trainee:
    """The network with the values before they are coded."""
    held = {
        name: tuple(
            leaf(stored, one.place.scattered(numbers[f"{name}:{i}:values"]))
            for i, (stored, one) in enumerate(zip(leaves(net.forms[name]), own, strict=True))
        )
        for name, own in net.leaves.items()
    }
    return replace(net, leaves=held)
