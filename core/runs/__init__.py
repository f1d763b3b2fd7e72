"""Every measured recipe, kept in one SQLite file: what was measured on what, by which recipe, with which figures."""

from core.runs.contrasts import differing, figures, placed
from core.runs.database import Store, default_path, open_store
from core.runs.models import WEIGHTS, Origin, further, model_name, number_of, origin
from core.runs.pairs import Pair, answers, dense_of, pair
from core.runs.records import Run, Subject, asked, described, measured, subject
from core.runs.shelf import annotate, arrays, delete, files, find, listed, one, record, rename, with_files
from core.runs.tables import to_csv, to_json

__all__ = [
    "WEIGHTS",
    "Origin",
    "Pair",
    "Run",
    "Store",
    "Subject",
    "annotate",
    "answers",
    "arrays",
    "asked",
    "default_path",
    "delete",
    "dense_of",
    "described",
    "differing",
    "figures",
    "files",
    "find",
    "further",
    "listed",
    "measured",
    "model_name",
    "number_of",
    "one",
    "open_store",
    "origin",
    "pair",
    "placed",
    "record",
    "rename",
    "subject",
    "to_csv",
    "to_json",
    "with_files",
]
