"""A compressed model as files that other tools read: EXPORTERS, each of which loads back what it wrote."""

from core.exporters.format import Checked, Exporter, export, missing, said
from core.exporters.gguf_files import GGUF_FILES
from core.exporters.hub import HUB
from core.exporters.onnx_files import ONNX_FILES
from core.exporters.page import report_files
from core.exporters.plain_files import PLAIN_FILES
from core.exporters.programs import PROGRAMS
from core.exporters.quantized import QUANTIZED
from core.exporters.scripts import SCRIPTS
from core.exporters.states import STATES
from core.exporters.subject import FACETS, Subject, facets, of_files, opened

__all__ = [
    "EXPORTERS",
    "FACETS",
    "Checked",
    "Exporter",
    "Subject",
    "export",
    "facets",
    "missing",
    "of_files",
    "opened",
    "report_files",
    "said",
]

EXPORTERS: dict[str, Exporter] = STATES | PLAIN_FILES | PROGRAMS | SCRIPTS | ONNX_FILES | QUANTIZED | GGUF_FILES | HUB
