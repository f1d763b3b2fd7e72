"""A slider that reports while it is dragged.

In a fragment: `reading` first, then the work, then `part` on the board, whose acknowledgement arrives with the plots.
The browser owns the thumb; Python's value wins only where Python changed it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import streamlit as st

from dashboard.live.board import Part, sent

FAST_MS = 20.0


@dataclass(frozen=True)
class Scale:
    """What one slider runs over and how its value reads.

    With `stops` the value is a position in them, and low, high and step are not used. At `off_at` the text is
    `off_text` ("full", "off"). `about` is what hovering over the label or the hint says beside them. `subject` is what
    the value is for, such as a layer's name: a value that the browser sent for another subject is never taken for this
    one.
    """

    label: str
    low: float = 0.0
    high: float = 1.0
    step: float = 1.0
    digits: int = 0
    unit: str = ""
    stops: tuple[str, ...] = ()
    disabled: bool = False
    hint: str = ""
    subject: str = ""
    off_at: float | None = None
    off_text: str = ""
    about: str = ""

    def __post_init__(self) -> None:
        if not self.stops and not (math.isfinite(self.high - self.low) and self.low <= self.high and self.step > 0):
            raise ValueError(
                f"slider {self.label!r}: low {self.low}, high {self.high}, step {self.step}; "
                "expected low <= high and a positive step"
            )


@dataclass(frozen=True)
class Reading:
    """A value of a slider; `final` is False while the thumb is held, `seq` the newest value seen from the browser."""

    value: float
    final: bool
    seq: int


@dataclass(frozen=True)
class Thumb:
    """What the browser is known to show, and how far its values have been read."""

    value: float | None = None
    subject: str = ""
    seq: int = 0
    rev: int = 0
    final: bool = True


def ends(scale: Scale) -> tuple[float, float]:
    """The lowest and the highest value of a scale."""
    return (0.0, float(len(scale.stops) - 1)) if scale.stops else (scale.low, scale.high)


def clamp(scale: Scale, value: float) -> float:
    """The value of the scale that is nearest to any number; the low end for what is no number."""
    low, high = ends(scale)
    if math.isnan(value):
        return low
    inside = float(min(high, max(low, value)))
    return float(round(inside)) if scale.stops else inside


def text(scale: Scale, value: float) -> str:
    """How the value reads on the page."""
    if value == scale.off_at:
        return scale.off_text
    if scale.stops:
        return scale.stops[int(clamp(scale, value))]
    return f"{value:.{scale.digits}f} {scale.unit}".rstrip()


def read(thumb: Thumb, sample: object, scale: Scale, value: float) -> tuple[Thumb, Reading]:
    """The thumb after a sample of the browser, and the value that holds: the sample's if it is new, else `value`."""
    own = clamp(scale, value)
    if not isinstance(sample, Mapping) or not _whole(sample.get("seq")) or sample["seq"] == thumb.seq:
        return thumb, Reading(own, thumb.final, thumb.seq)
    seen = replace(thumb, seq=sample["seq"])
    current = (sample.get("rev", thumb.rev), sample.get("subject", scale.subject)) == (thumb.rev, scale.subject)
    if not current or not _number(sample.get("value")):
        return replace(seen, final=True), Reading(own, True, seen.seq)
    sent = float(sample["value"])
    final = sample.get("final") is not False
    return replace(seen, value=sent, final=final), Reading(clamp(scale, sent), final, seen.seq)


def follows(thumb: Thumb, scale: Scale, value: float) -> bool:
    """Whether the browser already shows the value, for the same subject.

    Half a step is the same place: 80.3 kept as a fraction comes back as 80.30000000000001, and a thumb that followed
    that would drop what the hand sent meanwhile.
    """
    step = 1.0 if scale.stops else scale.step
    return thumb.value is not None and thumb.subject == scale.subject and abs(thumb.value - value) < step / 2


def reading(key: str, scale: Scale, value: float) -> Reading:
    """The newest value of the browser that has not been read, else `value`. Read once a run, before the work.

    A callback that changes the subject reads once more with the old scale and keeps that value: what the user
    released just before would be lost otherwise.
    """
    thumb, result = read(_thumb(key), _sample(key), scale, value)
    st.session_state[_name(key)] = thumb
    return result


def move(key: str, value: float) -> None:
    """Makes the thumb follow Python to `value`, and drops what the browser sent before. Keep the value yourself too."""
    sample = _sample(key)
    seen = sample.get("seq") if isinstance(sample, Mapping) else None
    thumb = _thumb(key)
    seq = seen if _whole(seen) else thumb.seq
    st.session_state[_name(key)] = replace(thumb, value=float(value), rev=thumb.rev + 1, seq=seq, final=True)


def part(key: str, scale: Scale, reading: Reading, *, window: int = 1) -> Part:
    """The slider for the board, which also tells the browser that its value has been drawn.

    window: how many values may be unanswered; see `window_for`.
    """
    thumb = _thumb(key)
    if not follows(thumb, scale, reading.value):
        thumb = replace(thumb, value=reading.value, subject=scale.subject, rev=thumb.rev + 1)
        st.session_state[_name(key)] = thumb
    low, high = ends(scale)
    step = 1.0 if scale.stops else scale.step
    state = {"value": reading.value, "rev": thumb.rev, "ack": thumb.seq, "window": max(1, window)}
    return Part("slider", "side", vars(scale) | {"low": low, "high": high, "step": step} | state)


def window_for(busy_ms: float) -> int:
    """How many values may be unanswered: three keep a fast run's pipe full, more than two flood a slow run."""
    return 3 if busy_ms < FAST_MS else 2


def _name(key: str) -> str:
    return f"thumb of {key}"


def _thumb(key: str) -> Thumb:
    return st.session_state.get(_name(key), Thumb())


def _sample(key: str) -> object:
    return sent(key, "sample")


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300
