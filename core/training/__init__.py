"""What compression loses, training gives back: fine-tuning, distillation, rounds of pruning, transfer."""

from core.training.course import recover
from core.training.losses import Aim, Batch, aimed, loss, softened, taught
from core.training.options import AUGMENTED, HOW, REWINDS, SCHEDULES, Options, shares
from core.training.rounds import Phase, Planned, phases, planned
from core.training.state import Kept, Outcome, Step, applied
from core.training.task import Images, Task, task, taught_by
from core.training.transfer import WAYS, Arrival, Move, Way, arrivals, carried, journeys, retargeted
from core.training.whole import Finished, Given, Opened, Written, beside_teacher, keep, keep_moved, whole, written

__all__ = [
    "AUGMENTED",
    "HOW",
    "REWINDS",
    "SCHEDULES",
    "WAYS",
    "Aim",
    "Arrival",
    "Batch",
    "Finished",
    "Given",
    "Images",
    "Kept",
    "Move",
    "Opened",
    "Options",
    "Outcome",
    "Phase",
    "Planned",
    "Step",
    "Task",
    "Way",
    "Written",
    "aimed",
    "applied",
    "arrivals",
    "beside_teacher",
    "carried",
    "journeys",
    "keep",
    "keep_moved",
    "loss",
    "phases",
    "planned",
    "recover",
    "retargeted",
    "shares",
    "softened",
    "task",
    "taught",
    "taught_by",
    "whole",
    "written",
]
