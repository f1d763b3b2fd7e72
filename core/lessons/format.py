"""A lesson as plain data, read from a text file that is refused where it says what no lesson has."""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields
from functools import cache
from pathlib import Path

FORMAT = "prunescope/lesson/1"
GLOSSARY = "prunescope/glossary/1"
TERMS = 40  # of a glossary, at most
IDEA = QUESTIONS = 3
ROWS = 18  # of METHODS.md
TEXTS = Path(__file__).parent / "texts"

Value = str | int | float | bool | list | dict


@dataclass(frozen=True)
class Predict:
    """What a student is to guess before anything is measured, with the control at its start.

    kind: 'mark' a place on the axis from low to high, in `unit`; 'curve' a height at each of `points`, which lie
    `along` another axis; 'pick' one of `choices`, or of the model's layers where there are none.
    """

    kind: str
    question: str
    axis: str = ""
    unit: str = ""
    low: float = 0.0
    high: float = 100.0
    choices: tuple[str, ...] = ()
    along: str = ""
    points: tuple[float, ...] = ()


@dataclass(frozen=True)
class Control:
    """The one thing to play with. field: of Settings, or the lesson's own. stops: names, the value then counts them.

    What is shown is the value times `times`, with `digits` decimals, in `unit`.
    """

    field: str
    label: str
    hint: str
    start: float
    low: float = 0.0
    high: float = 1.0
    step: float = 1.0
    times: float = 1.0
    digits: int = 0
    unit: str = ""
    stops: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plot:
    """How the table of what was measured is drawn. kind: 'line', 'points' or 'bars'; x, y, series: its columns."""

    kind: str
    x: str
    y: str
    x_label: str
    y_label: str
    series: str = ""


@dataclass(frozen=True)
class Symbol:
    """A symbol of the formula, as it stands there, and what it means."""

    symbol: str
    meaning: str


@dataclass(frozen=True)
class Wrong:
    """The usual tutorial's version. name: in WRONG; says: what is taught; what: what came of running it."""

    name: str
    says: str
    what: str


@dataclass(frozen=True)
class Question:
    """right: the place of a choice, or an expression over the figures: see `filling.right`."""

    asks: str
    choices: tuple[str, ...]
    right: int | str
    explains: str


@dataclass(frozen=True)
class Reading:
    """A source. id: such as arXiv:1510.00149, or ''."""

    authors: str
    title: str
    year: int
    id: str = ""


@dataclass(frozen=True)
class Lesson:
    """A lesson as its file holds it, texts not yet filled. name: of the file, without its number.

    row: of METHODS.md. needs: what a model must have, a name in NEEDS or ''. code: 'module:function', whose source is
    shown. slow: whether measuring takes seconds, so that it is to run as a job.
    """

    name: str
    title: str
    row: int
    idea: tuple[str, ...]
    predict: Predict
    plot: Plot
    formula: str
    symbols: tuple[Symbol, ...]
    code: str
    questions: tuple[Question, ...]
    reading: tuple[Reading, ...]
    control: Control
    wrong: Wrong | None = None
    needs: str = ""
    pictures: tuple[str, ...] = ()
    slow: bool = False


def read_lesson(path: Path) -> Lesson:
    """The lesson of a file `NN_name.toml`; ValueError in a sentence where it is none."""
    document, where = _document(path, FORMAT), f"lesson '{path.name}'"
    name = path.stem.partition("_")[2]
    if not name:
        raise ValueError(f"{where}: expected a name such as 02_magnitude.toml")
    lesson = _made(Lesson, {"name": name, **document}, where)
    for what, wanted, found in (("idea", IDEA, lesson.idea), ("questions", QUESTIONS, lesson.questions)):
        if len(found) != wanted:
            raise ValueError(f"{where}: {what} has {len(found)} parts, expected {wanted}")
    if not 1 <= lesson.row <= ROWS:
        raise ValueError(f"{where}: row is {lesson.row}, expected 1 to {ROWS}")
    chosen = [("predict.kind", KINDS, lesson.predict.kind), ("plot.kind", PLOTS, lesson.plot.kind)]
    for what, known, value in [*chosen, *(("pictures", PICTURES, picture) for picture in lesson.pictures)]:
        if value not in known:
            raise ValueError(f"{where}: {what} is {value!r}, expected one of {', '.join(known)}")
    return lesson


@cache
def glossary(language: str = "en") -> Mapping[str, str]:
    """Term -> what it means, in few words."""
    return read_glossary(folder(language) / "glossary.toml")[0]


@cache
def forms(language: str = "en") -> Mapping[str, str]:
    """Another form of a word, such as 'pruned' -> the term that it is a form of."""
    return read_glossary(folder(language) / "glossary.toml")[1]


