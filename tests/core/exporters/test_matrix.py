"""Every sample by every export: what the tool itself answers is what was measured, as far as the format can say it."""

from collections.abc import Iterator
from functools import lru_cache

import pytest

from core.exporters import EXPORTERS, export, facets, onnx_files
from core.exporters.format import FLOAT
from sample_models import SAMPLES
from tests.core.exporters import forked
from tests.core.exporters.subjects import subject

HALVES = (
    5e-3  # of the largest logit: scales in float16 move a weight by 2^-11 of it, ten times as much after all layers
)
ON_GRIDS = [name for name, exporter in EXPORTERS.items() if exporter.keeps["inputs"].kept]


@pytest.fixture(scope="module", autouse=True)
def tools() -> Iterator[None]:
    """Tools are imported once, and OpenVINO is given the ONNX file that onnxruntime has read."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("core.exporters.child.ran", forked.ran)
        patch.setattr(onnx_files, "whole_file", lru_cache(maxsize=1)(onnx_files.whole_file))
        yield


@pytest.mark.parametrize("name", EXPORTERS)
@pytest.mark.parametrize("recipe", ["pruned, 4 bits", "all at once"])
@pytest.mark.parametrize("model", SAMPLES)
def test_the_tool_answers_what_was_measured(model: str, recipe: str, name: str) -> None:
    given = subject(model, recipe)
    files, checked = export(EXPORTERS[name], given)
    assert checked.bytes == sum(map(len, files.values()))
    assert checked.images == 200
    assert checked.left <= FLOAT * checked.largest  # sums of float32 in another order
    if EXPORTERS[name].rounded:
        assert checked.left < checked.difference <= HALVES * checked.largest
    else:  # nothing is rounded that the recipe does not round
        assert checked.difference == checked.left
    assert checked.agreement > 0.99


@pytest.mark.parametrize("name", ON_GRIDS)
@pytest.mark.parametrize("model", SAMPLES)
def test_the_tool_rounds_inputs_as_measured(model: str, name: str) -> None:
    given = subject(model, "inputs")
    _, checked = export(EXPORTERS[name], given)
    assert "inputs" in facets(given)
    assert checked.agreement > 0.95  # an input between two codes may go either way


@pytest.mark.parametrize("model", SAMPLES)
def test_all_at_once_is_a_mask_codes_low_rank_and_a_smaller_model(model: str) -> None:
    assert set(facets(subject(model, "all at once"))) == {"mask", "codes", "low rank", "shrunk"}
