"""What is to be done to each layer, as plain data: Settings, Recipe, and their JSON."""

import json
import math
import reprlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace

from core.sentences import short

FORMAT = "prunescope/recipe/1"
UNCODED = 32
LONGEST = 80  # characters of a value in a sentence
BITS = (*range(1, 9), 16, UNCODED)
INPUTS_BITS = BITS[1:]
RANK_BY = ("fraction", "energy", "error")
BATCHNORM = ("keep", "recalibrate")
BIAS = ("keep", "correct")
SHRINK = ("keep", "remove")
EQUALIZE = ("keep", "ranges")
REST = ("keep", "float16", "int8", "int6")
# what a recipe asks for beside the layers' own Settings, with the values of each
BESIDE = {
    "batchnorm": BATCHNORM,
    "bias": BIAS,
    "shrink": SHRINK,
    "equalize": EQUALIZE,
    "rest": REST,
}
RECOVERED = (  # what a training that made a model good again can be said to have been
    *("by", "teacher", "train", "images", "steps", "batch", "rate", "decay", "seed", "augment", "alpha", "temperature"),
    *("looks", "patience", "rounds", "schedule", "custom", "rewind", "how", "seek", "codes_rate", "codes_decay"),
)

Value = float | int | str | None


@dataclass(frozen=True)
class Settings:
    """What one layer becomes; the defaults change nothing.

    sparsity: fraction removed, [0, 1), in `steps` that score anew. threshold: scores below it are removed, in the
    criterion's units. compensate: what the survivors and codes make good of the loss, from calibration images.
    bits: 1 to 8 or 16 a code, 32 leaves the survivors uncoded. group: one scale for each 'tensor', 'channel' or block
    length. scale: what range the even grids of `symmetric` and `affine` span; other coders do not read it. rank,
    (0, 1]: by rank_by the fraction of the full rank kept, the least share of the squared singular values kept (1
    leaves the matrix whole in both), or the largest relative error allowed, of the weights or, for whitened_svd, of
    the layer's output. inputs_bits: what the layer takes in, on an even grid of 2 to 8 or 16 bits over what it takes in
    on calibration images; 32 leaves it as it is.
    """

    sparsity: float = 0.0
    threshold: float | None = None
    criterion: str = "magnitude"
    pattern: str = "element"
    steps: int = 1
    coder: str = "symmetric"
    bits: int = UNCODED
    group: str = "channel"
    scale: str = "range"
    rank: float = 1.0
    factorizer: str = "svd"
    rank_by: str = "fraction"
    compensate: str = "none"
    inputs_bits: int = UNCODED

    def __post_init__(self) -> None:
        for name, (holds, expected) in CHECKS.items():
            value = getattr(self, name)
            if not holds(value):
                raise ValueError(f"{name} is {_shown(value)}, expected {expected}")
        if self.threshold is not None and self.sparsity > 0:
            raise ValueError(
                f"sparsity is {self.sparsity!r} and threshold is {self.threshold!r}, expected one of the two"
            )

    @property
    def prunes(self) -> bool:
        """Whether these settings can remove a weight."""
        return self.sparsity > 0 or bool(self.threshold)

    @property
    def factors(self) -> bool:
        """Whether these settings can lower a rank."""
        return self.rank < 1 or self.rank_by == "error"


def _shown(value: object) -> str:
    text = hex(value) if _whole(value) and value.bit_length() > LONGEST else SHORT.repr(value)  # Python counts digits
    return short(text, LONGEST)


