"""What a training has come to, as parts of the Recover page: the two figures, the bar, the curves, the words."""

from core.live import Studio
from core.recipe import Recipe
from core.training import WAYS, planned
from dashboard import curves, findings, gains, state, trainings, words
from dashboard.live import chart, progress, readout, sheet, tiles
from dashboard.live.board import Part
from dashboard.live.row import Item
from dashboard.live.tiles import Tile
from dashboard.trainings import HOW, STUDENT, TRANSFER, Example, Found, Training

CARD = {"height": "calc((100vh - 52px - 3 * 16px) / 2)", "phone": "280px"}
UNKNOWN = "–"
PLANNED = {"share": "weights removed (%)", "rate": "learning rate (%)"}


def figures(studio: Studio, training: Training | None, found: Found) -> Part:
    """The two large figures: the result once it is measured, else the best look so far."""
    if training is not None and training.wish.how == TRANSFER:
        return _of_ways(studio, training, found)
    shown, best = found.finished, found.best
    value, unit = words.size(shown.sizes[0]) if shown else (UNKNOWN, "kB")
    size, dense_unit = words.size(studio.dense_bytes)
    accuracy = shown.figures.accuracy if shown else best.accuracy if best else None
    images = 0 if found.opened is None else found.opened.measured if shown else found.opened.held
    return readout.part(
        readout.Readout(
            accuracy=UNKNOWN if accuracy is None else f"{100 * accuracy:.1f}",
            interval=words.interval(shown.figures) if shown else "held out, to choose by" if best else "",
            drop=_change(found) if best else "nothing learned yet",
            images=images,
            images_all=images,
            file=value,
            file_unit=unit,
            ratio=words.ratio(shown.sizes[1], shown.sizes[0]) if shown else "",
            removed=f"{words.percent(best.sparsity)} removed" if best else "",
            dense=f"dense {size} {dense_unit}",
            version=_version(training, found),
        )
    )


def _of_ways(studio: Studio, training: Training, found: Found) -> Part:
    """The same of the best way to another task so far."""
    best = max(found.ways, key=lambda way: way.accuracy, default=None)
    value, unit = words.size(best.bytes) if best else (UNKNOWN, "kB")
    images, (size, dense_unit) = best.images if best else 0, words.size(studio.dense_bytes)
    return readout.part(
        readout.Readout(
            accuracy=f"{100 * best.accuracy:.1f}" if best else UNKNOWN,
            interval="",
            drop=best.name if best else "no way has ended",
            images=images,
            images_all=images,
            file=value,
            file_unit=unit,
            ratio=words.ratio(studio.dense_bytes, best.bytes) if best else "",
            removed=f"{words.percent(best.sparsity)} removed" if best else "",
            dense=f"dense {size} {dense_unit}",
            version=_version(training, found),
        )
    )


def _change(found: Found) -> str:
    if found.finished:
        return words.drop(found.finished.figures, unchanged=False)
    return f"{words.signed(100 * (found.best.accuracy - found.opened.dense))} points, the best look"


def _version(training: Training | None, found: Found) -> str:
    return f"{len(found.steps)} {found.finished is not None} {id(training)} {trainings.wish()}"


def bar(training: Training | None, found: Found) -> Part:
    """How far the training is."""
    if training is None:
        return progress.part(progress.Progress("training", 0.0, gains.NOTHING))
    job, last = training.job, found.steps[-1] if found.steps else None
    if not job.running:
        why = f"It ended early: {job.trouble[0]}" if job.trouble else gains.unkept(found.finished, found.ways)
        trouble = f"{why.rstrip('.')}." if why else ""
        return progress.part(progress.Progress("training", 1.0 if last else 0.0, "Ended", trouble=trouble))
    if training.wish.how == TRANSFER and last:
        way = list(WAYS)[min(len(found.ways), len(WAYS) - 1)]
        number = f"way {min(len(found.ways) + 1, len(WAYS))} of {len(WAYS)}"
        share = len(found.ways) / len(WAYS)
        return progress.part(progress.Progress("training", share, f"{way}: {gains.doing(last)}", number))
    if last is None:
        return progress.part(progress.Progress("training", 0.0, "The model and its images are read"))
    if training.enough.is_set() or last.share == 1:
        return progress.part(progress.Progress("training", last.share, "The best is measured on the other images"))
    left = "paused" if job.paused else findings.left(last.left)
    return progress.part(progress.Progress("training", last.share, gains.doing(last), left))


