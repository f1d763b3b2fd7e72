"""`python -m dashboard [--port N] [--model M …]`: the page, once its port can be one and its options are known."""

import argparse
import sys
from pathlib import Path

from streamlit.web import cli

from dashboard import offers

APP = Path(__file__).with_name("app.py")
PORTS = range(1, 2**16)


def main() -> None:
    """Start Streamlit's server; status 2 with a sentence where the command line cannot be meant."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    parser.add_argument("--port", default="8501")
    try:
        found, rest = parser.parse_known_args(sys.argv[1:])
    except argparse.ArgumentError as error:
        refuse(f"{error}")
    if not found.port.isdecimal() or int(found.port) not in PORTS:
        refuse(f"--port is {found.port!r}, expected a whole number from {PORTS[0]} to {PORTS[-1]}")
    sys.argv = [str(APP), *rest]
    if offers.arguments().trouble:  # told on the terminal
        raise SystemExit(2)
    sys.argv = ["streamlit", "run", str(APP), "--server.port", str(int(found.port)), "--", *rest]
    cli.main()


def refuse(sentence: str) -> None:
    """End with a sentence."""
    print(sentence, file=sys.stderr)
    raise SystemExit(2)


if __name__ == "__main__":
    main()
