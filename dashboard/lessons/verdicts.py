"""A prediction beside what was measured, in a sentence."""

from collections.abc import Sequence

from dashboard.live.predict import Field, Guess


def verdict(field: Field, guess: Guess, answer: float | Sequence[float] | str) -> str:
    """How far a prediction is from the answer."""
    return VERDICTS[field.kind](field, guess, answer)


def _reads(field: Field, value: float) -> str:
    return f"{value:.{field.digits}f} {field.unit}".rstrip()


def _apart(field: Field, distance: float) -> str:
    """A distance on the field's axis, which is read to one decimal more than the hand can set."""
    unit = "points" if field.unit == "%" else field.unit
    return f"{distance:.{max(1, field.digits)}f} {unit}".rstrip()


def _mark(field: Field, guess: float, answer: float) -> str:
    distance = abs(guess - answer)
    if distance < field.step / 2:
        return f"You said {_reads(field, guess)}, and so it is."
    measured = f"{answer:.{max(1, field.digits)}f} {field.unit}".rstrip()
    return f"You said {_reads(field, guess)}. Measured: {measured}. You are {_apart(field, distance)} away."


def _curve(field: Field, guess: Sequence[float], answer: Sequence[float]) -> str:
    away = [abs(said - found) for said, found in zip(guess, answer, strict=True)]
    furthest = max(range(len(away)), key=away.__getitem__)
    mean, worst = _apart(field, sum(away) / len(away)), _apart(field, away[furthest])
    where = f"{field.points[furthest]} {field.along}"
    return f"Your curve is {mean} away on average, the furthest at {where}: {worst}."


def _pick(field: Field, guess: str, answer: str) -> str:
    return f"You picked {guess}, and so it is." if guess == answer else f"You picked {guess}. Measured: {answer}."


VERDICTS = {"mark": _mark, "curve": _curve, "pick": _pick}
