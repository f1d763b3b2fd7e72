"""The rows of small controls of the Explore page, and what each choice does."""

from dataclasses import replace

from core import jobs, report
from core.jobs import Job
from core.live import Look, Studio
from core.recipe import BESIDE, Recipe, without_override
from dashboard import controls, keeping, offers, state
from dashboard.live.board import Part
from dashboard.live.row import Item, Picked, first, part
from dashboard.state import Position

FEW = 5  # layers that fit side by side
ALL = ""


def of(studio: Studio, position: Position) -> dict[str, tuple[Item, ...]]:
    """Row name -> its controls at a position."""
    subject = position.layer or "all"
    own = position.layer in position.recipe.layers if position.layer else position.recipe != Recipe()
    return {
        "model": models(position),
        "layer": (_layer_item(studio, position),),
        **_of_settings(position),
        "beside": tuple(_beside_item(name, position) for name in ("bias", "batchnorm", "shrink")),
        "plot": (
            _beside_item("equalize", position),
            _beside_item("rest", position),
            select("plot", "What the lower left plot shows", controls.PLOT_NAMES, position.plot),
        ),
        "foot": (
            Item("button", "undo", "Undo", disabled=not state.can_undo()),
            Item("button", "reset", f"Reset {subject}", disabled=not own),
            Item("button", "keep", keeping.KEEP),
            Item("button", "export", "Export…", main=True),
        ),
    }


def _of_settings(position: Position) -> dict[str, tuple[Item, ...]]:
    """The rows that belong to a slider, and what makes good its loss."""
    settings = controls.settings_of(position)
    return {
        "mode": (
            select("mode", "Prune by", controls.modes(position), position.mode),
            select("criterion", "What is least important", controls.CRITERION_NAMES, settings.criterion),
            select("pattern", "What goes together", controls.PATTERN_NAMES, settings.pattern),
        ),
        "coder": (
            select("coder", "How codes are made", controls.CODER_NAMES, settings.coder),
            select("group", "Weights that share a scale", controls.GROUPS, settings.group),
            select("scale", "What range an even grid spans", controls.SCALE_NAMES, settings.scale),
        ),
        "factorizer": (
            select("factorizer", "How a matrix is factored", controls.FACTORIZER_NAMES, settings.factorizer),
            select("rank_by", "What the Rank slider sets", controls.RANK_NAMES, settings.rank_by),
        ),
        "good": (
            select("compensate", "What makes good the loss", controls.COMPENSATION_NAMES, settings.compensate),
            select("steps", "In how many steps weights go", controls.STEPS_NAMES, str(settings.steps)),
            select("inputs_bits", "What layers take in", controls.INPUTS_NAMES, str(settings.inputs_bits)),
        ),
    }


def models(position: Position) -> tuple[Item, ...]:
    """What is measured, and on which images."""
    return (
        select("model", "Model", offers.model_words(), position.model),
        select("data", "Images it is measured on", offers.data_words(), position.data),
    )


def _beside_item(name: str, position: Position) -> Item:
    return select(name, BESIDE_LABELS[name], controls.BESIDE_NAMES[name], getattr(position.recipe, name))


def _layer_item(studio: Studio, position: Position) -> Item:
    """What the sliders act on; a dot marks a layer that has settings of its own."""
    names = [layer.name for layer in studio.study.known]
    own = position.recipe.layers
    few = len(names) <= FEW
    options = [(ALL, "All" if few else _all_words(own)), *((n, f"{n} •" if n in own else n) for n in names)]
    return Item("segments" if few else "select", "layer", "What the sliders act on", tuple(options), position.layer)


def _all_words(own: dict) -> str:
    return f"All layers, {len(own)} of them with settings of their own •" if own else "All layers"


def select(name: str, label: str, options: dict[str, str], value: str) -> Item:
    """A choice; a value that none of the options has is one more."""
    known = options if value in options else {value: value, **options}
    return Item("select", name, label, tuple(known.items()), value)


def hold(paused: bool, ending: bool) -> Item:
    """The button that lets a job wait or go on: each has a name, so that a press in a second tab never undoes one."""
    return Item("button", "go" if paused else "hold", "Go on" if paused else "Pause", disabled=ending, main=True)


def late(name: str, job: Job | None) -> tuple[Item, ...]:
    """A button that a tab still shows where another one has been faster: to start, while the job runs."""
    return (Item("button", "start", ""),) if name == "run" and job is not None and job.running else ()


