"""`plan`: a goal made a recipe."""

import argparse
from collections.abc import Mapping
from dataclasses import replace

from core import pipeline
from core.commands import given, texts
from core.compress import check
from core.layer import layers
from core.loading import Loaded
from core.planning import CALIBRATED_PLANNERS, PLANNERS
from core.recipe import Recipe, to_json
from core.seen import Seen


def plan(options: argparse.Namespace) -> str:
    """Write the recipe that a planner makes for a goal."""
    loaded = given.model(options)
    known = layers(loaded.model)
    goal = dict(map(given.pair, options.goal))
    if options.planner in PLANNERS:
        recipe = PLANNERS[options.planner](known, goal)
    else:
        recipe = CALIBRATED_PLANNERS[options.planner](known, goal, _seen(options, loaded))
    check(recipe, known)
    named = replace(recipe, model={"name": loaded.name, "sha256": loaded.sha256})
    texts.write(options.output, to_json(named))
    return f"wrote {options.output}"


def _seen(options: argparse.Namespace, loaded: Loaded) -> Mapping[str, Seen]:
    """What the layers see of the calibration images, by layer name."""
    study = pipeline.study(
        loaded, given.data(options, loaded), Recipe(batchnorm="recalibrate"), given.calibration(options)
    )
    return {layer.name: study.seen.at(layer.name) for layer in study.known}


OPTIONS = {
    "planner": (
        ("--planner",),
        {"required": True, "choices": (*PLANNERS, *CALIBRATED_PLANNERS), "help": "how to plan"},
    ),
    "goal": (("goal",), {"nargs": "*", "metavar": "key=value", "help": "the planner's goal, and fields of Settings"}),
}
COMMANDS = {"plan": (plan, (*given.ON, "planner", "goal", "output"))}
