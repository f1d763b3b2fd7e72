import json
import multiprocessing
import os
import signal
from pathlib import Path

import pytest
import safetensors.torch
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from core import container, exporting
from core.compress import compress, encode, weights
from core.decoding import from_tensors
from core.encoding import ANS, pack
from core.encoding.streams import plan_codes, write_codes
from core.exporting import deserialize, file_bytes, serialize, write_folder
from core.layer import layers
from core.recipe import Recipe, Settings
from tests.core import zoo
from tests.core.test_compress import MIXES

RECIPES = [Recipe(), *(Recipe(mix) for mix in MIXES), Recipe(layers={"fc": {"rank": 0.5}, "conv1": {"bits": 3}})]
every_recipe = pytest.mark.parametrize("recipe", RECIPES, ids=str)


@every_recipe
def test_the_size_that_is_shown_is_the_size_that_is_written(recipe):
    model = zoo.net()
    known = layers(model)
    encoded = compress(known, recipe)
    assert file_bytes(model, known, encoded) == len(serialize(model, known, encoded, {}))


@settings(max_examples=40, deadline=None)
@given(
    st.dictionaries(
        st.text('abcdefgh.0123456789é"\\', min_size=1, max_size=30),
        st.tuples(st.sampled_from(list(exporting.TYPE_NAMES)), st.lists(st.integers(0, 7), max_size=3)),
        min_size=1,
        max_size=12,
    )
)
def test_the_header_is_counted_as_safetensors_writes_it(specs):
    tensors = {name: torch.zeros(shape, dtype=kind) for name, (kind, shape) in specs.items()}
    entries = [(name, exporting.TYPE_NAMES[t.dtype], tuple(t.shape)) for name, t in tensors.items()]
    assert exporting._framed_bytes(entries, '{"a":1}') == len(
        safetensors.torch.save(tensors, {"prunescope": '{"a":1}'})
    )


@every_recipe
def test_what_is_written_decodes_to_what_was_measured(recipe):
    model = zoo.net()
    known = layers(model)
    encoded = compress(known, recipe)
    _, decoded = deserialize(serialize(model, known, encoded, {}), model, known)
    assert set(decoded) == set(model.state_dict())
    for name, tensor in (model.state_dict() | weights(known, encoded)).items():
        assert torch.equal(decoded[name], tensor)


def test_the_dense_file_is_a_plain_state_dict():
    model = zoo.net()
    known = layers(model)
    data = serialize(model, known, compress(known, Recipe()), {})
    model.load_state_dict(safetensors.torch.load(data))


def test_tied_weights_are_written_once():
    first, second = nn.Linear(30, 30, bias=False), nn.Linear(30, 30, bias=False)
    second.weight = first.weight
    model = nn.Sequential(first, second).requires_grad_(False)
    known = layers(model)
    encoded = compress(known, Recipe(Settings(bits=4)))
    data = serialize(model, known, encoded, {})
    assert len(data) == file_bytes(model, known, encoded) < 2 * 30 * 30
    assert set(deserialize(data, model, known)[1]) == {"0.weight"}


def damaged(change) -> bytes:
    model = zoo.net()
    known = layers(model)
    data = serialize(model, known, compress(known, Recipe(Settings(sparsity=0.5, bits=4))), {})
    tensors, index = container.opened(data)
    tensors, forms = change(tensors, json.dumps(index, separators=(",", ":")))
    return safetensors.torch.save(tensors, {"prunescope": forms})


@pytest.mark.parametrize(
    "change",
    [
        lambda t, f: ({k: v for k, v in t.items() if k != "fc.weight:scale"}, f),
        lambda t, f: (t | {"fc.weight:codes_ans": t["fc.weight:codes_ans"][:-1].clone()}, f),
        lambda t, f: (t | {"fc.weight:codes_ans": t["fc.weight:codes_ans"][:0].clone()}, f),
        lambda t, f: (t | {"fc.weight:codes_ans": t["fc.weight:codes_ans"].float()}, f),
        lambda t, f: (t | {"fc.weight:codes": t["fc.weight:codes_ans"].clone()}, f),
        lambda t, f: (t | {"conv2.weight:mask_ans": torch.zeros(9, dtype=torch.uint8)}, f),
        lambda t, f: (t | {"fc.weight:values_ans": t["fc.weight:codes_ans"].clone()}, f),
        lambda t, f: (t | {"fc.weight:scale": torch.ones(2, 2)}, f),
        lambda t, f: (t | {"stranger": torch.ones(1)}, f),
        lambda t, f: ({k: v for k, v in t.items() if k != "fc.bias"}, f),
        lambda t, f: (t, f.replace('"columns":256', '"columns":256,"block":0')),
        lambda t, f: (t, f.replace('"columns":256', '"columns":256,"block":999999999999')),
        lambda t, f: (t, f.replace('"width":4', '"width":9')),
        lambda t, f: (t, f.replace('"rows":3', '"rows":-3')),
        lambda t, f: (t, f.replace('"kind":"sparse"', '"kind":"magic"')),
        lambda t, f: (t, f.replace("weights/3", "weights/2")),
        lambda t, f: (t, "[]"),
        lambda t, f: (t, "nonsense"),
        lambda t, f: (t, "[" * 100_000),
        lambda t, f: (t, f.replace('"rows":3,"columns":256', '"rows":700,"columns":700')),
        lambda t, f: (t | {"fc.bias": t["fc.bias"].double()}, f),
        lambda t, f: (t, '{"format":"prunescope/weights/3","forms":{"fc.weight":5}}'),
        lambda t, f: (
            t,
            '{"format":"prunescope/weights/3","forms":{"fc.weight":{"kind":"low_rank","groups":0,"left":{},"right":{}}}}',
        ),
    ],
)
def test_a_file_that_does_not_fit_is_refused_in_a_sentence(change):
    model = zoo.net()
    with pytest.raises(ValueError, match=r"\w+ \w+"):
        deserialize(damaged(change), model, layers(model))


