"""The report says what the folder's report says, alone and in three ways."""

import csv
import hashlib
import io
import json
import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from core.exporters import EXPORTERS, report_files
from core.exporters.page import bars
from tests.core.exporters.subjects import subject


class Seen(HTMLParser):
    """Which tags are open, and every attribute."""

    def __init__(self) -> None:
        super().__init__()
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(f"{tag} {name}", value) for name, value in attrs]


@pytest.mark.parametrize("recipe", ["as it was", "pruned, 4 bits", "shrunk, low rank", "inputs"])
def test_the_page_needs_no_network_and_the_tables_hold_the_reports_figures(recipe: str) -> None:
    given = subject("digits_resnet", recipe)
    files = report_files(given)
    promised = json.loads(given.files["report.json"])
    found = json.loads(files["report.json"])
    assert {name: found[name] for name in promised} == promised
    assert found["sha256"]["model.safetensors"] == hashlib.sha256(given.files["model.safetensors"]).hexdigest()
    rows = list(csv.DictReader(io.StringIO(files["report.csv"].decode())))
    assert [int(row["bytes"]) for row in rows] == [row["bytes"] for row in promised["layers"]]
    page = files["report.html"].decode()
    seen = Seen()
    seen.feed(page)
    assert not [name for name, _ in seen.attributes if name.split()[1] in ("src", "href")]
    assert set(re.findall(r"https?://[^\s\"<]+", page)) == {"http://www.w3.org/2000/svg"}
    assert f"{promised['bytes']:,} bytes" in page


def test_names_of_layers_are_text_and_no_tags() -> None:
    picture = bars([{"layer": "<script>a", "weights": 10, "bytes": 3}])
    assert ElementTree.fromstring(picture).find(".//{http://www.w3.org/2000/svg}script") is None


def test_a_model_card_has_the_measured_table_and_a_picture() -> None:
    given = subject("lenet_300_100", "pruned, 4 bits")
    files = EXPORTERS["huggingface"].write(given)
    card = files["README.md"].decode()
    assert f"{json.loads(given.files['report.json'])['bytes']:,} bytes" in card
    assert "| fc1 | 300x784 | 50.0% |" in card
    ElementTree.fromstring(files["layers.svg"].decode())
    assert json.loads(files["config.json"])["architectures"] == ["LeNet300100"]
