"""The command line: `python -m core`, the dashboard's twin."""

import argparse
import sys
from collections.abc import Sequence
from typing import NoReturn

from core.commands import COMMANDS, OPTIONS
from core.sentences import short

LONGEST = 2000  # letters of a complaint


class OneLine(argparse.ArgumentParser):
    """A parser whose complaint is one line."""

    def error(self, message: str) -> NoReturn:
        """Exit with status 2 and the message."""
        self.exit(2, f"{_line(message)}; see python -m core --help\n")


def _parser() -> argparse.ArgumentParser:
    parser = OneLine(prog="python -m core", description=__doc__)
    groups = {"": parser.add_subparsers(required=True, metavar="command")}
    for name, (function, options) in COMMANDS.items():
        group, _, last = name.rpartition(" ")
        if group not in groups:
            whole = groups[""].add_parser(group, help=f"see python -m core {group} --help")
            groups[group] = whole.add_subparsers(required=True, metavar="command")
        command = groups[group].add_parser(last, help=function.__doc__, description=function.__doc__)
        command.set_defaults(command=name)
        for option in options:
            flags, settings = OPTIONS[option]
            command.add_argument(*flags, **settings)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """0, or 2 with one line on stderr that names the thing, the value and the way out."""
    options = _parser().parse_args(arguments)
    try:
        print(COMMANDS[options.command][0](options))
    except (ValueError, OSError) as error:
        print(_line(f"{error}"), file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"{options.command} was interrupted", file=sys.stderr)
        return 2
    except Exception as error:  # raised by the code of a stranger's model or data while they are used
        print(_line(f"{options.command} failed with {error!r}"), file=sys.stderr)
        return 2
    return 0


def _line(text: str) -> str:
    """A text in one line, LONGEST letters at most."""
    return short(" ".join(text.split()), LONGEST)


if __name__ == "__main__":
    sys.exit(main())
