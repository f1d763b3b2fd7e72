"""How the LeNets are made small: a recipe and the options of its training for each variant."""

from core.recipe import Recipe, Settings
from core.training import Options

Variant = tuple[Recipe, Options]


def _mlp(fc1: float, fc2: float, fc3: float, bits: int = 3) -> Recipe:
    """Shared values for what survives in each layer."""
    settings = Settings(bits=bits, criterion="concentrated", coder="kmeans", group="tensor")
    kept = {"fc1": {"sparsity": fc1}, "fc2": {"sparsity": fc2}, "fc3": {"sparsity": fc3}}
    return Recipe(settings, kept, shrink="remove", rest="int8")


def _thin(*channels: int) -> Variant:
    """Whole channels of LeNet-5 go, all at once; then it learns fast, and slower once 8 values are shared, 16 in the
    small layers at either end."""
    sides = zip(("conv1", "conv2", "fc1"), channels, (20, 50, 500), strict=True)
    kept = {name: {"sparsity": round(1 - stay / all_of, 4)} for name, stay, all_of in sides}
    kept["conv1"]["bits"] = 4
    recipe = Recipe(
        Settings(bits=3, pattern="row", coder="kmeans", group="tensor"),
        kept | {"fc2": {"sparsity": 0.0, "pattern": "element", "bits": 4}},
        shrink="remove",
        rest="int8",
    )
    codes = {"codes_rate": 0.06, "codes_decay": 0.0}
    return recipe, Options(steps=20000, rate=0.08, decay=0.06, looks=4, augment="sway", **codes)


def _trained(rate: float, rounds: int, steps: int) -> Options:
    return Options(steps=steps, rate=rate, rounds=rounds, looks=4, augment="nudge")


LENETS: dict[str, tuple[Variant, ...]] = {
    "lenet_300_100": (
        (_mlp(0.97, 0.965, 0.6), _trained(0.005, 6, 4000)),
        (_mlp(0.981, 0.977, 0.7), _trained(0.005, 6, 4000)),
        (_mlp(0.93, 0.92, 0.4, 4), _trained(0.01, 3, 3000)),
    ),
    "lenet5": (_thin(9, 13, 15), _thin(8, 11, 13), _thin(12, 22, 30)),
}
