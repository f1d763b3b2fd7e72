"""How the LeNets are made small: a recipe and the options of its training for each variant."""

from core.recipe import Recipe, Settings
from core.training import Options

Variant = tuple[Recipe, Options]


def _recipe(sparsity: dict[str, float], bits: int, own: dict[str, dict[str, object]] | None = None) -> Recipe:
    """Shared values for what survives in each layer by name; own: what layers have otherwise."""
    settings = Settings(bits=bits, criterion="concentrated", coder="kmeans", group="tensor")
    layers = {name: {"sparsity": share, **(own or {}).get(name, {})} for name, share in sparsity.items()}
    return Recipe(settings, layers, shrink="remove")


LENETS: dict[str, tuple[Variant, ...]] = {}
