"""What the layers see on calibration images: input moments, per-sample gradients, channel entropies, ranges."""

from core.seen.calibration import Calibration as Calibration
from core.seen.calibration import Seen as Seen
from core.seen.channels import Channels as Channels
from core.seen.factor import Factor as Factor
from core.seen.gradients import Gradients as Gradients
from core.seen.inputs import Ranges as Ranges
