"""What a stranger hands over is read as data, or refused in a sentence that names the file and leaves nothing."""

import io
import json
import pickle
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

import sample_models
from core import receiving
from core.receiving import DATA, LIMITS, RECIPE, SUFFIXES, WEIGHTS
from core.recipe import FORMAT, Recipe, Settings, to_json
from tests.core import mutated, zoo

BASE = "tests.core.plain:model"


def saved(state: object) -> bytes:
    file = io.BytesIO()
    torch.save(state, file)
    return file.getvalue()


def archive(**arrays: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


def inside(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("named", "kept"),
    [
        ("../../../etc/x.npz", "x.npz"),
        ("C:\\windows\\x.NPZ", "x.npz"),
        ("/abs/olute.npz", "olute.npz"),
        ("a b;$(rm) é.npz", "a_b___rm___.npz"),
        ("." * 9 + "hidden.npz", "hidden.npz"),
        ("z" * 300 + ".npz", "z" * 60 + ".npz"),
    ],
)
def test_a_name_leads_nowhere_but_into_a_folder_of_its_own(tmp_path, named, kept):
    path = receiving.placed(tmp_path, DATA, (named, b"12"))
    assert path.name == kept
    assert inside(tmp_path) == [path]
    assert path.parent.parent == tmp_path
    assert receiving.placed(tmp_path, DATA, (named, b"12")) != path


@pytest.mark.parametrize("kind", LIMITS)
def test_what_is_too_large_or_of_another_kind_is_refused_and_nothing_is_written(tmp_path, kind, monkeypatch):
    monkeypatch.setitem(LIMITS, kind, 10)
    with pytest.raises(ValueError, match="has 11 bytes, expected 10 at most"):
        receiving.placed(tmp_path, kind, (f"x{SUFFIXES[kind][0]}", b"1" * 11))
    with pytest.raises(ValueError, match=r"'x.exe' is none of"):
        receiving.placed(tmp_path, kind, ("x.exe", b"1"))
    with pytest.raises(ValueError, match="is none of"):
        receiving.placed(tmp_path, kind, (SUFFIXES[kind][0][1:], b"1"))
    assert not inside(tmp_path)


@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
def test_weights_fit_the_model_then_a_sample(tmp_path, suffix):
    write = safetensors.torch.save if suffix == ".safetensors" else saved
    own = receiving.placed(tmp_path, WEIGHTS, (f"own{suffix}", write(dict(zoo.net().state_dict()))))
    assert receiving.fit(own, BASE) == receiving.Fit(BASE)
    state = dict(sample_models.load("lenet_300_100").state_dict())
    other = receiving.placed(tmp_path, WEIGHTS, (f"other{suffix}", write(state)))
    assert receiving.fit(other, BASE).base == "lenet_300_100"


def test_safetensors_of_no_known_network_stay_a_list_of_matrices_and_a_checkpoint_is_refused(tmp_path):
    state = {"far.weight": zoo.random(6, 8), "far.bias": zoo.random(6)}
    alone = receiving.placed(tmp_path, WEIGHTS, ("alone.safetensors", safetensors.torch.save(state)))
    found = receiving.fit(alone, BASE)
    assert not found.base
    assert "the model expects" in found.why
    assert str(tmp_path) not in found.why
    checkpoint = receiving.placed(tmp_path, WEIGHTS, ("alone.pt", saved(state)))
    with pytest.raises(ValueError, match="weights 'alone.pt': .* the model expects"):
        receiving.fit(checkpoint, BASE)


def test_a_recipe_and_data_are_read_as_they_are(tmp_path):
    asked = Recipe(Settings(sparsity=0.5), {"fc": {"bits": 4}})
    assert receiving.recipe(to_json(asked).encode()) == asked
    x, y = np.arange(12, dtype=np.float32).reshape(4, 3), np.arange(4)
    path = receiving.placed(tmp_path, DATA, ("mine.npz", archive(x=x, y=y)))
    found = receiving.data(path)
    assert np.array_equal(found.inputs, x)
    assert np.array_equal(found.targets, y)
    assert found.name == "mine"
    assert np.array_equal(receiving.data(path, {"mean": "1", "std": "2"}).inputs, (x - 1) / 2)


def hostile(marker: Path) -> dict[str, tuple[str, bytes]]:
    """Kind and content of files that would do harm; marker: what a pickle would create."""
    harm = {"fc.weight": mutated.Touch(marker)}
    bomb, huge, old = io.BytesIO(), io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as file:
        for name in ("x.npy", "y.npy"):
            with file.open(name, "w") as part:
                for _ in range(150):
                    part.write(b"\0" * 10**6)
    with zipfile.ZipFile(huge, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("archive/data.pkl", pickle.dumps({}))
        file.writestr("archive/data/0", b"\0" * 10**8)
    with tarfile.open(fileobj=old, mode="w") as file:
        for name in ("../../made", "storages", "tensors", "pickle"):
            file.addfile(tarfile.TarInfo(name), io.BytesIO())
    head = json.dumps({"w": {"dtype": "F32", "shape": [2**40, 2**10], "data_offsets": [0, 2**52]}}).encode()
    wide = b'{"format":"prunescope/recipe/1","layers":{"' + b"x" * 10**5 + b'":{"bits":99}}}'
    return {
        "a long name": (RECIPE, wide),
        "a long format": (RECIPE, json.dumps({"format": "x" * 10**5}).encode()),
        "a long list": (RECIPE, json.dumps({"format": FORMAT, "default": [1] * 10**5}).encode()),
        "a pickle": (WEIGHTS, pickle.dumps(harm)),
        "a checkpoint": (WEIGHTS, saved(harm)),
        "a checkpoint of old": (WEIGHTS, old.getvalue()),
        "a packed checkpoint": (WEIGHTS, huge.getvalue()),
        "a pickled array": (DATA, archive(x=np.array([mutated.Touch(marker)], dtype=object), y=np.arange(1))),
        "a zip bomb": (DATA, bomb.getvalue()),
        "a path out": (DATA, bomb.getvalue().replace(b"x.npy", b"../xy")),
        "a nested recipe": (RECIPE, b"[" * 10**6),
        "an endless number": (RECIPE, b'{"format": ' + b"9" * 10**5 + b"}"),
        "no text": (RECIPE, b"\xff\xfe" * 9),
        "a huge head": (WEIGHTS + "!", (2**40).to_bytes(8, "little") + b"{" * 64),
        "a declared size": (WEIGHTS + "!", len(head).to_bytes(8, "little") + head),
    }


def received(folder: Path, kind: str, named: tuple[str, bytes]) -> object:
    if kind == RECIPE:
        return receiving.recipe(named[1])
    path = receiving.placed(folder, kind, named)
    return receiving.data(path) if kind == DATA else receiving.fit(path, BASE)


@pytest.mark.parametrize("name", hostile(Path("none")))
def test_a_hostile_file_is_one_sentence_and_makes_no_file(tmp_path, name):
    marker = tmp_path / "made"
    kind, content = hostile(marker)[name]
    suffix = SUFFIXES[kind.rstrip("!")][0 if kind.endswith("!") or kind != WEIGHTS else 1]
    with pytest.raises(ValueError, match=r"\w") as refused:
        received(tmp_path, kind.rstrip("!"), (f"bad{suffix}", content))
    said = f"{refused.value}"
    assert "\n" not in said
    assert 0 < len(said) < 400
    assert str(tmp_path) not in said
    assert "weights_only" not in said
    assert not marker.exists()


@pytest.mark.parametrize("place", ['"default": %s', '"layers": {"fc": {"sparsity": %s}}', '"rest": %s', '"model": %s'])
def test_a_recipe_is_refused_however_deep_it_is_nested(place):
    for depth in range(900, 1000):
        text = f'{{"format": "{FORMAT}", {place % ("[" * depth + "]" * depth)}}}'
        with pytest.raises(ValueError, match="^recipe: ") as refused:
            receiving.recipe(text.encode())
        assert len(f"{refused.value}") < 400


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
def test_a_tensor_without_a_shape_is_refused_in_a_sentence(tmp_path):
    ragged = torch.nested.nested_tensor([torch.ones(2), torch.ones(3)])
    path = receiving.placed(tmp_path, WEIGHTS, ("w.pt", saved({"fc.weight": ragged})))
    with pytest.raises(ValueError, match="'w.pt' hold no plain state dict"):
        receiving.fit(path, BASE)
