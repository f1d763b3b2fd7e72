import pickle
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

import sample_models
from core.loading import fingerprint, load_data, load_model, load_weights
from tests.core import plain, zoo


class Trap:
    """A pickle that would write a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return Path.touch, (self.path,)


def test_a_sample_comes_by_its_name_with_its_data():
    loaded = load_model("lenet_300_100")
    assert (loaded.name, loaded.data) == ("lenet_300_100", "digits")
    assert not loaded.model.training


def test_a_factory_takes_the_values_of_a_file(tmp_path):
    other = zoo.net(seed=1)
    path = str(tmp_path / "w.safetensors")
    safetensors.torch.save_file(other.state_dict(), path)
    assert load_model("tests.core.plain:model", path).sha256 == fingerprint(other)
    assert load_model("tests.core.plain:model").sha256 == fingerprint(zoo.net())


def test_a_weights_file_alone_finds_its_sample():
    path = str(sample_models.weights_path("lenet5"))
    assert load_model(path).sha256 == load_model("lenet5").sha256


@pytest.mark.parametrize("holder", ["state_dict", "model_state_dict", "model"])
def test_a_weights_only_checkpoint_reads(tmp_path, holder):
    path = str(tmp_path / "w.pt")
    torch.save({"epoch": 3, holder: zoo.net().state_dict(), "optimizer": {"lr": 0.1}}, path)
    assert set(load_weights(path)) == set(zoo.net().state_dict())


def test_weights_of_a_model_that_was_trained_in_parallel_fit(tmp_path):
    other, path = zoo.net(seed=1), str(tmp_path / "w.pt")
    torch.save(torch.nn.DataParallel(other).state_dict(), path)
    assert load_model("tests.core.plain:model", path).sha256 == fingerprint(other)


def test_tied_weights_that_safetensors_wrote_once_fit(tmp_path):
    path = str(tmp_path / "w.safetensors")
    other = plain.tied(seed=1)
    safetensors.torch.save_model(other, path)
    loaded = load_model("tests.core.plain:tied", path)
    assert loaded.sha256 == fingerprint(other)
    assert loaded.model.last.weight is loaded.model.look.weight


@pytest.mark.parametrize("suffix", [".pt", ".safetensors", ".bin"])
def test_a_pickle_is_refused_and_never_runs(tmp_path, suffix):
    mark, path = tmp_path / "ran", tmp_path / f"w{suffix}"
    path.write_bytes(pickle.dumps(Trap(mark)))
    with pytest.raises(ValueError, match="save model.state_dict\\(\\) as safetensors"):
        load_weights(str(path))
    torch.save(Trap(mark), path)
    with pytest.raises(ValueError, match="save model.state_dict\\(\\) as safetensors"):
        load_weights(str(path))
    assert not mark.exists()


def test_a_pickled_array_is_refused_and_never_runs(tmp_path):
    mark, path = tmp_path / "ran", tmp_path / "d.npz"
    np.savez(path, x=np.array([Trap(mark)], dtype=object), y=np.array([1]))
    with pytest.raises(ValueError, match="plain arrays x and y"):
        load_data(str(path))
    assert not mark.exists()


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda s: s.pop("fc.bias"), "fc.bias is missing, the model expects"),
        (lambda s: s.update(extra=torch.ones(1)), "extra is .*no such tensor"),
        (lambda s: s.update({"fc.bias": torch.ones(4)}), r"fc.bias is \(4,\), the model expects \(3,\)"),
    ],
)
def test_weights_that_do_not_fit_are_named(tmp_path, edit, said):
    state = zoo.net().state_dict()
    edit(state)
    path = str(tmp_path / "w.safetensors")
    safetensors.torch.save_file(state, path)
    with pytest.raises(ValueError, match=said):
        load_model("tests.core.plain:model", path)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("no_such_sample", "the samples are digits_cnn"),
        ("no.such.module:factory", "cannot be imported"),
        ("tests.core.plain:missing", "cannot be imported"),
        ("tests.core.plain:nothing", "returned int, expected a torch.nn.Module"),
        ("missing.safetensors", "is no sample, file or module:factory"),
    ],
)
def test_a_model_that_is_none_is_one_sentence(spec, said):
    with pytest.raises(ValueError, match=said):
        load_model(spec)


def test_a_data_set_of_pairs_reads():
    data = load_data("tests.core.plain:Pairs")
    assert data.inputs.shape == (250, 1, 8, 8)
    assert data.targets.tolist()[:4] == [0, 1, 2, 0]


def test_bytes_are_pixels(tmp_path):
    np.savez(tmp_path / "d.npz", x=np.full((4, 2, 2), 255, np.uint8), y=np.arange(4, dtype=np.uint8))
    data = load_data(str(tmp_path / "d.npz"))
    assert data.inputs.dtype == np.float32
    assert data.inputs.max() == 1.0
    assert data.targets.dtype == np.int64


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"x": np.zeros((4, 2))}, "lacks x or y"),
        ({"x": np.zeros((4, 2)), "y": np.zeros(3, int)}, r"x is \(4, 2\) and y is \(3,\)"),
        ({"x": np.zeros((0, 2)), "y": np.zeros(0, int)}, "expected"),
        ({"x": np.zeros((4, 2)), "y": np.zeros(4, bool)}, "y is bool, expected numbers and class labels"),
        ({"x": np.full((4, 2), np.nan), "y": np.zeros(4, int)}, "NaN or infinite"),
        ({"x": np.array(["a"] * 4)[:, None], "y": np.zeros(4, int)}, "expected numbers"),
    ],
)
def test_data_with_wrong_arrays_is_one_sentence(tmp_path, arrays, said):
    np.savez(tmp_path / "d.npz", **arrays)
    with pytest.raises(ValueError, match=said):
        load_data(str(tmp_path / "d.npz"))


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 broken", b"nonsense"])
def test_a_broken_archive_is_one_sentence(tmp_path, content):
    (tmp_path / "d.npz").write_bytes(content)
    with pytest.raises(ValueError, match="cannot be read"):
        load_data(str(tmp_path / "d.npz"))


def test_a_factory_of_arrays_reads():
    inputs, targets = plain.data()
    data = load_data("tests.core.plain:data")
    assert np.array_equal(data.inputs, inputs)
    assert np.array_equal(data.targets, targets)
