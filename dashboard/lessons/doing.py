"""What a hand does on the Learn page, and all its parts."""

from dataclasses import replace

from dashboard import rows, state
from dashboard.lessons import measuring, standing, steps
from dashboard.lessons.measuring import Found
from dashboard.lessons.pictures import PICTURES, pictures
from dashboard.lessons.standing import Stand
from dashboard.lessons.steps import CONTENTS, CONTROL, FOOT, PREDICT, RUN, Scene
from dashboard.live import contents, predict, row, slider, tiles
from dashboard.live.board import Part
from dashboard.live.slider import Reading
from dashboard.state import Position

MODEL = "learn-model"


def carry_out(position: Position) -> Reading | None:
    """Do what was done since the last run; the reading of the slider, where it can be moved."""
    choice = row.picked(MODEL, rows.models(position))
    if choice is not None:
        MODELS[choice.name](choice.value)
        return None
    stand = standing.stand()
    name = contents.chosen(CONTENTS, [each.name for each in standing.listed()])
    if name:
        standing.turn(name)
        return None
    on = steps.scene(position, stand)
    reading = None
    if not measuring.why_not(on.studio, on.lesson.name):
        _ask(on)
        reading = _move(on)
    for key, items in steps.buttons(on, stand).items():
        pressed = row.picked(key, items)
        if pressed is not None:
            BUTTONS[pressed.name](on)
    return reading if standing.stand() == stand else None


def _ask(on: Scene) -> None:
    """Measure what was predicted; or end what is being measured; or predict again."""
    asked = predict.asked(PREDICT, steps.field(on))
    if asked is None:
        return
    sitting = standing.sitting(on.position, on.lesson.name)
    busy = measuring.running(on.position, on.lesson, sitting)
    if asked.guess is None:
        measuring.cancel(on.position, on.lesson, sitting)
    kept = sitting.guess if busy and sitting.value is not None else None
    value = sitting.value if asked.guess is not None else None
    guess = kept if asked.guess is None else asked.guess
    standing.sit(on.position, on.lesson.name, replace(sitting, guess=guess, value=value))


def _move(on: Scene) -> Reading | None:
    """Let the control stand where the hand has moved it; a slow lesson waits until the hand has let go."""
    sitting = standing.sitting(on.position, on.lesson.name)
    if sitting.guess is None:
        return None
    control, now = on.lesson.control, on._replace(sitting=sitting)
    scale, shown = steps.scale(now), steps.shown(now)
    reading = slider.reading(CONTROL, scale, shown)
    if reading.value != slider.clamp(scale, shown) and (reading.final or not on.lesson.slow):
        value = round(reading.value / (1 if control.stops else control.times), 9)
        value = None if abs(value - control.start) < 1e-9 else value
        standing.sit(on.position, on.lesson.name, replace(sitting, value=value))
    return reading


def _run(on: Scene) -> None:
    sitting = standing.sitting(on.position, on.lesson.name)
    standing.sit(on.position, on.lesson.name, replace(sitting, ran=True))


def _beside(on: Scene, steps_on: int) -> None:
    names = [each.name for each in standing.listed()]
    standing.turn(names[names.index(on.lesson.name) + steps_on])


def _before(on: Scene) -> None:
    _beside(on, -1)


def _after(on: Scene) -> None:
    _beside(on, 1)


def control(on: Scene, reading: Reading | None, busy_ms: float) -> dict[str, Part]:
    """The one slider; last, because its acknowledgement follows what its value has moved."""
    if measuring.why_not(on.studio, on.lesson.name):
        return {}
    scale = steps.scale(on)
    there = reading or Reading(slider.clamp(scale, steps.shown(on)), True, 0)
    return {CONTROL: replace(slider.part(CONTROL, scale, there, window=slider.window_for(busy_ms)), area="plots")}


def parts(on: Scene, stand: Stand, found: Found) -> dict[str, Part]:
    """All parts but the slider."""
    made = {MODEL: row.part(MODEL, rows.models(on.position)), CONTENTS: steps.listed(on.studio, stand)}
    foot = replace(row.part(FOOT, steps.buttons(on, stand)[FOOT]), area="plots")
    if measuring.why_not(on.studio, on.lesson.name):
        return made | {"learn-intro": steps.without(on, stand), FOOT: foot}
    made |= {"learn-intro": steps.intro(on, stand), PREDICT: steps.prediction(on, found)}
    made |= {"learn-plot": steps.plot(on, found), **_pictures(on)}
    made |= steps.working(on)
    if on.lesson.wrong is not None:
        run = replace(row.part(RUN, steps.buttons(on, stand)[RUN]), area="plots")
        made |= {"learn-wrong": steps.mistake(on), RUN: run}
    return made | {"learn-quiz": steps.questions(on, found), "learn-reading": steps.reading(on), FOOT: foot}


def _pictures(on: Scene) -> dict[str, Part]:
    """The pictures with the control where it stands; a sentence where the model cannot be made so."""
    try:
        return pictures(on.lesson, on.studio, steps.value_of(on))
    except ValueError as error:
        return {name: tiles.said("Nothing to show", f"{error}.") for name in on.lesson.pictures[:1]}


MODELS = {"model": state.choose_model, "data": state.choose_data}
BUTTONS = {"run": _run, "before": _before, "after": _after}
ORDER = (
    *(MODEL, CONTENTS, "learn-intro", PREDICT, CONTROL, "learn-plot", *PICTURES),
    *("learn-formula", "learn-code", "learn-wrong", RUN, "learn-quiz", "learn-reading", FOOT),
)
