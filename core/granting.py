"""What Settings ask of a layer that it cannot have: why, in a sentence, and the Settings without it."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

from core.encoding import Encoded
from core.factoring import CALIBRATED, OF_KERNELS
from core.layer import Layer
from core.pruning import FREE, OF_GRADIENTS
from core.recipe import UNCODED, Recipe, Settings
from core.seen import Seen


def granted(layer: Layer, settings: Settings, seen: Seen | None = None) -> Settings:
    """The Settings without what the layer cannot have; `note` says what that is."""
    for stays, instead in STAYS.items():
        if stays(layer, settings, seen):
            settings = replace(settings, **instead)
    return settings


def note(layer: Layer, settings: Settings, seen: Seen | None = None) -> str:
    """What the Settings ask for that the layer is left without, and why; '' where it gets all."""
    return "; ".join(why for stays in STAYS if (why := stays(layer, settings, seen)))


def told(layer: Layer, settings: Settings, seen: Seen | None, encoded: Encoded | None) -> str:
    """The `note` of a layer, and of its encoded form, where that is given, why its weights end far off."""
    said = (note(layer, settings, seen), "" if encoded is None else far_off(layer, settings, encoded))
    return "; ".join(filter(None, said))


def far_off(layer: Layer, settings: Settings, encoded: Encoded) -> str:
    """Why the weights end further from the layer's own than zeros would; '' where they do not."""
    why = next((why for why, may in FAR.items() if may(settings)), "")
    if not why:
        return ""
    lost = (encoded.decode() - layer.matrix).double().square().sum()
    near = lost <= (1 + ROUNDED) * layer.matrix.double().square().sum()
    return "" if near else f"its weights are now further from what they were than 0 would be: {why}"


def notes(
    known: tuple[Layer, ...],
    recipe: Recipe,
    seen: Mapping[str, Seen | None] = MappingProxyType({}),
    encoded: Mapping[str, Encoded] = MappingProxyType({}),
) -> dict[str, str]:
    """What is `told` of each layer, by layer name, with what the recipe as a whole asks for that it is left without."""
    found = {}
    for layer in known:
        sight, settings = seen.get(layer.name), recipe.settings(layer.name)
        said = (told(layer, settings, sight, encoded.get(layer.name)), _bias_stays(layer, recipe, sight))
        found[layer.name] = "; ".join(filter(None, said))
    return found


def _bias_stays(layer: Layer, recipe: Recipe, seen: Seen | None) -> str:
    if recipe.bias == "keep" or layer.kind == "Embedding":
        return ""
    why = _unseen(seen)
    return f"its bias stays as it is: {why}" if why else ""


def rank_stays(layer: Layer, settings: Settings, seen: Seen | None) -> str:
    """Why the layer keeps its full rank where a lower one is asked for; '' where it does not."""
    if not settings.factors:
        return ""
    if layer.full_rank == 1:
        return "its rank stays: it is 1 already"
    if settings.factorizer in OF_KERNELS and layer.kernel == 1:
        return f"its rank stays full: {settings.factorizer} needs a kernel of 2 positions or more; svd can lower it"
    why = _unseen(seen) if settings.factorizer in CALIBRATED else ""
    return f"its rank stays full: {why}" if why else ""


def inputs_stay(layer: Layer, settings: Settings, seen: Seen | None) -> str:
    """Why the layer's inputs are not rounded where they are to be; '' where they are."""
    if settings.inputs_bits == UNCODED:
        return ""
    if layer.kind == "Embedding":
        return "its inputs stay as they are: an embedding takes indices"
    why = _unseen(seen)
    return f"its inputs stay as they are: {why}" if why else ""


def weights_stay(layer: Layer, settings: Settings, seen: Seen | None) -> str:
    """Why none of the layer's weights are removed where some are to be; '' where they are."""
    if not settings.prunes or settings.criterion in FREE:
        return ""
    why = _unseen(seen, multiplied=settings.criterion not in OF_GRADIENTS)
    if settings.criterion == "information" and seen is not None and not seen.labelled:
        why = "information is about a class label an image, which the data do not hold"
    return f"none of its weights are removed: {why}" if why else ""


def errors_stay(layer: Layer, settings: Settings, seen: Seen | None) -> str:
    """Why nothing makes up for the layer's errors where something is to; '' where it does."""
    if settings.compensate == "none" or not (settings.prunes or settings.bits < UNCODED):
        return ""
    why = _unseen(seen, multiplied=settings.compensate != "loss")
    return f"its errors stay as they are: {why}" if why else ""


def _unseen(seen: Seen | None, *, multiplied: bool = True) -> str:
    """Why the layer has no statistics; '' where it has, or nobody looked."""
    return (seen and seen.refused(multiplied=multiplied)) or ""


ROUNDED = 1e-5  # of the squared weights: float32 levels
FAR: dict[str, Callable[[Settings], bool]] = {  # why weights may end far off, and under which Settings
    "compensation fits what the layer gives, not its weights": lambda settings: settings.compensate != "none",
    "a low rank for what the layer takes in fits what it gives, not its weights": lambda settings: (
        settings.factors and settings.factorizer in CALIBRATED
    ),
    "its factors are pruned and coded each by itself": lambda settings: (
        settings.factors and (settings.prunes or settings.bits < UNCODED)
    ),
    "a percentile clips the largest; scale range or mse does not": lambda settings: (
        settings.scale == "percentile" and settings.bits < UNCODED
    ),
}
STAYS = {  # why something that is asked for is not done to a layer, and what it gets instead
    rank_stays: {"rank": 1.0, "rank_by": "fraction"},
    inputs_stay: {"inputs_bits": UNCODED},
    weights_stay: {"sparsity": 0.0, "threshold": None},
    errors_stay: {"compensate": "none"},
}
