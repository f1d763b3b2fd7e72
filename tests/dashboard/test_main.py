"""`python -m dashboard`: a sentence and status 2 where the command line cannot be meant, the page otherwise."""

import sys
from collections.abc import Iterator

import pytest

from dashboard import __main__ as command
from dashboard import offers


@pytest.fixture(autouse=True)
def started(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[list[str]]]:
    """What Streamlit was started with, each time."""
    found: list[list[str]] = []
    monkeypatch.setattr(command.cli, "main", lambda: found.append(list(sys.argv)))
    offers.arguments.cache_clear()
    offers.tell.cache_clear()
    yield found
    offers.arguments.cache_clear()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--port", "99999"], "--port is '99999', expected a whole number from 1 to 65535"),
        (["--port", "-5"], "--port"),
        (["--port", "0"], "--port is '0', expected"),
        (["--port", "²"], "--port is '²', expected"),
        (["--port", "8e3"], "--port is '8e3', expected"),
        (["--port"], "argument --port: expected one argument"),
        (["--server.port", "99999"], "'--server.port' is no option of the page, expected --model"),
        (["--model"], "argument --model: expected one argument"),
    ],
)
def test_what_cannot_be_meant_is_one_sentence_and_no_page(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    started: list[list[str]],
    given: list[str],
    said: str,
) -> None:
    monkeypatch.setattr(sys, "argv", ["dashboard", *given])
    with pytest.raises(SystemExit) as ended:
        command.main()
    (line,) = capsys.readouterr().err.splitlines()
    assert (ended.value.code, said in line, started) == (2, True, [])


def test_a_port_goes_to_the_server_and_the_rest_to_the_page(
    monkeypatch: pytest.MonkeyPatch, started: list[list[str]]
) -> None:
    monkeypatch.setattr(sys, "argv", ["dashboard", "--model", "lenet5", "--port", "8600"])
    command.main()
    options = ["--server.port", "8600", "--", "--model", "lenet5"]
    assert started == [["streamlit", "run", str(command.APP), *options]]
