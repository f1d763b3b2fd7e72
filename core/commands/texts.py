"""Text files in and out, and tables as text."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path


def read(path: str, what: str) -> str:
    """The text of a file; ValueError that calls it `what` where it cannot be read."""
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{what} '{path}' cannot be read ({error})") from None


def write(path: str, text: str) -> None:
    """Write a text file in one step; ValueError where there is no place for it."""
    target = Path(path).resolve()
    if target.exists() and not target.is_file():
        raise ValueError(f"'{path}' is no file, expected the name of one to write")
    if not target.parent.is_dir():
        raise ValueError(f"'{path}' lies in no folder that exists, make '{target.parent}' first")
    handle, part = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with open(handle, "w", encoding="utf-8") as file:
            file.write(text + "\n")
        Path(part).chmod(0o644)
        Path(part).replace(target)
    finally:
        Path(part).unlink(missing_ok=True)


def aligned(rows: Sequence[Mapping[str, object]]) -> str:
    """A line for each row, its values in columns."""
    texts = [["" if value is None else str(value) for value in row.values()] for row in rows]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in texts)