def notes(training: Training | None, found: Found) -> dict[str, tuple[Item, ...]]:
    """What is trained, and what came of it."""
    recipe = training.recipe if training else trainings.recipe_of(trainings.wish(), state.position())
    wished = training.wish if training else trainings.wish()
    idle = recipe == Recipe() and wished.how != STUDENT
    said = gains.IDLE if idle else gains.about(recipe, found.opened)
    others = words.going_on("training", trainings.elsewhere(state.position()))
    told = f"{gains.told(found.finished) if found.finished else ''} {others}".strip()
    return {"about": (Item("note", "about", said),), "told": (Item("note", "told", told),)}


def plots(studio: Studio, training: Training | None, found: Found) -> dict[str, Part]:
    """The curves, or what is planned before there are any; where the dense model teaches, its softened answers too."""
    if training is None:
        return _planned(studio)
    if training.wish.how == TRANSFER:
        title, note = gains.ways_title(found.ways, len(WAYS)), gains.ways_note(found.ways, training.wish.task)
        return {"ways": sheet.part([*map(gains.way_cells, found.ways)], sheet.Frame(title, note, gains.WAYS_HEAD))}
    steps, version = found.steps, _version(training, found)
    taught = training.options.alpha == 0
    levels = (("dense", 100 * found.opened.dense), ("before", 100 * found.opened.before)) if found.opened else ()
    said = {
        "accuracy": (gains.accuracy_title(steps, found.opened, taught), gains.accuracy_note(found.opened)),
        "loss": (gains.loss_title(steps), gains.OF_LOSS),
        "sparsity": (gains.sparsity_title(steps), gains.OF_SPARSITY),
        "entropy": (gains.entropy_title(steps), gains.OF_ENTROPY),
    }
    made = {
        f"curve-{each.field}": chart.part(
            curves.curve(steps, each, levels if each is curves.ACCURACY else ()),
            chart.Card(*said[each.field], **CARD, version=version),
        )
        for each in curves.CURVES
    }
    if "temperature" in HOW[trainings.wish().how].fields:
        made["curve-sparsity"] = _softened(trainings.example(studio, trainings.wish()), version)
    return made


def _planned(studio: Studio) -> dict[str, Part]:
    """What the next training is to do."""
    wished, here = trainings.wish(), state.position()
    recipe, options = trainings.recipe_of(wished, here), trainings.options_of(wished)
    steps, sparsity = planned(recipe, options), trainings.sparsity(studio, recipe)
    titles, version = gains.plan_titles(steps, sparsity), f"{wished}"
    made = {
        f"plan-{field}": chart.part(
            curves.plan(steps, field, axis, sparsity if field == "share" else 1.0),
            chart.Card(titles[field], gains.OF_PLAN[field], **CARD, version=version),
        )
        for field, axis in PLANNED.items()
    }
    if "temperature" not in HOW[wished.how].fields:
        return made
    shown = trainings.example(studio, wished)
    drawn = {} if shown.pixels is None else {"picture": _picture(shown, version)}
    return made | {"softened": _softened(shown, version)} | drawn


def _picture(shown: Example, version: str) -> Part:
    rows, columns = ([str(number + 1) for number in range(side)] for side in shown.pixels.shape)
    says = "row {row}, column {column}: {value} of 255"
    tile = Tile("", shown.pixels, (0, 255), rows, columns, says, about=f"An image of a {shown.label}")
    title = f"The example is labelled {shown.label}"
    return tiles.part(
        (tile,), tiles.Frame(title, "the image whose softened answers are shown", cell=9, version=version)
    )


def _softened(shown: Example, version: str) -> Part:
    wished = trainings.wish()
    figure = curves.softened(shown.plain, shown.softened, shown.target)
    title = gains.softened_title(shown.label, shown.softened, wished.temperature)
    return chart.part(figure, chart.Card(title, gains.softened_note(wished.alpha), **CARD, version=version))
