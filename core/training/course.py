"""A compressed network made good by training, a look at a time."""

import copy
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from core.compress import weights
from core.encoding import removed_values, stored_values
from core.layer import layers
from core.pipeline import encoded_by
from core.pruning import FREE
from core.recipe import Recipe
from core.seen import Calibration
from core.training import adam, checkpoint, moving
from core.training.images import AUGMENTATIONS, chance, number, rows
from core.training.lean import slimmed
from core.training.losses import Batch, loss
from core.training.options import Options, rate_at
from core.training.rounds import Phase, at, entered, first, phases
from core.training.short import short
from core.training.state import Kept, Outcome, State, Step, opened, renewed, sized
from core.training.task import Task, augmentation
from core.training.trainee import Trainee, adrift, answers, beside, encoded, learning, slopes, sought, trainee

SAVED = 10.0  # seconds between two checkpoints, at least
CALIBRATED = 1000  # images for criteria that ask for some


@dataclass(frozen=True, eq=False)
class Course:
    """A task with its options, and all that does not change while it is trained."""

    task: Task
    options: Options

    @cached_property
    def plan(self) -> tuple[Phase, ...]:
        """The phases, one after the other."""
        return phases(self.task.recipe, self.options)

    @property
    def steps(self) -> int:
        """Of all phases."""
        return sum(phase.steps for phase in self.plan)

    @cached_property
    def augment(self) -> str:
        """How images are moved."""
        return augmentation(self.options, self.task.learn.x)

    @cached_property
    def target(self) -> Tensor:
        """What the held-out images should be answered as, (N,): their labels, or the teacher's answers."""
        held = self.task.held
        return held.y if self.options.alpha > 0 else self.taught(held.x).argmax(1)

    @cached_property
    def base(self) -> Trainee:
        """The network before anything is removed or coded; low ranks are there already."""
        study, model = self.task.study, self.task.study.model
        whole = at(self.task.recipe, replace(self.plan[0], share=0.0, coded=False))
        return trainee(model, study.known, (encoded_by(study, whole), {}), {})

    def taught(self, x: Tensor) -> Tensor:
        """The teacher's logits, which is the dense model unless told otherwise."""
        teacher = self.task.teacher
        return answers(self.task.study.model if teacher is None else teacher.model, {}, {}, x)

    def every(self, phase: Phase) -> int:
        """Steps between two looks."""
        return max(1, phase.steps // (self.options.looks * max(1, phase.steps // self.options.steps)))


def recover(task: Task, options: Options, kept: Kept | None = None, folder: Path | None = None) -> Iterator[Step]:
    """A look at the training after every few steps, until it is done; `kept` always has the best outcome so far.

    folder: where checkpoints are written and, if it holds one of the same training, taken up. The same seed gives the
    same numbers, whether it was interrupted or not. ValueError where training leads to no numbers.
    """
    course, kept = Course(task, options), kept or Kept()
    name = checkpoint.key(task, options) if folder else ""
    before = checkpoint.read(folder, name, task) if folder else None
    if before is not None:
        _keep(kept, before)
    state = _begun(course) if before is None else _next(course, before)
    begun = saved = time.monotonic()
    done = 0.0 if before is None else _made(course, before) / course.steps
    while state is not None:
        state, mean = _advanced(course, state)
        state, step = _looked(course, state, mean)
        _keep(kept, state)
        follows = _next(course, state)
        if folder and (follows is None or time.monotonic() - saved > SAVED):
            checkpoint.write(folder, name, task, state)
            saved = time.monotonic()
        yield _timed(step, (begun, done))
        state = follows


def _keep(kept: Kept, state: State) -> None:
    if state.best is not None:
        kept.best[:] = [state.best]


def _begun(course: Course) -> State:
    task = course.task
    if len(course.plan) == 1 and course.plan[0].coded:
        net = first(task.study.model, task.study.known, task.recipe, task.start)
        return opened(0, net, None, None)
    return _entered(course, course.base, 0, None)


def _entered(course: Course, net: Trainee, number: int, best: Outcome | None) -> State:
    """The state at the beginning of a phase that follows on a network."""
    phase, task, model = course.plan[number], course.task, course.task.study.model
    begins = replace(phase, share=0.0) if phase.moving and course.options.how == "movement" else phase
    recipe = at(task.recipe, begins)
    again = course.base if course.options.rewind == "weights" and number and not phase.coded else None
    net = entered(net, model, recipe, again, _seen(course, net, recipe))
    if recipe.shrink == "remove" and not phase.moving:
        net = slimmed(net, model, task.study.bench.inputs[:2])
    if phase.moving:
        moving.check(net, task.recipe)
    return opened(number, net, moving.ground(net) if phase.moving else None, best)


def _seen(course: Course, net: Trainee, recipe: Recipe) -> Calibration | None:
    """What the network's layers see, where a criterion asks."""
    settings = [recipe.settings(layer.name) for layer in net.known]
    if all(own.criterion in FREE or not own.prunes for own in settings):
        return None
    twin = copy.deepcopy(course.task.study.model)
    twin.load_state_dict(weights(net.known, encoded(net)) | beside(net), strict=False)
    images = course.task.learn
    return Calibration(twin, layers(twin), images.x[:CALIBRATED], images.y[:CALIBRATED], course.options.seed)


def _advanced(course: Course, state: State) -> tuple[State, float]:
    """The state at the next look, and the mean loss until then."""
    phase = course.plan[state.phase]
    stop = min(phase.steps, state.step + course.every(phase))
    lost = []
    while state.step < stop:
        state, now = _stepped(course, state, phase)
        lost.append(now)
    mean = float(torch.stack(lost).mean())
    if not mean - mean == 0:
        raise ValueError(
            f"training: the loss is {mean} after {state.step} steps, lower the rate {course.options.rate:g}"
        )
    return state, mean


def _stepped(course: Course, state: State, phase: Phase) -> tuple[State, Tensor]:
    """The state after one more step, and the step's loss."""
    options, net = course.options, state.net
    batch = _batch(course, state)
    if options.seek and state.step % options.seek == 0:
        net = sought(net)
    elif options.seek:
        net = adrift(net, state.step)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(number(options.seed, 2, state.phase, state.step))  # of dropout
        lost, gradients, whole = slopes(net, batch, lambda logits, given: loss(logits, given, options.aim))
    part = (state.step + 0.5) / phase.steps
    begin, end = phase.schedule
    rate = options.rate * phase.height * rate_at(begin + part * (end - begin))
    adam.step(learning(net), gradients, state.memory, (rate, options.decay * phase.decay))
    state = replace(state, net=net, step=state.step + 1)
    if state.ground is not None:
        moving.watched(net, state.ground, whole, options.how)
        if state.step % max(1, phase.steps // moving.UPDATES) == 0 and _moves(options.how, part):
            when = (options.how, part)
            net, memory, ground = moving.moved(net, (state.memory, state.ground), course.task.recipe, when)
            state = replace(state, net=net, memory=memory, ground=ground)
    return state, lost


def _moves(how: str, part: float) -> bool:
    """Whether masks still move at a part of their phase."""
    return how == "movement" or part < moving.SETTLED


def _batch(course: Course, state: State) -> Batch:
    options, learn = course.options, course.task.learn
    chosen = rows(len(learn.y), options.batch, state.step, options.seed * 1009 + state.phase)
    x = AUGMENTATIONS[course.augment](learn.x[chosen], chance(options.seed, 1, state.phase, state.step))
    return Batch(x, learn.y[chosen], course.taught(x) if options.alpha < 1 else None)


def _made(course: Course, state: State) -> int:
    """Steps until this state."""
    return sum(phase.steps for phase in course.plan[: state.phase]) + state.step


def _timed(step: Step, since: tuple[float, float]) -> Step:
    """The step with its times. since: when this run began, and the share that was done then."""
    seconds = time.monotonic() - since[0]
    return replace(step, seconds=seconds, left=seconds * (1 - step.share) / max(step.share - since[1], 1e-9))


def _looked(course: Course, state: State, lost: float) -> tuple[State, Step]:
    """The state with its best, and what is seen of it. lost: mean loss of the last steps."""
    task, phase, net = course.task, course.plan[state.phase], renewed(state.net)
    forms, rest = {name: short(form) for name, form in encoded(net).items()}, beside(net)
    tensors = weights(net.known, forms) | rest
    logits = answers(task.study.model, tensors, net.inputs, task.held.x)
    accuracy = float((logits.argmax(1) == course.target).float().mean())
    outcome = Outcome(at(task.recipe, phase), forms, rest, accuracy, state.phase, state.step)
    best = state.best
    earlier = best is None or best.phase < state.phase
    better = _satisfies(course, state) and (earlier or phase.moving or accuracy >= best.accuracy)
    gained = earlier or accuracy > best.accuracy
    state = replace(state, net=net, best=outcome if better else best, stale=0 if gained else state.stale + 1)
    numbers = [sum(map(count, forms.values())) for count in (removed_values, stored_values)]
    size = sum(layer.matrix.numel() for layer in net.known)
    made = _made(course, state)
    entropy = sum(form.information() for form in forms.values()) / size
    figures = (lost, accuracy, numbers[0] / numbers[1], entropy, made / course.steps)
    return state, Step(phase.doing, made, course.steps, *figures, 0.0, 0.0)


def _satisfies(course: Course, state: State) -> bool:
    """Whether the network has lost as much as its phase asks; on the way there masks that move may lag behind."""
    phase = course.plan[state.phase]
    return not phase.moving or course.options.how != "movement" or state.step == phase.steps


def _next(course: Course, state: State) -> State | None:
    """The state to go on from: the same, or the beginning of the next phase, from this one's best; None at the end."""
    phase = course.plan[state.phase]
    stopped = state.stale >= course.options.patience and not phase.moving
    if state.step < phase.steps and not stopped:
        return state
    if state.phase + 1 == len(course.plan):
        return None
    best = state.best
    net = trainee(course.task.study.model, state.net.known, (best.encoded, best.beside), {})
    follows = _entered(course, net, state.phase + 1, best)
    return sized(follows, state) if course.options.rewind == "none" else follows