def folder(language: str) -> Path:
    """Where the texts of a language are; ValueError where there are none."""
    known = sorted(path.name for path in TEXTS.iterdir() if path.is_dir())
    if language not in known:
        raise ValueError(f"language is {language!r}, expected one of {', '.join(known)}")
    return TEXTS / language


def read_glossary(path: Path) -> tuple[dict[str, str], dict[str, str]]:
    """Term -> what it means, and form of a word -> term, of a glossary's file; ValueError in a sentence where it is
    none."""
    document, where = _document(path, GLOSSARY), f"glossary '{path.name}'"
    unknown = [key for key in document if key not in ("terms", "forms")]
    if unknown:
        raise ValueError(f"{where}: unknown key {unknown[0]!r}, expected terms or forms")
    terms, others = document.get("terms", {}), document.get("forms", {})
    for what, table in (("terms", terms), ("forms", others)):
        if not isinstance(table, dict) or not all(isinstance(meaning, str) for meaning in table.values()):
            raise ValueError(f'{where}: {what} is no table of texts, expected term = "what it means"')
    if len(terms) > TERMS:
        raise ValueError(f"{where}: {len(terms)} terms, expected {TERMS} at most; take some out")
    lost = [form for form, term in others.items() if term not in terms]
    if lost:
        raise ValueError(f"{where}: {lost[0]!r} is a form of {others[lost[0]]!r}, which is no term of it")
    return terms, others


def _document(path: Path, wanted: str) -> dict[str, Value]:
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"'{path.name}' is no TOML text ({error}), expected format = {wanted!r}") from None
    found = document.pop("format", None)
    if found != wanted:
        raise ValueError(f"'{path.name}': format is {found!r}, expected {wanted!r}")
    return document


def _made(kind: type, given: Mapping[str, Value], where: str) -> object:
    """A record of the given values; ValueError names the key that is unknown, missing or of another type."""
    known = {field.name: field for field in fields(kind)}
    for key in given:
        if key not in known:
            raise ValueError(f"{where}: unknown key {key!r}, expected one of {', '.join(known)}")
    for name, field in known.items():
        if name not in given and field.default is MISSING:
            raise ValueError(f"{where}: {name} is missing; write it")
    readers = {key: READERS.get((kind, key)) or _plain(known[key].type) for key in given}
    return kind(**{key: readers[key](value, key, where) for key, value in given.items()})


def _plain(kind: object) -> Callable[[Value, str, str], object]:
    """Takes a value of one of PLAIN as it is."""
    accepted, called = PLAIN[kind]

    def read(value: Value, key: str, where: str) -> object:
        if not isinstance(value, accepted) or (isinstance(value, bool) and bool not in accepted):
            raise ValueError(f"{where}: {key} is {value!r}, expected {called}")
        return float(value) if kind is float else value

    return read


def _record(kind: type) -> Callable[[Value, str, str], object]:
    def read(value: Value, key: str, where: str) -> object:
        if not isinstance(value, dict):
            raise ValueError(f"{where}: {key} is {value!r}, expected a table")
        return _made(kind, value, f"{where}: {key}")

    return read


def _all(kind: object) -> Callable[[Value, str, str], tuple]:
    return _each(_plain(kind), "a list")


def _records(kind: type) -> Callable[[Value, str, str], tuple]:
    return _each(_record(kind), "tables")


def _each(read: Callable[[Value, str, str], object], called: str) -> Callable[[Value, str, str], tuple]:
    """Reads every item of a list."""

    def each(value: Value, key: str, where: str) -> tuple:
        if not isinstance(value, list):
            raise ValueError(f"{where}: {key} is {value!r}, expected {called}")
        return tuple(read(item, key, where) for item in value)

    return each


KINDS = ("mark", "curve", "pick")
PLOTS = ("line", "points", "bars")
PICTURES = ("matrix", "filters", "codes", "codebook", "reconstruction", "activations", "example", "canvas")
PLAIN = {
    str: ((str,), "a text"),
    int: ((int,), "a whole number"),
    float: ((int, float), "a number"),
    bool: ((bool,), "true or false"),
    int | str: ((int, str), "a whole number or an expression"),
}
READERS = {
    (Lesson, "idea"): _all(str),
    (Lesson, "pictures"): _all(str),
    (Lesson, "predict"): _record(Predict),
    (Lesson, "control"): _record(Control),
    (Lesson, "plot"): _record(Plot),
    (Lesson, "wrong"): _record(Wrong),
    (Lesson, "symbols"): _records(Symbol),
    (Lesson, "questions"): _records(Question),
    (Lesson, "reading"): _records(Reading),
    (Predict, "choices"): _all(str),
    (Predict, "points"): _all(float),
    (Control, "stops"): _all(str),
    (Question, "choices"): _all(str),
}
