"""What each lesson measures: name -> function of a study and the control's value, a module for each few lessons."""

from collections.abc import Callable

from core.lessons.looking import Measured
from core.lessons.measures import chosen, moved, planned, pruned, stored, taught, thin, used, weighed, whole
from core.pipeline import Study

GROUPS = (whole, pruned, chosen, stored, weighed, thin, taught, moved, planned, used)
MEASURES: dict[str, Callable[[Study, float], Measured]] = {
    name: measure for group in GROUPS for name, measure in group.MEASURES.items()
}
