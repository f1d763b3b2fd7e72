"""What training made of a model, in the model's place: to be looked at, and to be compressed further."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from core import exporting
from core.encoding import Encoded
from core.layer import Layer
from core.recipe import BESIDE, Recipe, Settings


@dataclass(frozen=True, eq=False)
class Trained:
    """Encoded layers by name and tensors beside them by parameter, as training left them for a recipe.

    module: a copy of the model with them. tensors: all of it by parameter, each layer's weight decoded.
    """

    recipe: Recipe
    encoded: Mapping[str, Encoded]
    beside: Mapping[str, Tensor]
    module: nn.Module
    tensors: Mapping[str, Tensor]

    def forms(self, recipe: Recipe) -> dict[str, Encoded]:
        """The forms, by layer name, of the layers of which a recipe asks what they were trained for."""
        found = {name: self.form(name, recipe.settings(name)) for name in self.encoded}
        return {name: form for name, form in found.items() if form is not None}

    def form(self, layer: str, settings: Settings) -> Encoded | None:
        """The form of a layer where it was trained for these Settings."""
        return self.encoded[layer] if settings == self.recipe.settings(layer) else None

    def whole(self, recipe: Recipe) -> bool:
        """Whether a recipe asks of every layer, and beside them, what they were trained for."""
        beside = all(getattr(recipe, name) == getattr(self.recipe, name) for name in BESIDE)
        return beside and len(self.forms(recipe)) == len(self.encoded)

    def check(self, recipe: Recipe) -> None:
        """ValueError where a recipe changes a layer in a way whose outcome rests on the values before the training."""
        kept = self.forms(recipe)
        for name in self.encoded.keys() - kept.keys():
            settings = recipe.settings(name)
            if settings.threshold is not None:
                raise ValueError(
                    f"layer '{name}': threshold is {settings.threshold:.3g}, expected a sparsity where a trained model "
                    "is pruned further"
                )
            if settings.factors and settings.rank_by != "fraction":
                raise ValueError(
                    f"layer '{name}': rank_by is {settings.rank_by!r}, expected 'fraction' where a trained model is "
                    "factored further"
                )


def trained(model: nn.Module, known: tuple[Layer, ...], recipe: Recipe, data: bytes) -> Trained:
    """A training's outcome from the bytes that `exporting.serialize` made of it; the model stays as it is.

    ValueError where the bytes are no such file or do not fit the model.
    """
    encoded, tensors = exporting.deserialize(data, model, known)
    own = {layer.parameter for layer in known}
    beside = {name: tensor for name, tensor in tensors.items() if name not in own}
    module = copy.deepcopy(model)
    module.load_state_dict(tensors, strict=False)
    return Trained(recipe, encoded, beside, module, tensors)
