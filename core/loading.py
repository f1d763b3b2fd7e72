"""A model and its data from what a person types: a sample's name, module:factory, or a file. Files never run code."""

import hashlib
import pickle
import warnings
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor, nn

import sample_models
from core import hubs
from core.datasets import LONGEST
from core.datasets import Data as Data
from core.datasets import data_fingerprint as data_fingerprint
from core.datasets import load_data as load_data
from core.folding import plain
from core.importing import called, imported
from core.kinds import kind_of


@dataclass(frozen=True, eq=False)
class Loaded:
    """A model in eval mode. data: what it is measured on unless told otherwise, or '' where nobody knows.

    notes: what was done to the model to have plain weights, a sentence each. device: where it is to be measured.
    """

    name: str
    model: nn.Module
    sha256: str
    data: str
    notes: tuple[str, ...] = ()
    device: str = "cpu"


def load_model(spec: str, weights: str | None = None) -> Loaded:
    """The model of a sample's NAME, a `package.module:factory` or a weights file; `weights`: a file for its values."""
    if spec in sample_models.SAMPLES:
        name, model, data = spec, sample_models.load(spec), sample_models.SAMPLES[spec].data
    elif (sample := sample_models.sample_of(spec)) is not None:
        name, model, data = spec, sample_models.student(spec), sample_models.SAMPLES[sample].data
    elif hubs.is_one(spec):
        name, model, data = spec.rpartition("/")[2].rpartition(":")[2], hubs.load(spec), ""
    elif ":" in spec and not Path(spec).exists():
        name, model, data = spec.rpartition(":")[2], _made(spec), ""
    elif Path(spec).is_file():
        if weights is not None:
            raise ValueError(f"model '{spec}' is a weights file, and --weights names '{weights}' too; give one of them")
        return _matching_sample(spec)
    else:
        known = ", ".join(sample_models.SAMPLES)
        raise ValueError(f"model '{spec}' is no sample, file or module:factory; the samples are {known}")
    if weights is not None:
        _fill(model, load_weights(weights), weights)
    return _ready(name, model, data)


def _ready(name: str, model: nn.Module, data: str) -> Loaded:
    notes = plain(model.eval())
    ours = name in sample_models.SAMPLES or sample_models.sample_of(name) is not None
    if kind_of(model) is None and not ours:
        model.register_forward_hook(_logits)
    return Loaded(name, model.requires_grad_(False), fingerprint(model), data, notes)


def _logits(module: nn.Module, given: tuple, output: object) -> object:
    """What is measured of several outputs: those named logits, or the first."""
    if isinstance(output, Mapping) and output:
        return output["logits"] if "logits" in output else next(iter(output.values()))
    return output[0] if isinstance(output, tuple) and output else output


def _matching_sample(path: str) -> Loaded:
    state = load_weights(path)
    for name, sample in sample_models.SAMPLES.items():
        model = sample.build()
        if {k: v.shape for k, v in model.state_dict().items()} == {k: v.shape for k, v in state.items()}:
            _fill(model, state, path)
            return _ready(name, model, sample.data)
    raise ValueError(
        f"model '{path}' fits no sample; say what it is with --model package.module:factory --weights {path}"
    )


def _made(spec: str) -> nn.Module:
    model = called(imported(spec), spec)
    if not isinstance(model, nn.Module):
        raise ValueError(f"model '{spec}' returned {type(model).__name__}, expected a torch.nn.Module")
    return model


def load_weights(path: str) -> dict[str, Tensor]:
    """The tensors of a safetensors file or of a checkpoint that holds nothing else."""
    if not Path(path).is_file():
        raise ValueError(f"weights '{path}': no such file")
    reader = safetensors.torch.load_file if path.endswith(".safetensors") else _checkpoint
    try:
        state = reader(path)
    except Exception as error:  # a broken file makes the readers raise almost anything
        if isinstance(error, pickle.UnpicklingError) or "weights_only" in f"{error}":
            raise ValueError(
                f"weights '{path}': a pickle that holds more than tensors could run code and is not read; "
                "save model.state_dict() as safetensors"
            ) from None
        line = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(
            f"weights '{path}' cannot be read ({line[:LONGEST]}); save model.state_dict() as safetensors"
        ) from None
    if not isinstance(state, Mapping) or not all(isinstance(t, Tensor) and not t.is_nested for t in state.values()):
        raise ValueError(f"weights '{path}' hold no plain state dict; save model.state_dict() as safetensors")
    return dict(state)


def _checkpoint(path: str) -> object:
    _require_stored(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # torch's remarks on what it is about to refuse
        state = torch.load(path, map_location="cpu", weights_only=True)
    inside = [state[key] for key in HOLDERS if key in state] if isinstance(state, Mapping) else []
    return inside[0] if inside and isinstance(inside[0], Mapping) else state


def _require_stored(path: str) -> None:
    """torch packs nothing: parts that declare more than their file holds would fill the memory."""
    size = Path(path).stat().st_size
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as listed:
        declared = sum(entry.file_size for entry in listed.infolist())
    if declared > size:
        raise ValueError(f"its parts declare {declared} bytes in a file of {size}")


def _fill(model: nn.Module, state: Mapping[str, Tensor], path: str) -> None:
    expected = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    state = _named(model, state)
    given = {name: tuple(tensor.shape) for name, tensor in state.items()}
    for name in expected | given:
        if expected.get(name) != given.get(name):
            raise ValueError(
                f"weights '{path}': {name} is {given.get(name, 'missing')}, "
                f"the model expects {expected.get(name, 'no such tensor')}"
            )
    odd = next((name for name, t in state.items() if t.layout != torch.strided or t.is_meta or t.is_complex()), None)
    if odd or any(tensor.is_quantized for tensor in state.values()):
        raise ValueError(f"weights '{path}': {odd or 'a tensor'} is no plain array of real numbers, expected such")
    model.load_state_dict(state)


def _named(model: nn.Module, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors under the model's own names: without what DataParallel puts before each, shared ones under all."""
    own, sharing = model.state_dict(), {}
    if all(name.startswith(PARALLEL) for name in state) and not any(name.startswith(PARALLEL) for name in own):
        state = {name.removeprefix(PARALLEL): tensor for name, tensor in state.items()}
    for name, tensor in own.items():
        if tensor.numel():
            sharing.setdefault((tensor.data_ptr(), tensor.shape, tensor.stride()), []).append(name)
    found = dict(state)
    for names in sharing.values():
        held = next((name for name in names if name in state), None)
        if held is not None:  # safetensors writes what several names share once
            found |= {name: state[held] for name in names if name not in state}
    return found


def fingerprint(model: nn.Module) -> str:
    """sha256 over names, shapes and values of everything in the state dict."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return digest.hexdigest()


HOLDERS = ("state_dict", "model_state_dict", "model")  # what a checkpoint calls the state dict among other things
PARALLEL = "module."