def parts(studio: Studio, position: Position, looked: Look) -> dict[str, Part]:
    """The rows for the board, with what is to be said of the methods at work."""
    rows = of(studio, position) | {"note": (Item("note", "note", said(position, looked)),)}
    return {name: part(name, items) for name, items in rows.items()}


def foot(studio: Studio, position: Position, looked: Look) -> Part:
    """The last row, once the look is measured: a run can be kept that all images were measured on."""
    kept = keeping.button(position, looked)
    items = of(studio, position)["foot"]
    made = [replace(i, label=kept.words, disabled=not kept.usable) if i.name == "keep" else i for i in items]
    return part("foot", made)


def said(position: Position, looked: Look) -> str:
    """Which of the shown layers cannot have what is asked for, else what is to be said of the method at work."""
    shown = {row["layer"]: row["note"] for row in looked.rows if position.layer in (ALL, row["layer"])}
    return "; ".join([*report.left_as_they_were(shown), *looked.stays]) or controls.note(position)


def carry_out(studio: Studio) -> str:
    """Do what was chosen in the rows since the last run; the name of the control, or ''."""
    choice = first(of(studio, state.position()))
    if choice is None:
        return ""
    DEEDS[choice.name](studio, choice)
    return choice.name


def _layer(studio: Studio, choice: Picked) -> None:
    state.choose_layer(choice.value)


def _mode(studio: Studio, choice: Picked) -> None:
    here = state.position()
    state.settle(replace(here, recipe=controls.in_mode(studio, here, choice.value), mode=choice.value))


def _criterion(studio: Studio, choice: Picked) -> None:
    """Thresholds are read off the histogram: other scores are pruned by a share."""
    here = state.position()
    if choice.value != "magnitude" and here.mode != controls.EACH:
        here = replace(here, recipe=controls.in_mode(studio, here, controls.EACH), mode=controls.EACH)
    state.settle(replace(here, recipe=controls.changed(here, {"criterion": choice.value})))


def _ranked_by(studio: Studio, choice: Picked) -> None:
    here = state.position()
    state.settle(replace(here, recipe=controls.ranked_by(here, choice.value)))


def _field(studio: Studio, choice: Picked) -> None:
    here = state.position()
    state.settle(replace(here, recipe=controls.changed(here, {choice.name: choice.value})))


def _number(studio: Studio, choice: Picked) -> None:
    here = state.position()
    state.settle(replace(here, recipe=controls.changed(here, {choice.name: int(choice.value)})))


def _beside(studio: Studio, choice: Picked) -> None:
    here = state.position()
    state.settle(replace(here, recipe=replace(here.recipe, **{choice.name: choice.value})))


def _undo(studio: Studio, choice: Picked) -> None:
    state.undo()


def _reset(studio: Studio, choice: Picked) -> None:
    here = state.position()
    state.settle(replace(here, recipe=without_override(here.recipe, here.layer) if here.layer else Recipe()))


def _model(studio: Studio, choice: Picked) -> None:
    state.choose_model(choice.value)


def _plot(studio: Studio, choice: Picked) -> None:
    state.settle(replace(state.position(), plot=choice.value))


def _data(studio: Studio, choice: Picked) -> None:
    state.choose_data(choice.value)


def _keep(studio: Studio, choice: Picked) -> None:
    keeping.keep(state.position())


def _left_to_the_view(studio: Studio, choice: Picked) -> None:
    """A dialog is opened by the view."""


HOLD = {"hold": jobs.pause, "go": jobs.go_on}
BESIDE_LABELS = {
    "bias": "Biases afterwards",
    "batchnorm": "Batch norms afterwards",
    "shrink": "Channels that are removed everywhere",
    "equalize": "What comes before all else",
    "rest": "The rest in the file: biases and norms",
}
DEEDS = {
    "model": _model,
    "data": _data,
    "export": _left_to_the_view,
    "keep": _keep,
    "layer": _layer,
    "mode": _mode,
    "criterion": _criterion,
    "pattern": _field,
    "coder": _field,
    "factorizer": _field,
    "rank_by": _ranked_by,
    "compensate": _field,
    "inputs_bits": _number,
    "steps": _number,
    **dict.fromkeys(BESIDE, _beside),
    "group": _field,
    "scale": _field,
    "plot": _plot,
    "undo": _undo,
    "reset": _reset,
}
