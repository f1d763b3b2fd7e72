"""How channels flow through a model, by torch.fx: what must go together, what can go, what is a constant."""

from core.tracing import operation
from core.wiring.constants import constants, read, rows
from core.wiring.follow import wiring
from core.wiring.operations import EACH, HOMOGENEOUS, NORMS, RESHAPED, named
from core.wiring.walk import Point, Wiring
from core.wiring.wires import FIXED, Wire

__all__ = [
    "EACH",
    "FIXED",
    "HOMOGENEOUS",
    "NORMS",
    "RESHAPED",
    "Point",
    "Wire",
    "Wiring",
    "constants",
    "named",
    "operation",
    "read",
    "rows",
    "wiring",
]
