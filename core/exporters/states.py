"""State dicts: the decoded weights under the model's own names, and masks as torch.nn.utils.prune has them."""

import copy
import io
from collections.abc import Mapping
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor, nn
from torch.nn.utils import prune

from core import container
from core.encoding import Encoded, Kept, Sparse, bare, leaves
from core.exporters import building, child
from core.exporters.format import Exporter, Keep
from core.exporters.subject import Subject
from core.exporting import SEPARATOR
from core.inputs import rounding
from core.variants import twin

READER = Path(__file__).with_name("read_prunescope.py")


def state(subject: Subject) -> dict[str, Tensor]:
    """The model's state dict with the compressed weights decoded, in their own types."""
    return twin(subject.study, subject.applied).state_dict()


def run(subject: Subject, module: nn.Module) -> Tensor:
    """A module's answers to the subject's images, (N, classes) float32."""
    with torch.no_grad():
        return torch.cat([module(images.clone()) for images in subject.images.split(100)]).float()


def filled(subject: Subject, tensors: Mapping[str, Tensor]) -> nn.Module:
    """The user's model with a state dict loaded strictly into it."""
    model = copy.deepcopy(subject.study.loaded.model)
    model.load_state_dict(dict(tensors), strict=True)
    return model


def own_form(subject: Subject) -> dict[str, bytes]:
    """The encoded file as it is measured, and a reader that needs numpy alone."""
    return {"model.safetensors": subject.files["model.safetensors"], READER.name: READER.read_bytes()}


def _own_answers(subject: Subject, path: Path) -> Tensor:
    """What the weights say that the numpy reader decodes."""
    found = child.decoded(path / READER.name, path / "model.safetensors")
    tensors = {name: torch.from_numpy(array) for name, array in found.items()}
    stored = container.opened(subject.files["model.safetensors"])[0]
    encoded = {name.split(SEPARATOR)[0] for name in stored if SEPARATOR in name}
    for layer in subject.study.known:
        if layer.parameter in encoded:
            tensors[layer.parameter] = layer.parameter_of(tensors[layer.parameter])
    shapes = {name: tensor.shape for name, tensor in subject.study.loaded.model.state_dict().items()}
    return on_grids(subject, {name: tensor.reshape(shapes[name]) for name, tensor in tensors.items()})


def on_grids(subject: Subject, tensors: Mapping[str, Tensor]) -> Tensor:
    """What the user's model says with these weights, its inputs rounded as measured."""
    model = copy.deepcopy(subject.study.loaded.model)
    model.load_state_dict(dict(tensors), strict=False)  # a weight with two names is stored once
    with rounding(model, model.state_dict(), subject.applied.change.inputs):
        return run(subject, model)


def torch_state(subject: Subject) -> dict[str, bytes]:
    """The state dict as torch.save writes it; torch.load reads it with weights_only=True."""
    return {"model.pt": saved(state(subject))}


def saved(tensors: Mapping[str, Tensor]) -> bytes:
    """Tensors as torch.save writes them."""
    file = io.BytesIO()
    torch.save(dict(tensors), file)
    return file.getvalue()


def _torch_answers(subject: Subject, path: Path) -> Tensor:
    return run(subject, filled(subject, torch.load(path, weights_only=True)))


def plain_safetensors(subject: Subject) -> dict[str, bytes]:
    """The state dict as a safetensors file; a weight with several names stands in it under each."""
    tensors = {name: tensor.clone().contiguous() for name, tensor in state(subject).items()}
    return {"model.safetensors": safetensors.torch.save(tensors, {"format": "pt"})}


def _safetensors_answers(subject: Subject, path: Path) -> Tensor:
    return run(subject, filled(subject, safetensors.torch.load_file(path)))


def torch_prune(subject: Subject) -> dict[str, bytes]:
    """A state dict with weight_orig and weight_mask for every pruned module; where a weight is gone, what it was."""
    tensors = state(subject)
    dense = subject.study.model.state_dict()
    for name, mask in masks(subject).items():
        key = f"{name}.weight" if name else "weight"
        weight, before = tensors.pop(key), dense[key]
        tensors[f"{key}_orig"] = torch.where(mask, weight, before if bool(before.isfinite().all()) else weight)
        tensors[f"{key}_mask"] = mask.to(torch.uint8)
    return {"model.pt": saved(tensors)}


