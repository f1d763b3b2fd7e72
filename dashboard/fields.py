"""Every Setting as a column of the table of layers: its words, and the changes that a text in it makes."""

import math
import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from core.recipe import BITS, UNCODED, Settings, Value
from dashboard import controls

FULL = ("full", "off")
NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)(e[+-]?\d+)?")


class Field(NamedTuple):
    """One Setting in the table. show: its text. read: the changes that a text makes; ValueError where it is none.

    expected: what a text must be. options: value and text of each choice, none where a number is typed.
    """

    label: str
    hint: str
    group: str
    show: Callable[[Settings], str]
    read: Callable[[str, Settings], dict[str, Value]]
    expected: str
    options: Mapping[str, str] | None = None


def _number(text: str) -> float:
    bare = text.removesuffix("%").strip().replace(",", ".")
    if not NUMBER.fullmatch(bare) or not math.isfinite(float(bare)):
        raise ValueError(text)
    return float(bare)


def _sparsity(text: str, settings: Settings) -> dict[str, Value]:
    share = _number(text) / 100
    if not 0 <= share <= controls.MOST / 100:
        raise ValueError(text)
    return {"sparsity": round(share, 6)}


def _threshold(text: str, settings: Settings) -> dict[str, Value]:
    value = _number(text)
    Settings(threshold=value)
    return {"threshold": value or None, "sparsity": 0.0}


def _steps(text: str, settings: Settings) -> dict[str, Value]:
    return {"steps": Settings(steps=int(text)).steps}


def _bits(text: str, settings: Settings) -> dict[str, Value]:
    return {"bits": int(text)}


def _rank(text: str, settings: Settings) -> dict[str, Value]:
    error = settings.rank_by == "error"
    value = (0.0 if error else 100.0) if text.lower() in FULL else _number(text)
    return {"rank": Settings(rank=(value / 100) or (controls.NO_ERROR if error else 0.0)).rank}


def _rank_by(text: str, settings: Settings) -> dict[str, Value]:
    return {"rank_by": text, "rank": controls.NO_ERROR if text == "error" else 1.0}


def _inputs(text: str, settings: Settings) -> dict[str, Value]:
    return {"inputs_bits": int(text)}


def _rank_text(settings: Settings) -> str:
    off = controls.NO_ERROR if settings.rank_by == "error" else 1.0
    return "full" if settings.rank == off else f"{100 * settings.rank:.4g}"


def _choice(name: str, label: str, hint: str, group: str, options: Mapping[str, str]) -> tuple[str, Field]:
    return name, Field(
        label,
        hint,
        group,
        lambda settings: str(getattr(settings, name)),
        lambda text, settings: {name: text},
        f"one of {', '.join(options)}",
        options,
    )


OFF = (str(UNCODED), "off")
WIDE = {str(bits): str(bits) for bits in BITS[:-1]} | dict([OFF])
INPUTS = {value: text.removeprefix("inputs: ").removesuffix(" bits") for value, text in controls.INPUTS_NAMES.items()}
SHORT_SCALES = {name: name.replace("_", " ") for name in controls.SCALE_NAMES}
SHORT_RANKS = {"fraction": "full rank", "energy": "energy", "error": "error"}
SHORT_REFITS = {"none": "none", "outputs": "outputs", "loss": "loss"}
SHORT_GROUPS = {name: text.removeprefix("per ") for name, text in controls.GROUPS.items()}
FIGURES = {
    "share": ("share", "of all weights that can be compressed"),
    "bytes": ("stored", "what the layer takes in the file"),
    "entropy": ("entropy", "bits a weight, the bound below which no code of these values can go"),
}
FIELDS: dict[str, Field] = dict(
    [
        (
            "sparsity",
            Field(
                "%",
                "sparsity: per cent of the weights removed",
                "Prune",
                lambda s: "" if s.threshold is not None else f"{100 * s.sparsity:.6g}",
                _sparsity,
                f"per cent from 0 to {controls.MOST}",
            ),
        ),
        (
            "threshold",
            Field(
                "or below",
                "threshold: what scores below it is removed, instead of a share",
                "Prune",
                lambda s: "" if s.threshold is None else f"{s.threshold:.6g}",
                _threshold,
                "a number of 0 or more",
            ),
        ),
        _choice("criterion", "by", "criterion: what is least important", "Prune", controls.CRITERION_NAMES),
        _choice("pattern", "what", "pattern: what goes together", "Prune", controls.PATTERN_NAMES),
        (
            "steps",
            Field(
                "steps",
                "in how many steps it goes, each scored anew",
                "Prune",
                lambda s: f"{s.steps}",
                _steps,
                "a whole number from 1 to 100",
            ),
        ),
        (
            "bits",
            Field(
                "bits",
                "bits a weight that stays",
                "Bits",
                lambda s: str(s.bits),
                _bits,
                "1 to 8, 16 or 32 for off",
                WIDE,
            ),
        ),
        _choice("coder", "code", "coder: how codes are made", "Bits", controls.CODER_NAMES),
        _choice("group", "scale per", "group: weights that share a scale", "Bits", SHORT_GROUPS),
        _choice("scale", "range", "scale: what an even grid spans", "Bits", SHORT_SCALES),
        (
            "rank",
            Field(
                "%",
                "rank kept, energy kept or error allowed, in per cent",
                "Rank",
                _rank_text,
                _rank,
                "per cent above 0, up to 100, or 'full'",
            ),
        ),
        _choice("rank_by", "of", "what the per cent are of", "Rank", SHORT_RANKS),
        _choice("factorizer", "by", "factorizer: how a matrix is factored", "Rank", controls.FACTORIZER_NAMES),
        _choice("compensate", "refit", "what makes good the loss", "Then", SHORT_REFITS),
        (
            "inputs_bits",
            Field(
                "inputs",
                "bits that the layer's inputs are rounded to",
                "Then",
                lambda s: str(s.inputs_bits),
                _inputs,
                "2 to 8, 16 or 32",
                INPUTS,
            ),
        ),
    ]
)
FIELDS["rank_by"] = FIELDS["rank_by"]._replace(read=_rank_by)
