"""The usual tutorial's versions, run as they are taught: name -> function of a study."""

from collections.abc import Callable

from core.lessons.looking import Measured
from core.lessons.wrong import chosen, moved, planned, pruned, stored, taught, thin, used, weighed, whole
from core.pipeline import Study

GROUPS = (whole, pruned, chosen, stored, weighed, thin, taught, moved, planned, used)
WRONG: dict[str, Callable[[Study], Measured]] = {name: run for group in GROUPS for name, run in group.WRONG.items()}
