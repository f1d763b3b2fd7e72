"""Texts of strangers within sentences."""


def short(text: str, most: int) -> str:
    """The text, or as many of its first letters and a sign that there were more."""
    return text if len(text) <= most else f"{text[:most]}…"
