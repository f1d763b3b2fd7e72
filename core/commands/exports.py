"""`export`: a compressed model for another tool, read back by it."""

import argparse
from pathlib import Path

from core import exporters
from core.commands import given
from core.exporters import EXPORTERS, Checked
from core.exporting import write_folder


def export(options: argparse.Namespace) -> str:
    """Write a folder of 'apply' in a format of another tool, have that tool read it back, and compare the answers."""
    if options.format not in EXPORTERS:
        raise ValueError(f"format '{options.format}' is unknown, expected one of {', '.join(EXPORTERS)}")
    loaded = given.model(options)
    data, calibration = given.data(options, loaded), given.calibration(options)
    subject = exporters.opened(Path(options.folder), loaded, data, calibration)
    exporter = EXPORTERS[options.format]
    _, checked = exporters.export(exporter, subject, Path(options.output))
    return "\n".join([*exporters.said(exporter, subject), sentence(checked), f"wrote {options.output}"])


def sentence(checked: Checked) -> str:
    """What came of reading it back."""
    by_itself = checked.usual is not None and checked.usual > checked.difference
    usual = f"{checked.usual:.2g} as the tool computes unless told otherwise, " if by_itself else ""
    held = f"{checked.left:.2g} from what the format can hold, " if checked.left < checked.difference else ""
    return (
        f"read back: logits differ by {checked.difference:.2g} at most of {checked.largest:.3g}, "
        f"{held}{usual}{checked.agreement:.1%} of {checked.images} images answered alike, {checked.bytes} bytes"
    )


def report(options: argparse.Namespace) -> str:
    """Write what a folder of 'apply' chose, costs and measured as one HTML file, JSON and CSV."""
    loaded = given.model(options)
    subject = exporters.opened(Path(options.folder), loaded, given.data(options, loaded), given.calibration(options))
    write_folder(Path(options.output), exporters.report_files(subject))
    return f"wrote {options.output}"


OPTIONS = {"format": (("format",), {"help": f"one of {', '.join(EXPORTERS)}"})}
GIVEN = ("folder", *given.MEASURED, "output")
COMMANDS = {"export": (export, ("format", *GIVEN)), "report": (report, GIVEN)}
