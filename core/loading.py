"""A model and its data from what a person types: a sample's name, module:factory, or a file. Files never run code."""

import hashlib
import importlib
import pickle
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from torch import Tensor, nn

import sample_models


@dataclass(frozen=True, eq=False)
class Loaded:
    """A model in eval mode. data: what it is measured on unless told otherwise, or '' where nobody knows."""

    name: str
    model: nn.Module
    sha256: str
    data: str


@dataclass(frozen=True, eq=False)
class Data:
    """inputs: (N, ...) float32. targets: (N,) int64."""

    name: str
    inputs: np.ndarray
    targets: np.ndarray


def load_model(spec: str, weights: str | None = None) -> Loaded:
    """The model of a sample's NAME, a `package.module:factory` or a weights file; `weights`: a file for its values."""
    if spec in sample_models.SAMPLES:
        name, model, data = spec, sample_models.load(spec), sample_models.SAMPLES[spec].data
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
    model.eval().requires_grad_(False)
    return Loaded(name, model, fingerprint(model), data)


def _matching_sample(path: str) -> Loaded:
    state = load_weights(path)
    for name, sample in sample_models.SAMPLES.items():
        model = sample.build()
        if {k: v.shape for k, v in model.state_dict().items()} == {k: v.shape for k, v in state.items()}:
            _fill(model, state, path)
            model.eval().requires_grad_(False)
            return Loaded(name, model, fingerprint(model), sample.data)
    raise ValueError(
        f"model '{path}' fits no sample; say what it is with --model package.module:factory --weights {path}"
    )


def _made(spec: str) -> nn.Module:
    model = _called(_imported(spec), spec)
    if not isinstance(model, nn.Module):
        raise ValueError(f"model '{spec}' returned {type(model).__name__}, expected a torch.nn.Module")
    return model


def _imported(spec: str) -> object:
    module, _, name = spec.rpartition(":")
    try:
        return getattr(importlib.import_module(module), name)
    except (Exception, SystemExit) as error:  # a module runs its own code, which may raise anything
        raise ValueError(
            f"'{spec}' cannot be imported ({error!r}); run from the folder that holds the module"
        ) from None


def _called(factory: object, spec: str) -> object:
    try:
        return factory()
    except (Exception, SystemExit) as error:  # as above
        raise ValueError(f"'{spec}' cannot be called without arguments ({error!r})") from None


def load_weights(path: str) -> dict[str, Tensor]:
    """The tensors of a safetensors file or of a checkpoint that holds nothing else."""
    if not Path(path).is_file():
        raise ValueError(f"weights '{path}': no such file")
    reader = safetensors.torch.load_file if path.endswith(".safetensors") else _checkpoint
    try:
        state = reader(path)
    except pickle.UnpicklingError:
        raise ValueError(
            f"weights '{path}': a pickle that holds more than tensors could run code and is not read; "
            "save model.state_dict() as safetensors"
        ) from None
    except Exception as error:  # a broken file makes the readers raise almost anything
        line = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(f"weights '{path}' cannot be read ({line}); save model.state_dict() as safetensors") from None
    if not isinstance(state, Mapping) or not all(isinstance(tensor, Tensor) for tensor in state.values()):
        raise ValueError(f"weights '{path}' hold no plain state dict; save model.state_dict() as safetensors")
    return dict(state)


def _checkpoint(path: str) -> object:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # torch's remarks on what it is about to refuse
        state = torch.load(path, map_location="cpu", weights_only=True)
    return state["state_dict"] if isinstance(state, Mapping) and "state_dict" in state else state


def _fill(model: nn.Module, state: Mapping[str, Tensor], path: str) -> None:
    expected = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
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


def fingerprint(model: nn.Module) -> str:
    """sha256 over names, shapes and values of everything in the state dict."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return digest.hexdigest()


def data_fingerprint(data: Data) -> str:
    """sha256 over shapes and values of inputs and targets."""
    digest = hashlib.sha256()
    for part in (data.inputs, data.targets):
        digest.update(f"{part.dtype} {part.shape}".encode())
        digest.update(np.ascontiguousarray(part))
    return digest.hexdigest()


def load_data(spec: str) -> Data:
    """The data of a sample's data NAME, a `package.module:factory` or an .npz file with x and y."""
    if spec in sample_models.DATA:
        inputs, targets = sample_models.DATA[spec].load()
    elif spec.endswith(".npz"):
        inputs, targets = _archive(spec)
    elif ":" in spec:
        inputs, targets = _pairs(_called(_imported(spec), spec), spec)
    else:
        known = ", ".join(sample_models.DATA)
        raise ValueError(f"data '{spec}' is no data set, .npz file or module:factory; the data sets are {known}")
    return _checked(Path(spec).stem if spec.endswith(".npz") else spec, np.asarray(inputs), np.asarray(targets))


def _archive(path: str) -> tuple[np.ndarray, np.ndarray]:
    if not Path(path).is_file():
        raise ValueError(f"data '{path}': no such file")
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
            return archive["x"], archive["y"]
    except KeyError:
        raise ValueError(f"data '{path}' lacks x or y, expected an .npz with both") from None
    except Exception as error:  # a broken file makes numpy raise almost anything
        raise ValueError(
            f"data '{path}' cannot be read ({error}); expected an .npz with plain arrays x and y"
        ) from None


def _pairs(made: object, spec: str) -> tuple[np.ndarray, np.ndarray]:
    if isinstance(made, tuple) and len(made) == 2:
        return made
    try:
        items = [made[i] for i in range(len(made))]
        return np.stack([np.asarray(x) for x, _ in items]), np.array([int(y) for _, y in items])
    except Exception as error:  # a data set runs its own code, which may raise anything
        raise ValueError(f"data '{spec}' gives no (inputs, targets) and no Dataset of pairs ({error})") from None


def _checked(name: str, inputs: np.ndarray, targets: np.ndarray) -> Data:
    if inputs.ndim < 2 or targets.ndim != 1 or len(inputs) != len(targets) or not len(targets):
        raise ValueError(f"data '{name}': x is {inputs.shape} and y is {targets.shape}, expected (N, ...) and (N,)")
    if inputs.dtype.kind not in "uif" or targets.dtype.kind not in "ui":
        raise ValueError(
            f"data '{name}': x is {inputs.dtype} and y is {targets.dtype}, expected numbers and class labels"
        )
    scale = np.float32(255 if inputs.dtype == np.uint8 else 1)  # bytes are pixels: to [0, 1]
    with np.errstate(over="ignore"):  # what does not fit is refused below
        x = inputs.astype(np.float32) / scale
    if not np.isfinite(x).all():
        raise ValueError(f"data '{name}': x holds NaN or infinite values, expected finite ones")
    return Data(name, np.ascontiguousarray(x), targets.astype(np.int64))
