from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.datasets import load_data
from core.metrics import IGNORED

PIXELS = np.random.default_rng(0).integers(0, 256, (12, 6, 5, 3), dtype=np.uint8)


@pytest.fixture
def folder(tmp_path) -> Path:
    """Twelve images of three classes, lossless."""
    for i, pixels in enumerate(PIXELS):
        place = tmp_path / "images" / ("ant", "bee", "cat")[i % 3]
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(place / f"{i:02}.png")
    return tmp_path / "images"


def table(path: Path, *lines: str) -> str:
    path.write_text("\n".join(lines) + "\n")
    return str(path)


def test_a_folder_gives_each_image_the_label_of_its_sub_folder(folder):
    data = load_data(str(folder))
    assert data.inputs.shape == (12, 3, 6, 5)
    for image, label in zip(data.inputs, data.targets, strict=True):
        place = next(i for i, pixels in enumerate(PIXELS) if np.array_equal(pixels, 255 * image.transpose(1, 2, 0)))
        assert label == place % 3
    assert data.classes == ("ant", "bee", "cat")


def test_the_first_images_of_a_folder_are_of_every_class_and_always_the_same(folder):
    first, again = load_data(str(folder)), load_data(str(folder))
    assert set(first.targets[:6]) == {0, 1, 2}
    assert np.array_equal(first.inputs, again.inputs)


def test_images_are_resized_greyed_and_normalised(folder):
    plain = load_data(str(folder), {"size": "4", "channels": "1"})
    assert plain.inputs.shape == (12, 1, 4, 4)
    made = load_data(str(folder), {"size": "4", "channels": "1", "mean": "0.5", "std": "0.25"})
    assert np.allclose(made.inputs, (plain.inputs - 0.5) / 0.25, atol=1e-6)
    assert load_data(str(folder), {"size": "4,7"}).inputs.shape == (12, 3, 4, 7)


def test_each_channel_has_its_own_mean(folder):
    plain, made = load_data(str(folder)), load_data(str(folder), {"mean": "0.1,0.2,0.3"})
    assert np.allclose(plain.inputs - made.inputs, np.array([0.1, 0.2, 0.3])[:, None, None], atol=1e-6)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"size": "big"}, "size is 'big', expected a side"),
        ({"size": "0"}, "size is '0', expected a side"),
        ({"channels": "4"}, "channels is '4', expected one of 1, 3"),
        ({"mean": "x"}, "mean is 'x', expected numbers"),
        ({"std": "0"}, "std is '0', expected numbers above 0"),
        ({"mean": "1,2"}, "mean holds 2 numbers, expected 1 or 3"),
        ({"speed": "9"}, "speed is nothing to prepare it with, expected mean, std"),
    ],
)
def test_wrong_options_are_one_sentence(folder, options, said):
    with pytest.raises(ValueError, match=said):
        load_data(str(folder), options)


def test_wrong_folders_are_one_sentence(folder):
    (folder / "ant" / "broken.png").write_bytes(b"no image")
    with pytest.raises(ValueError, match=r"broken.png' cannot be read"):
        load_data(str(folder))
    (folder / "ant" / "broken.png").unlink()
    Image.fromarray(PIXELS[0][:3]).save(folder / "ant" / "small.png")
    with pytest.raises(ValueError, match=r"is \dx5, others are \dx5; give them one with size=SIDE"):
        load_data(str(folder))
    (folder / "dog").mkdir()
    with pytest.raises(ValueError, match="class 'dog' holds no image"):
        load_data(str(folder))
    with pytest.raises(ValueError, match="has no sub-folders"):
        load_data(str(folder / "dog"))


def test_an_image_of_a_huge_declared_size_is_refused(folder):
    header = (folder / "ant" / "00.png").read_bytes()
    (folder / "ant" / "00.png").write_bytes(header[:16] + (60_000).to_bytes(4, "big") * 2 + header[24:])
    with pytest.raises(ValueError, match="cannot be read"):
        load_data(str(folder))


def test_a_table_gives_its_last_column_as_labels(tmp_path):
    data = load_data(table(tmp_path / "t.csv", "a,b,kind", "1,2.5,ant", "3,4,bee", "5,6,ant"))
    assert data.inputs.tolist() == [[1, 2.5], [3, 4], [5, 6]]
    assert data.targets.tolist() == [0, 1, 0]


def test_a_table_s_target_is_numbers_where_they_are_not_whole_or_where_it_is_said(tmp_path):
    path = table(tmp_path / "t.csv", "a,y,b", "1,2,0.5", "3,7,1.5")
    assert load_data(path).targets.dtype == np.float32
    assert load_data(path, {"target": "y"}).targets.tolist() == [2, 7]
    numbers = load_data(path, {"target": "y", "targets": "numbers"})
    assert numbers.targets.dtype == np.float32
    assert numbers.inputs.tolist() == [[1, 0.5], [3, 1.5]]


@pytest.mark.parametrize(
    ("lines", "options", "said"),
    [
        (("a,b", "1,x", "2,y"), {"target": "c"}, "has no column 'c' for the target, its columns are a, b"),
        (("a,b", "red,1", "blue,0"), {}, "column 'a' holds 'red', expected numbers"),
        (("a,b", "1,1", ",0"), {}, "line 3 has no value in column 'a'"),
        (("a", "1"), {}, "expected inputs and a target"),
        (("a,b",), {}, "0 rows"),
        (("a,b", '"1,2'), {}, "cannot be read"),
        (("a,b", "1,x", "2,y"), {"targets": "numbers"}, "the target holds 'x', expected numbers"),
        (("a,b", "1,1", "2,0"), {"targets": "many"}, "targets is 'many', expected one of classes, numbers"),
        (("a,b", "1,1", "inf,0"), {}, "NaN or infinite"),
    ],
)
def test_wrong_tables_are_one_sentence(tmp_path, lines, options, said):
    with pytest.raises(ValueError, match=said):
        load_data(table(tmp_path / "t.csv", *lines), options)


def test_rows_of_whole_numbers_without_y_are_tokens_and_the_next_ones(tmp_path):
    x = np.arange(12).reshape(3, 4)
    np.savez(tmp_path / "t.npz", x=x)
    data = load_data(str(tmp_path / "t.npz"))
    assert data.inputs.dtype == np.int64
    assert data.targets.tolist() == [[*row[1:], IGNORED] for row in x.tolist()]
    with pytest.raises(ValueError, match="mean and std are for pixels and numbers"):
        load_data(str(tmp_path / "t.npz"), {"mean": "1"})


def test_numbers_as_targets_stay_numbers(tmp_path):
    np.savez(tmp_path / "t.npz", x=np.ones((3, 4)), y=np.array([[0.5, 1], [1, 2], [2, 3]]))
    assert load_data(str(tmp_path / "t.npz")).targets.tolist() == [[0.5, 1], [1, 2], [2, 3]]


def test_an_archive_that_declares_more_than_memory_is_refused(tmp_path):
    np.savez_compressed(tmp_path / "t.npz", x=np.zeros((1000, 1000)), y=np.zeros(1000, int))
    assert (tmp_path / "t.npz").stat().st_size < 20_000
    with pytest.raises(ValueError, match="its arrays take 8008256 bytes, expected at most 1000000"):
        load_data(str(tmp_path / "t.npz"), most=10**6)


def test_preparing_that_leaves_no_numbers_is_a_sentence() -> None:
    with pytest.raises(ValueError, match="x, prepared with mean and std, holds NaN or infinite values"):
        load_data("digits", {"std": "1e-45"})
