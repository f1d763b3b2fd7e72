"""Pictures of what is inside a model: a layer's weights, filters, codes and channels, before and after."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from core import compress, report
from core.layer import Layer
from core.lessons import called
from core.lessons import pictures as arrays
from dashboard import figures, words
from dashboard.lessons import scenes
from dashboard.lessons.answers import EXAMPLE
from dashboard.lessons.scenes import Scene
from dashboard.live import canvas, chart, tiles
from dashboard.live.board import Part
from dashboard.live.tiles import COMPRESSED, DENSE, GONE, REMOVED, Tile

SIZE = {"height": "300px", "phone": "280px"}


def _matrix(scene: Scene) -> Part:
    layer = scene.layer
    found, row = arrays.plane(layer, scene.encoded(layer)), report.layer_row(layer, scene.encoded(layer), None)
    dense, compressed = _planes(layer, found)
    key = scenes.key(dense.span, bool(found.removed.any()))
    title = _stored_title(scene, layer, row)
    frame = tiles.Frame(title, scenes.choice(found.part), key, version=scene.version)
    return tiles.part((dense, compressed), frame)


def _stored_title(scene: Scene, layer: Layer, row: report.Row) -> str:
    """What became of a layer: a lower rank before fewer weights, fewer weights before fewer values."""
    if row["rank"] < row["full_rank"]:
        return f"{called(layer.name)} as a product of rank {row['rank']}"
    values = len(report.levels(scene.encoded(layer)))
    if row["removed"] or not values:
        return words.histogram_title(called(layer.name), row)
    where = "" if scene.recipe.settings(layer.name).group == "tensor" else " in its row"
    return f"Every weight of {called(layer.name)} stays, as one of {values} values{where}"


def _planes(layer: Layer, found: arrays.Plane) -> tuple[Tile, Tile]:
    """A layer's matrix before and after."""
    rows, columns = scenes.names(layer, found.part)
    where = f"{{row}}, {{column}} of {called(layer.name)}"
    dense = Tile("dense", found.before, scenes.even_span(found.before), rows, columns, f"{where}: {{value}}.")
    told = f"{where}: {{value}}; before it was {{was}}."
    after = replace(dense, name="compressed", values=found.after, says=told, tone=COMPRESSED, was=found.before)
    return dense, replace(after, gone=found.removed, gone_says=f"{where} is removed; before it was {{was}}.")


def _filters(scene: Scene) -> Part:
    layer = scene.convolution
    found = arrays.filters(layer, scene.encoded(layer))
    one_input = layer.weight.shape[1] == 1
    pairs = [_filter(found, n, one_input) for n in range(len(found.filters))]
    shown = [tile for side in zip(*pairs, strict=True) for tile in side]
    gone, side = found.removed.mean(), " x ".join(map(str, found.before.shape[1:]))
    title = (
        f"{words.percent(gone)} of these filter weights are removed" if gone else "Every weight of these filters stays"
    )
    below = "below each: which filter" + ("" if one_input else ", and which input it looks at")
    note = f"{side} filters of {called(layer.name)}, {scenes.some(len(pairs), found.total)}; {below}"
    key = scenes.key(shown[0].span, bool(gone))
    return tiles.part(shown, tiles.Frame(title, note, key, "42px", 13, version=scene.version))


def _filter(found: arrays.Filters, n: int, one_input: bool) -> tuple[Tile, Tile]:
    """A filter before and after."""
    number, source = found.filters[n], found.inputs[n]
    name = f"{number}" if one_input else f"{number}, {source}"
    where = f"{{row}}, {{column}} of filter {number}" + ("" if one_input else f" for input {source}")
    rows, columns = scenes.sides(found.before.shape[1:])
    span = scenes.even_span(found.before)
    dense = Tile(name, found.before[n], span, rows, columns, f"{where}: {{value}}.", group="dense")
    told = f"{where}: {{value}}; before it was {{was}}."
    after = replace(dense, values=found.after[n], says=told, tone=COMPRESSED, was=found.before[n], group="compressed")
    return dense, replace(after, gone=found.removed[n], gone_says=f"{where} is removed; before it was {{was}}.")


