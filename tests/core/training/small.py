"""A small task for the tests of training: a network with a batch norm on 8 x 8 images that its own answers label."""

import torch
from torch import nn

from core import training
from core.loading import Data, Loaded, fingerprint
from core.recipe import Recipe
from core.training import Options, Task
from tests.core import zoo

IMAGES = 400


def loaded(model: nn.Module | None = None) -> Loaded:
    """The network as `load_model` would give it."""
    made = zoo.net() if model is None else model
    return Loaded("net", made, fingerprint(made), "")


def data(model: nn.Module) -> Data:
    """Random images with the classes that the dense network sees in them."""
    x = zoo.random(IMAGES, 1, 8, 8, seed=3)
    with torch.no_grad():
        y = model(x.clone()).argmax(1)
    return Data("noise", x.numpy(), y.numpy())


def task(recipe: Recipe, options: Options, model: nn.Module | None = None) -> Task:
    """The recipe on the network."""
    whole = loaded(model)
    return training.task(whole, data(whole.model), recipe, options)