def masks(subject: Subject) -> dict[str, Tensor]:
    """Name of a module -> the mask of its weight, for each that runs a pruned layer alone."""
    found: dict[str, list[str]] = {}
    places = {place.name: place.layer for place in building.places(subject)}
    for name, layer in places.items():
        found.setdefault(layer.name, []).append(name)
    alone = {names[0]: places[names[0]] for names in found.values() if len(names) == 1}
    kept = {name: _survivors(subject, layer.name) for name, layer in alone.items()}
    return {name: mask.view(alone[name].weight.shape) for name, mask in kept.items() if mask is not None}


def _survivors(subject: Subject, layer: str) -> Tensor | None:
    """The (out, in) mask of a layer that is stored as one matrix; None where nothing is removed."""
    encoded = bare(subject.applied.encoded[layer])
    if isinstance(encoded, Kept):
        mask = encoded.rows[:, None] & encoded.columns
        if isinstance(encoded.values, Sparse):
            mask[mask.clone()] = encoded.values.mask.flatten()
        return mask
    return encoded.mask if isinstance(encoded, Sparse) else None


def _prune_limits(subject: Subject) -> tuple[str, ...]:
    """The pruned layers whose masks are left as zeros."""
    held = {place.layer.name for place in building.places(subject) if place.name in masks(subject)}
    pruned = [name for name, encoded in subject.applied.encoded.items() if _has_mask(encoded)]
    lost = [name for name in pruned if name not in held]
    return (
        (f"no mask for {', '.join(lost)}: its zeros stand in factors, or a weight of several modules",) if lost else ()
    )


def _has_mask(encoded: Encoded) -> bool:
    return any(isinstance(leaf.values if isinstance(leaf, Kept) else leaf, Sparse) for leaf in leaves(encoded))


def _prune_answers(subject: Subject, path: Path) -> Tensor:
    """What the model says after torch has taken the masks for its own and made them permanent."""
    tensors = torch.load(path, weights_only=True)
    model = copy.deepcopy(subject.study.loaded.model)
    names = [key.removesuffix("weight_mask").rstrip(".") for key in tensors if key.endswith("weight_mask")]
    for name in names:
        prune.identity(model.get_submodule(name), "weight")
    model.load_state_dict(tensors, strict=True)
    for name in names:
        prune.remove(model.get_submodule(name), "weight")
    return run(subject, model)


ZEROS = Keep(False, "as zeros among its weights")
DECODED = Keep(False, "decoded to float32, exactly")
FULL = Keep(False, "in full size; channels that are gone are zeros")
LOST = Keep(False, "lost: the format holds weights alone, so its inputs are not rounded")
PLAIN = {
    "mask": ZEROS,
    "codes": DECODED,
    "codebook": DECODED,
    "small floats": DECODED,
    "low rank": Keep(False, "multiplied out"),
    "shrunk": FULL,
    "inputs": LOST,
}
OWN = dict.fromkeys(PLAIN, Keep(True, "as it is stored here"))
STATES = {
    "safetensors": Exporter(
        "the encoded file itself, with a reader that needs numpy alone", "compressed", OWN, own_form, _own_answers
    ),
    "torch": Exporter("a PyTorch state_dict of decoded weights", "model.pt", PLAIN, torch_state, _torch_answers),
    "torch_safetensors": Exporter(
        "the same as plain safetensors", "model.safetensors", PLAIN, plain_safetensors, _safetensors_answers
    ),
    "torch_prune": Exporter(
        "a state_dict with the masks of torch.nn.utils.prune",
        "model.pt",
        PLAIN | {"mask": Keep(True, "as weight_mask, with what was removed in weight_orig")},
        torch_prune,
        _prune_answers,
        limits=_prune_limits,
    ),
}