def _codes(scene: Scene) -> Part:
    layer = scene.layer
    found = arrays.codes(layer, scene.encoded(layer))
    rows, columns = scenes.names(layer, found.part) if found.which == "weights" else scenes.plain_names(found.part)
    what = called(layer.name) if found.which == "weights" else f"the {found.which} factor of {called(layer.name)}"
    where = f"{{row}}, {{column}} of {what}"
    told = f"{where} is stored as code {{value}}, which stands for {{was}}."
    span = (0.0, found.count - 1.0)
    shown = Tile("codes", found.codes, span, rows, columns, told, COMPRESSED, was=found.values, written=True)
    shown = replace(shown, gone=found.removed, gone_says=f"{where} is removed: it needs no code.")
    key = [(COMPRESSED, f"code 0 to {found.count - 1}"), *([(GONE, "removed")] if found.removed.any() else [])]
    title = f"The weights of {what} are stored as codes 0 to {found.count - 1}"
    return tiles.part(
        [shown], tiles.Frame(title, scenes.choice(found.part), tuple(key), "360px", version=scene.version)
    )


def _codebook(scene: Scene) -> Part:
    layer, encoded = scene.layer, scene.encoded(scene.layer)
    scenes.require_finite(layer)
    settings, levels = scene.recipe.settings(layer.name), report.levels(encoded)
    values = compress.matrices(layer, settings, scene.studio.study.at(layer.name))
    held = compress.Held(layer, settings, values, encoded)
    table, lines = report.histogram(held, report.bin_edges(layer, None)), report.thresholds(held)
    whose = "all" if settings.group == "tensor" else "a row of"
    numbers = "weights" if len(values) == 1 else "numbers of a factor"
    what = f"{whose} {numbers} of {called(layer.name)}"
    title = f"{len(levels)} values stand for {what}"
    title = title if len(levels) else words.histogram_title(called(layer.name), report.layer_row(layer, encoded, None))
    note = "bars: how many weights" + ("; ticks below: values of the codebook" if len(levels) else "")
    figure = figures.histogram(table, lines, levels, layer.name)
    note += "; dashed: the cut" if lines else ""
    return chart.part(figure, chart.Card(title, note, version=scene.version, **SIZE))


def _reconstruction(scene: Scene) -> Part:
    layer, encoded = scene.layer, scene.encoded(scene.layer)
    scenes.require_finite(layer)
    found, row = arrays.plane(layer, encoded), report.layer_row(layer, encoded, None)
    dense, compressed = _planes(layer, found)
    lost = replace(dense, name="what is lost", values=found.before - found.after, tone=REMOVED)
    lost = replace(lost, says=f"{{row}}, {{column}} of {called(layer.name)} is off by {{value}}.")
    what = f"Rank {row['rank']} of {row['full_rank']}" if row["rank"] < row["full_rank"] else "What is stored"
    title = f"{what} loses {words.percent(found.lost)} of the energy of {called(layer.name)}"
    note = f"energy: the sum of the squared weights; {scenes.choice(found.part)}"
    key = (*scenes.key(dense.span, bool(found.removed.any())), (REMOVED, "what is lost, the same scale"))
    return tiles.part((dense, compressed, lost), tiles.Frame(title, note, key, "96px", version=scene.version))


def _activations(scene: Scene) -> Part:
    layer = scene.convolution
    place = canvas.image(EXAMPLE, len(scene.studio.study.bench.targets))
    found = scene.asked(arrays.maps, layer, place)
    shown = [_map(found, n, side) for side in (DENSE, COMPRESSED) for n in range(len(found.channels))]
    gone = found.removed_of
    title = f"{gone} of the {found.total} channels of {called(layer.name)} {'is' if gone == 1 else 'are'} removed"
    some = scenes.some(len(found.channels), found.total)
    note = f"channels of {called(layer.name)}, {some}, for image {words.count(place + 1)}; dark: little, light: much"
    key = [(DENSE, "dense"), (COMPRESSED, "compressed")]
    key += [(GONE, "removed: the same everywhere")] if gone else []
    frame = tiles.Frame(title, note, tuple(key), "68px", 4, version=f"{scene.version} {place}")
    return tiles.part(shown, frame)


def _map(found: arrays.Maps, n: int, side: str) -> Tile:
    """What a channel gives, in the dense or the compressed model."""
    dense, number = found.dense[n], found.channels[n]
    where = f"{{row}}, {{column}} of channel {number}: {{value}}"
    span = (float(np.nan_to_num(dense).min()), float(np.nan_to_num(dense).max()))
    tile = Tile(f"{number}", dense, span, *scenes.sides(dense.shape), f"{where}.", group=side)
    if side == DENSE:
        return tile
    lost = bool(found.removed[n])
    name = f"{number}, removed" if lost else f"{number}"
    told = f"{where}, in the dense model {{was}}."
    return replace(tile, name=name, values=found.compressed[n], says=told, tone=side, was=dense, lost=lost)


INSIDES: dict[str, Callable[[Scene], Part]] = {
    "matrix": _matrix,
    "filters": _filters,
    "codes": _codes,
    "codebook": _codebook,
    "reconstruction": _reconstruction,
    "activations": _activations,
}
