"""The table of every Setting of every layer: what its cells say, and what typing over them does to the recipe."""

from collections.abc import Mapping
from dataclasses import asdict, replace

import streamlit as st

from core import compress
from core.coding import WIDTHS
from core.layer import Layer
from core.live import Look, Studio
from core.recipe import Recipe, Settings, Value, with_change
from dashboard import controls, state, words
from dashboard.fields import FIELDS, FIGURES, OFF
from dashboard.live.grid import Column, Deed, Line
from dashboard.state import BELOW, EACH, POOLED, Position

ALL = ""
Drafts = dict[tuple[str, str], str]  # (layer, field) -> what was typed there and cannot be


def drafts() -> Drafts:
    """What was typed and cannot be, kept until it is mended."""
    return st.session_state.setdefault("drafts", {})


def columns() -> list[Column]:
    """The columns of the table: three figures of each layer, then its Settings."""
    typed = [Column(name, each.label, each.hint, each.group, *_kind(each.options)) for name, each in FIELDS.items()]
    return [*(Column(name, label, hint, "The layer", "figure") for name, (label, hint) in FIGURES.items()), *typed]


def _kind(options: Mapping[str, str] | None) -> tuple[str, tuple[tuple[str, str], ...]]:
    return ("text", ()) if options is None else ("select", tuple(options.items()))


def lines(layers: tuple[Layer, ...], position: Position, looked: Look) -> list[Line]:
    """A row for all layers together, then one a layer."""
    recipe, whole = position.recipe, sum(row["weights"] for row in looked.rows)
    rows = {row["layer"]: row for row in looked.rows}
    made = [_line(ALL, "All layers", recipe, ("", "", ""))]
    for layer in layers:
        row = rows[layer.name]
        stored = " ".join(words.size(row["bytes"]))
        figures = (words.percent(row["weights"] / whole), stored, f"{row['entropy_bits_per_weight']:.2f}")
        made.append(_line(layer.name, layer.name, recipe, figures))
    return made


def _line(name: str, label: str, recipe: Recipe, figures: tuple[str, ...]) -> Line:
    settings, above = recipe.settings(name), _above(recipe, name)
    wrong = {field: text for (layer, field), text in drafts().items() if layer == name}
    cells = [wrong.get(field, each.show(settings)) for field, each in FIELDS.items()]
    own = [getattr(settings, field) != getattr(above, field) for field in FIELDS]
    widths = tuple((str(bits), str(bits)) for bits in WIDTHS[settings.coder])
    none = (False,) * len(figures)
    held = tuple(field in wrong for field in FIELDS)
    return Line(name, label, (*figures, *cells), (*none, *own), (*none, *held), {"bits": (*widths, OFF)})


def _above(recipe: Recipe, name: str) -> Settings:
    """What a row takes over where it says nothing of its own."""
    return recipe.default if name else Settings()


def carry_out(studio: Studio, deeds: list[Deed]) -> str:
    """Do what was done in the table, in order; a sentence about the last deed, '' where none says anything."""
    known, said = {layer.name for layer in studio.study.known}, ""
    for deed in deeds:
        if deed.layer == ALL or deed.layer in known:
            said = DEEDS[deed.what](studio, deed)
    return said


def _choose(studio: Studio, deed: Deed) -> str:
    state.choose_layer(deed.layer)
    return ""


def _copy(studio: Studio, deed: Deed) -> str:
    here = state.position()
    names = [layer.name for layer in studio.study.known if layer.name in deed.targets and layer.name != deed.layer]
    recipe, fields = here.recipe, asdict(here.recipe.settings(deed.layer))
    for name in names:
        recipe = with_change(recipe, name, fields)
    state.settle(standing(here, recipe))
    for key in [key for key in drafts() if key[0] in names]:
        drafts().pop(key)
    many = f"{len(names)} layers now have" if len(names) != 1 else f"{names[0]} now has"
    return f"{many} the settings of {deed.layer}." if names else ""


def _edit(studio: Studio, deed: Deed) -> str:
    if deed.field not in FIELDS:
        return ""
    here = state.position()
    try:
        recipe = _edited(studio, here, deed)
        compress.check(recipe, studio.study.known)
    except ValueError as error:
        drafts()[deed.layer, deed.field] = deed.text
        return f"{error}."
    drafts().pop((deed.layer, deed.field), None)
    state.settle(standing(here, recipe))
    return ""


def _edited(studio: Studio, here: Position, deed: Deed) -> Recipe:
    settings, above = here.recipe.settings(deed.layer), _above(here.recipe, deed.layer)
    text = deed.text.strip()
    if text:
        changes = _read(text, deed, settings)
    else:
        names = EITHER if deed.field in EITHER else (deed.field,)
        changes = {name: getattr(above, name) for name in names}
    there = standing(replace(here, layer=deed.layer), here.recipe)
    if changes.get("criterion", "magnitude") != "magnitude" and settings.threshold is not None:
        there = replace(there, recipe=controls.in_mode(studio, there, EACH), mode=EACH)
    return controls.changed(there, changes)


def _read(text: str, deed: Deed, settings: Settings) -> dict[str, Value]:
    each = FIELDS[deed.field]
    try:
        if each.options is not None and text not in each.options:
            raise ValueError(text)
        return each.read(text, settings)
    except ValueError:
        whose = f"{deed.layer or 'All layers'}: {each.group} {each.label}"
        raise ValueError(f"{whose} is '{text}', expected {each.expected}") from None


def standing(here: Position, recipe: Recipe) -> Position:
    """The position with another recipe, its Prune slider counting in what the recipe says."""
    cut = recipe.settings(here.layer).threshold is not None
    pooled = here.mode == POOLED and not here.layer
    return replace(here, recipe=recipe, mode=(POOLED if pooled else BELOW) if cut else EACH)


EITHER = ("sparsity", "threshold")  # each displaces the other
DEEDS = {"edit": _edit, "copy": _copy, "choose": _choose}