def _number(value: Value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < math.inf


def _whole(value: Value) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _group(value: Value) -> bool:
    if value in ("tensor", "channel"):
        return True
    plain = isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= len(str(2**31))
    return plain and 0 < int(value) <= 2**31


CHECKS = {
    "sparsity": (lambda v: _number(v) and 0 <= v < 1, "a fraction in [0, 1)"),
    "threshold": (
        lambda v: v is None or (_number(v) and 0 <= v <= 3.4e38),
        "a number of 0 or more that a float32 can hold",
    ),
    "criterion": (lambda v: isinstance(v, str), "a criterion's name"),
    "pattern": (lambda v: isinstance(v, str), "a pattern's name"),
    "steps": (lambda v: _whole(v) and 1 <= v <= 100, "a whole number from 1 to 100"),
    "coder": (lambda v: isinstance(v, str), "a coder's name"),
    "bits": (lambda v: _whole(v) and v in BITS, "1 to 8, 16, or 32 for no coding"),
    "group": (_group, "'tensor', 'channel' or a block length such as '64'"),
    "scale": (lambda v: isinstance(v, str), "a scale's name"),
    "rank": (lambda v: _number(v) and 0 < v <= 1, "a fraction in (0, 1]"),
    "factorizer": (lambda v: isinstance(v, str), "a factorizer's name"),
    "compensate": (lambda v: isinstance(v, str), "a compensation's name"),
    "inputs_bits": (lambda v: _whole(v) and v in INPUTS_BITS, "2 to 8, 16, or 32 for inputs as they are"),
    "rank_by": (lambda v: v in RANK_BY, f"one of {', '.join(RANK_BY)}"),
}
SHORT = reprlib.Repr()
SHORT.maxstring = SHORT.maxother = 3 * LONGEST  # it cuts in the middle
FIELDS = tuple(f.name for f in fields(Settings))


@dataclass(frozen=True)
class Recipe:
    """Default Settings, what differs from them by layer, and what is put right afterwards.

    layers: layer name -> the fields that differ from `default`. batchnorm: 'recalibrate' takes new running statistics,
    bias: 'correct' gives each layer's output its mean back, both from calibration images. shrink: 'remove' stores no
    channel that is removed everywhere. equalize: 'ranges' puts layers in a row on a common scale before all else.
    rest: in which numbers parameters that are no layer's weight are stored, such as biases.
    model: name and sha256 of the model it was made for. recovered: the training that made it good, where there was one;
    its `images` of the data, shuffled by its `seed`, were learned from.
    """

    default: Settings = Settings()
    layers: Mapping[str, Mapping[str, Value]] = field(default_factory=dict)
    batchnorm: str = "keep"
    bias: str = "keep"
    shrink: str = "keep"
    equalize: str = "keep"
    rest: str = "keep"
    model: Mapping[str, str] = field(default_factory=dict)
    recovered: Mapping[str, Value] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, value in self.recovered.items():
            if name not in RECOVERED or not (isinstance(value, str) or _number(value)):
                raise ValueError(
                    f"recovered has {_shown(name)}: {_shown(value)}, expected numbers and texts, {', '.join(RECOVERED)}"
                )
            if name in ("images", "seed") and not (_whole(value) and 0 <= value < 2**31):
                raise ValueError(f"recovered has {name!r}: {_shown(value)}, expected a whole number from 0")
        for name, known in BESIDE.items():
            if getattr(self, name) not in known:
                raise ValueError(f"{name} is {_shown(getattr(self, name))}, expected one of {', '.join(known)}")
        for name in self.layers:
            self.settings(name)

    def settings(self, layer: str) -> Settings:
        """The Settings of one layer: its overrides on top of the default."""
        changes = self.layers.get(layer, {})
        try:
            return merged(self.default, changes)
        except ValueError as error:
            raise ValueError(f"layer {_shown(layer)}: {error}") from None


def merged(settings: Settings, changes: Mapping[str, Value]) -> Settings:
    """`settings` with `changes`; a sparsity displaces a threshold and the other way round."""
    unknown = [name for name in changes if name not in FIELDS]
    if unknown:
        raise ValueError(f"unknown key {_shown(unknown[0])}, expected one of {', '.join(FIELDS)}")
    displaced: dict[str, Value] = {}
    if changes.get("threshold") is not None and "sparsity" not in changes:
        displaced["sparsity"] = 0.0
    if "sparsity" in changes and "threshold" not in changes:
        displaced["threshold"] = None
    return replace(settings, **displaced, **changes)


def with_change(recipe: Recipe, layer: str | None, changes: Mapping[str, Value]) -> Recipe:
    """The recipe with `changes` made to one layer, or to the default where layer is None.

    The layer's override then holds what differs from the default, and goes where nothing does.
    """
    if layer is None:
        return replace(recipe, default=merged(recipe.default, changes))
    differs = differing(recipe.default, merged(recipe.settings(layer), changes))
    others = without_override(recipe, layer).layers
    return replace(recipe, layers={**others, layer: differs} if differs else others)


def without_override(recipe: Recipe, layer: str) -> Recipe:
    """The recipe in which `layer` follows the default again."""
    return replace(recipe, layers={name: o for name, o in recipe.layers.items() if name != layer})


def differing(default: Settings, wanted: Settings) -> dict[str, Value]:
    """The fields of `wanted` that `default` has otherwise: an override of a layer."""
    base = asdict(default)
    differs = {key: value for key, value in asdict(wanted).items() if value != base[key]}
    if "sparsity" in differs and "threshold" in differs:
        differs.pop("sparsity" if wanted.threshold is not None else "threshold")
    return differs


def to_json(recipe: Recipe, *, indent: int | None = 1) -> str:
    """The recipe as a JSON text that `from_json` reads back equal."""
    document = {"format": FORMAT}
    if recipe.model:
        document["model"] = dict(recipe.model)
    document["default"] = differing(Settings(), recipe.default)
    document["layers"] = {name: dict(override) for name, override in recipe.layers.items()}
    document["batchnorm"] = recipe.batchnorm
    document |= {name: value for name in BESIDE if (value := getattr(recipe, name)) != "keep"}
    if recipe.recovered:
        document["recovered"] = dict(recipe.recovered)
    separators = None if indent else (",", ":")
    return json.dumps(document, indent=indent, separators=separators, allow_nan=False)


def from_json(text: str) -> Recipe:
    """The recipe of a JSON text; ValueError names what it does not know or cannot be."""
    document = _object(parsed(text, "recipe", "a file written by 'plan' or the dashboard"), "the recipe")
    if document.get("format") != FORMAT:
        raise ValueError(f"recipe: format is {_shown(document.get('format'))}, expected {FORMAT!r}")
    known = ("format", "model", "default", "layers", "recovered", *BESIDE)
    for key in document:
        if key not in known:
            raise ValueError(f"recipe: unknown key {_shown(key)}, expected one of {', '.join(known)}")
    layers = _object(document.get("layers", {}), "layers")
    model = _object(document.get("model", {}), "model")
    for key, value in model.items():
        if key not in ("name", "sha256") or not isinstance(value, str):
            raise ValueError(
                f"recipe: model has {_shown(key)}: {_shown(value)}, expected the texts 'name' and 'sha256'"
            )
    default = _object(document.get("default", {}), "default")
    overrides = {name: _object(layers[name], f"layer '{name}'") for name in layers}
    recovered = _object(document.get("recovered", {}), "recovered")
    try:
        afterwards = {key: document[key] for key in BESIDE if key in document}
        return Recipe(merged(Settings(), default), overrides, model=model, recovered=recovered, **afterwards)
    except (ValueError, TypeError) as error:
        raise ValueError(f"recipe: {error}") from None


def parsed(text: str, what: str, expected: str) -> object:
    """What a JSON text says; ValueError that calls it `what` where it is none or says a thing twice."""
    try:
        return json.loads(text, object_pairs_hook=_once, parse_int=_digits)
    except (json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"{what}: not JSON ({error}), expected {expected}") from None
    except ValueError as error:
        raise ValueError(f"{what}: {error}") from None


def _digits(text: str) -> int:
    if len(text) > LONGEST:
        raise ValueError(f"{text[:LONGEST]}… has {len(text)} characters, expected {LONGEST} at most")
    return int(text)


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    keys = [key for key, _ in pairs]
    if len(set(keys)) < len(keys):
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"{_shown(twice)} stands twice in one object, keep one of them")
    return dict(pairs)


def _object(value: object, what: str) -> dict[str, Value]:
    if not isinstance(value, dict):
        raise ValueError(f"recipe: {what} is {_shown(value)}, expected an object in braces")
    return value
