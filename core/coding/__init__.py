"""How survivors are stored: weights to codes, each with all that it takes to decode them."""

from core.coding.books import kmeans, kmeans_linear, nf4, power_of_two, ternary
from core.coding.even import SCALES, affine, symmetric
from core.coding.floats import bfloat16, float8_e4m3, float16, float32
from core.recipe import UNCODED, Recipe, Settings, with_change

__all__ = ["CLUSTERING", "CODERS", "SCALES", "WIDTHS", "check_width", "fitted", "nearest_width"]


def nearest_width(coder: str, bits: int) -> int:
    """The bits nearest to `bits` that a coder can be asked for, the fewer of two; UNCODED stays."""
    if bits == UNCODED or not WIDTHS[coder]:
        return UNCODED
    return min(WIDTHS[coder], key=lambda width: (abs(width - bits), width))


def check_width(settings: Settings) -> None:
    """ValueError where the coder cannot be asked for the settings' bits."""
    if settings.bits != UNCODED and settings.bits not in WIDTHS[settings.coder]:
        able = ", ".join([*map(str, WIDTHS[settings.coder]), f"{UNCODED} for no coding"])
        raise ValueError(f"bits is {settings.bits!r}, expected {able} with coder {settings.coder!r}")


def fitted(recipe: Recipe) -> Recipe:
    """The recipe with the bits of its default and of each layer at the nearest that their coders can do."""
    for layer in (None, *recipe.layers):
        settings = recipe.default if layer is None else recipe.settings(layer)
        bits = nearest_width(settings.coder, settings.bits)
        if bits != settings.bits:
            recipe = with_change(recipe, layer, {"bits": bits})
    return recipe


NOTES = {  # what a common tutorial says, and what is wrong with it
    "affine": "A common tutorial stops at the codes round((w − min) / (max − min) · Q), which cannot be decoded "
    "without a scale and an offset, and divides by 0 where max = min. Here both are stored, and counted.",
    "kmeans": "A common tutorial says that sharing weights needs no formula. Which weights share a value is a "
    "clustering problem with an optimum; here it is solved to within about one per cent of it.",
}
WIDTHS = {
    "symmetric": tuple(range(1, 9)),
    "affine": tuple(range(1, 9)),
    "kmeans": tuple(range(1, 9)),
    "kmeans_linear": tuple(range(1, 9)),
    "nf4": (4,),
    "power_of_two": tuple(range(2, 9)),
    "ternary": (2,),
    "float8_e4m3": (8,),
    "float16": (16,),
    "bfloat16": (16,),
    "float32": (),
}
CLUSTERING = frozenset({"kmeans", "kmeans_linear"})  # those that take the survivors in order too
CODERS = {
    f.__name__: f
    for f in (
        symmetric,
        affine,
        kmeans,
        kmeans_linear,
        nf4,
        power_of_two,
        ternary,
        float8_e4m3,
        float16,
        bfloat16,
        float32,
    )
}
