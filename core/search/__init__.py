"""From a goal to a recipe over all techniques at once, by measuring: `search` yields every recipe that it measured."""

from core.search.confirm import confirmed, holds
from core.search.goal import COSTS, Goal, Point, Progress, best, front, safe
from core.search.parts import parts
from core.search.walk import search

__all__ = ["COSTS", "Goal", "Point", "Progress", "best", "confirmed", "front", "holds", "parts", "safe", "search"]
