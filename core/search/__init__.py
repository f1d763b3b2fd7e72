"""From a goal to a recipe over all techniques at once, by measuring: `search` yields every recipe that it measured."""

from core.search.confirm import confirmed, holds, surety
from core.search.goal import COSTS, Goal, Point, Progress, best, front, safe, spread, worth
from core.search.parts import parts
from core.search.recall import ALONE, CONFIRMED, SEARCHED, Recall, afresh
from core.search.tables import AXES, Told, front_of, table
from core.search.walk import search
from core.search.whole import Confirmed, Opened, whole

__all__ = [
    "ALONE",
    "AXES",
    "CONFIRMED",
    "COSTS",
    "SEARCHED",
    "Confirmed",
    "Goal",
    "Opened",
    "Point",
    "Progress",
    "Recall",
    "Told",
    "afresh",
    "best",
    "confirmed",
    "front",
    "front_of",
    "holds",
    "parts",
    "safe",
    "search",
    "spread",
    "surety",
    "table",
    "whole",
    "worth",
]
