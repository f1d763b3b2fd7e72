"""What a training loses and gains, in words."""

from collections.abc import Sequence

from core.recipe import Recipe
from core.training import Finished, Opened, Planned, Step, Way
from dashboard import findings, words

NOTHING = "Start trains the compressed network in the background"
IDLE = "Nothing is trained yet"
OF_LOSS = "mean loss of the training images between two looks"
OF_SPARSITY = "the share of all weights that are 0 and not stored"
OF_PLAN = {"share": "planned: weights removed in all layers", "rate": "planned: how fast it learns, of the fastest"}
OF_ENTROPY = "the least that a lossless coder can spend on what is stored"


def asked(recipe: Recipe) -> str:
    """What the network is to be when it is trained; nothing is asked of a smaller one."""
    if recipe == Recipe():
        return "a smaller network, nothing removed"
    return "; ".join(findings.layers(recipe)) if recipe.layers else f"all layers {findings.settings(recipe.default)}"


def about(recipe: Recipe, opened: Opened | None) -> str:
    """What is trained, and which images are for what."""
    said = f"Trained for: {asked(recipe)}."
    if opened is None:
        return f"{said} 7 images in 10 are learned from and chosen by; the others say how good it is."
    return (
        f"{said} {words.count(opened.learn)} images to learn from, {words.count(opened.held)} held out to choose by, "
        f"{words.count(opened.measured)} others to measure on at the end."
    )


def doing(step: Step) -> str:
    """What is done at a look, and how far it is."""
    return f"{step.doing}: step {step.step} of {step.steps}"


def whom(taught: bool) -> str:
    """What held-out answers are held against. taught: whether no labels are learned from."""
    return "answered as by the dense model" if taught else "right"


def accuracy_title(steps: Sequence[Step], opened: Opened | None, taught: bool) -> str:
    """The finding of the curve of accuracy."""
    if not steps:
        return "Nothing is learned yet"
    best = max(step.accuracy for step in steps if step.doing == steps[-1].doing)
    before = f", {100 * opened.before:.1f} % before" if opened else ""
    return f"{100 * best:.1f} % {whom(taught)}{before}"


def accuracy_note(opened: Opened | None) -> str:
    """What that curve shows."""
    many = f"{words.count(opened.held)} " if opened else ""
    return f"on {many}held-out images, not learned from; dotted: dense, dashed: before training"


def loss_title(steps: Sequence[Step]) -> str:
    """The finding of the curve of the loss."""
    if not steps:
        return "No loss yet"
    top, last = max(step.loss for step in steps), steps[-1].loss
    return f"The loss is {last:.3g}" + (f", down from {top:.3g}" if top > last else "")


def sparsity_title(steps: Sequence[Step]) -> str:
    """The finding of the curve of sparsity."""
    return f"{words.percent(steps[-1].sparsity)} of the weights are removed" if steps else "Nothing is removed yet"


def entropy_title(steps: Sequence[Step]) -> str:
    """The finding of the curve of entropy."""
    if not steps:
        return "No codes yet"
    first, last = steps[0].entropy, steps[-1].entropy
    moved = f", {first:.2f} at the first look" if f"{first:.2f}" != f"{last:.2f}" else ""
    return f"{last:.2f} bits a weight are needed{moved}"


def plan_titles(steps: Sequence[Planned], sparsity: float) -> dict[str, str]:
    """What is planned, by field of `Planned`. sparsity: of all weights, at the end."""
    much = f"{words.percent(sparsity)} of the weights"
    at_once = steps[0].share == steps[-1].share
    removed = f"{much} go at once and stay removed" if at_once else f"In the end {much} are removed"
    return {
        "share": removed if sparsity else "No weight is removed",
        "rate": f"{words.count(steps[-1].step)} steps of learning are planned",
    }


def ways_title(ways: Sequence[Way], count: int) -> str:
    """The finding of the ways to another task. count: of all ways."""
    if not ways:
        return "No way has ended yet"
    best = max(ways, key=lambda way: way.accuracy)
    said = f"Best so far, {len(ways)} of {count} ways" if len(ways) < count else "Best of all ways"
    return f"{said}: {best.name}, {words.percent(best.accuracy)} right"


def ways_note(ways: Sequence[Way], task: str) -> str:
    """What the table of ways holds."""
    many = f"{words.count(ways[0].images)} images" if ways else "images"
    return f"on {many} of {task} that nothing was learned or chosen by; the new last layer stays whole"


def way_cells(way: Way) -> tuple[str, ...]:
    """A row of that table."""
    figures = (words.percent(way.accuracy), words.percent(way.sparsity), findings.size(way.bytes))
    return way.name, *figures, words.count(way.steps)


WAYS_HEAD = ("way", "right", "weights removed", "file", "steps")


def softened_title(label: int, soft: Sequence[float], temperature: float) -> str:
    """The finding of the softened answers of one image."""
    order = sorted(range(len(soft)), key=lambda each: -soft[each])[:2]
    first, second = (f"{each} for {100 * soft[each]:.0f} %" for each in order)
    return f"A {label} is a {first} and a {second} at T = {temperature:.1f}"


def softened_note(alpha: float) -> str:
    """What the plot of softened answers shows."""
    part = f"{100 * alpha:.0f} % label" if alpha else "no label"
    return f"dense model, one image: plain (ring), softened (dot); bar: what is learned, {part}"


def told(done: Finished) -> str:
    """What came of a training, on images that nothing was learned or chosen by."""
    found, before = done.figures, done.untrained
    kept = f"Kept as run {done.after}, beside run {done.before}, the same recipe without training."
    lost = findings.drop(found.drop_ci95[0], found.drop, found.drop_ci95[1])
    return (
        f"{words.percent(found.accuracy)} right on the images measured at the end, {words.percent(before.accuracy)} "
        f"before training: {lost} against the dense model. {kept if done.after else ''}".strip()
    )


def unkept(finished: Finished | None, ways: Sequence[Way]) -> str:
    """Why what a training came to is shown and not kept, in a sentence; '' where it is kept."""
    why = finished.why if finished else next((way.why for way in ways if way.why), "")
    return f"It is shown here and not kept as a run: {why}" if why else ""
