"""Every measured recipe, kept in one SQLite file: what was measured on what, by which recipe, with which figures."""

from core.runs.database import Store, default_path, open_store
from core.runs.records import Run, Subject, asked, described, measured, subject
from core.runs.shelf import annotate, arrays, delete, find, listed, one, record, rename
from core.runs.tables import to_csv, to_json

__all__ = [
    "Run",
    "Store",
    "Subject",
    "annotate",
    "arrays",
    "asked",
    "default_path",
    "delete",
    "described",
    "find",
    "listed",
    "measured",
    "one",
    "open_store",
    "record",
    "rename",
    "subject",
    "to_csv",
    "to_json",
]