def test_codes_and_masks_that_are_not_entropy_coded_are_read_too():
    layer = zoo.linear(zoo.random(30, 200))
    encoded = encode(layer, Settings(sparsity=0.9, bits=3))
    tensors = encoded.tensors()
    coded = {name for name in tensors if name.endswith(ANS)}
    assert coded == {"codes_ans", "mask_ans"}
    codes = pack(encoded.values.codes[encoded.mask], 3)
    rest = {name: tensor for name, tensor in tensors.items() if name not in coded}
    for mask in (
        {"mask": pack(encoded.mask.flatten().to(torch.uint8), 1)},
        {"positions": encoded.mask.flatten().nonzero().flatten().int()},
    ):
        again = from_tensors(encoded.form(), rest | mask | {"codes": codes})
        assert torch.equal(again.decode(), encoded.decode())


@pytest.mark.parametrize("plain", ["mask", "codes"])
def test_a_part_that_is_stored_in_two_ways_is_refused(plain: str):
    encoded = encode(zoo.linear(zoo.random(30, 200)), Settings(sparsity=0.9, bits=3))
    with pytest.raises(ValueError, match=f"{plain} is stored in two ways"):
        from_tensors(encoded.form(), encoded.tensors() | {plain: torch.zeros(1, dtype=torch.uint8)})


def test_floats_of_eight_bits_are_entropy_coded_and_checked():
    encoded = encode(zoo.linear(zoo.random(100, 200)), Settings(coder="float8_e4m3", bits=8, sparsity=0.5))
    tensors = encoded.tensors()
    assert torch.equal(from_tensors(encoded.form(), tensors).decode(), encoded.decode())
    whole = encoded.values.codes.view(torch.uint8)[encoded.mask].numpy().copy()
    assert tensors["values_ans"].numel() < len(whole)
    whole[7] = 0x7F  # NaN
    forged = write_codes(plan_codes(whole, 256)[0], whole, 256)
    with pytest.raises(ValueError, match="NaN"):
        from_tensors(encoded.form(), tensors | {"values_ans": forged})


def test_a_file_of_something_else_is_refused():
    model = zoo.net()
    for data in (b"", b"\x80\x04pickle", safetensors.torch.save({"a": torch.ones(1)})):
        with pytest.raises(ValueError, match="not a file that Prunescope wrote"):
            deserialize(data, model, layers(model))


def test_a_folder_is_replaced_whole(tmp_path):
    folder = tmp_path / "out"
    write_folder(folder, {"a": b"1", "b": b"2"})
    write_folder(folder, {"a": b"3", "b": b"4"})
    assert {f.name: f.read_bytes() for f in folder.iterdir()} == {"a": b"3", "b": b"4"}
    assert [entry.name for entry in tmp_path.iterdir()] == ["out"]


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(ValueError, match="holds 'mine.txt' already"):
        write_folder(tmp_path, {"a": b"1"})
    assert [entry.name for entry in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize(
    "make", [Path.mkdir, lambda path: path.symlink_to("/etc/hostname"), lambda path: path.write_text("x")]
)
def test_a_folder_that_only_looks_like_ours_is_left_alone(tmp_path, make):
    make(tmp_path / "a")
    with pytest.raises(ValueError, match="holds 'a' already"):
        write_folder(tmp_path, {"a": b"1", "b": b"2"})
    assert [entry.name for entry in tmp_path.iterdir()] == ["a"]


def test_a_link_to_a_folder_is_written_through(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    for value in (b"1", b"2"):
        write_folder(tmp_path / "link", {"a": value})
        assert (tmp_path / "real" / "a").read_bytes() == value
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["link", "real"]


def write_forever(folder: str) -> None:
    for i in range(10**6):
        write_folder(Path(folder), {"a": b"%d" % i * 1000, "b": b"%d" % i * 1000})


def test_killed_at_any_moment_it_leaves_the_old_folder_or_the_new_one(tmp_path):
    folder = tmp_path / "out"
    write_folder(folder, {"a": b"0" * 1000, "b": b"0" * 1000})
    for delay in (0.3, 0.31, 0.33, 0.36, 0.4):
        process = multiprocessing.get_context("fork").Process(target=write_forever, args=(str(folder),))
        process.start()
        process.join(delay)
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        assert folder.is_dir()
        assert sorted(f.name for f in folder.iterdir()) == ["a", "b"]
        assert (folder / "a").read_bytes() == (folder / "b").read_bytes()
