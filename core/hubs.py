"""Models of packages that need not be installed: `timm:NAME` and `transformers:NAME`."""

import importlib
import logging
from types import ModuleType

from torch import nn


def load(spec: str) -> nn.Module:
    """The model of a package's NAME, with its trained weights; ValueError where the package or the model is missing.

    A NAME of transformers may be a folder with config.json and model.safetensors. Nothing is unpickled, and no code
    that comes with a model is run.
    """
    package, _, name = spec.partition(":")
    module = _package(package)
    try:
        return HUBS[package](module, name)
    except Exception as error:  # a package may raise anything for a name that it does not know
        line = f"{error}".strip().partition("\n")[0]
        raise ValueError(f"model '{spec}': {package} cannot give it ({type(error).__name__}: {line})") from None


def is_one(spec: str) -> bool:
    """Whether what names a model names one of these packages."""
    return spec.partition(":")[0] in HUBS and ":" in spec


def _package(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ValueError(f"model: {name} is not installed ({error}); install it with pip install {name}") from None


def _timm(timm: ModuleType, name: str) -> nn.Module:
    return timm.create_model(name, pretrained=True)


def _transformers(transformers: ModuleType, name: str) -> nn.Module:
    """By the class that its config names, which is the one with a head."""
    transformers.utils.logging.set_verbosity_error()
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)  # it warns of each try
    transformers.utils.logging.disable_progress_bar()
    config = transformers.AutoConfig.from_pretrained(name)
    if not config.architectures:
        raise ValueError("its config.json names no architecture")
    model = getattr(transformers, config.architectures[0])
    return model.from_pretrained(name, config=config, use_safetensors=True)


HUBS = {"timm": _timm, "transformers": _transformers}
