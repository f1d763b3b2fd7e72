"""A folder of images, in a sub-folder for each class."""

import warnings
from pathlib import Path

import numpy as np
from PIL import Image

MOST = 2**32  # pixels, of all images together


def read(path: str, options: dict[str, str]) -> tuple[np.ndarray, np.ndarray]:
    """Pixels (N, channels, height, width) uint8 and labels (N,): the sub-folders' places in alphabetical order.

    The images come in a fixed random order, so that the first ones are of every class. options, which are taken out:
    `size`, a side or height,width that each image is resized to; `channels`, 1 for grey or 3 for colour, the default.
    """
    size = _size(path, options.pop("size", None))
    mode = _mode(path, options.pop("channels", "3"))
    files = _files(Path(path))
    order = np.random.default_rng(0).permutation(len(files))
    images: list[np.ndarray] = []
    for place in order:
        image = _pixels(files[place][0], mode, size)
        if images and image.shape != images[0].shape:
            raise ValueError(
                f"data '{path}': {files[place][0].name} is {_sides(image)}, others are {_sides(images[0])}; give them "
                "one with size=SIDE"
            )
        if image.size * len(files) > MOST:
            raise ValueError(f"data '{path}': {len(files)} images of {_sides(image)} are too many, give size=SIDE")
        images.append(image)
    return np.stack(images), np.array([files[place][1] for place in order], dtype=np.int64)


def classes(path: str) -> tuple[str, ...]:
    """What each label is called: the names of the sub-folders."""
    return tuple(each.name for each in _classes(Path(path)))


def _classes(folder: Path) -> list[Path]:
    return sorted(entry for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith("."))


def _files(folder: Path) -> list[tuple[Path, int]]:
    """Each image and its label."""
    classes = _classes(folder)
    if not classes:
        raise ValueError(f"data '{folder}' has no sub-folders, expected one with images for each class")
    found = []
    for label, each in enumerate(classes):
        images = sorted(file for file in each.iterdir() if file.suffix.lower() in SUFFIXES)
        if not images:
            raise ValueError(f"data '{folder}': class '{each.name}' holds no image, expected {', '.join(SUFFIXES)}")
        found += [(image, label) for image in images]
    return found


def _pixels(file: Path, mode: str, size: tuple[int, int] | None) -> np.ndarray:
    """(channels, height, width) uint8."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)  # a small file can declare any size
            with Image.open(file) as image:
                whole = image.convert(mode)
        whole = whole if size is None else whole.resize(size[::-1], Image.Resampling.BILINEAR)
    except Exception as error:  # a broken file makes Pillow raise almost anything
        raise ValueError(f"data: image '{file}' cannot be read ({error}); remove it or mend it") from None
    return np.atleast_3d(np.asarray(whole)).transpose(2, 0, 1)


def _size(path: str, text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    sides = str(text).split(",")
    if len(sides) > 2 or not all(side.isdigit() and 0 < int(side) <= 4096 for side in sides):
        raise ValueError(f"data '{path}': size is {text!r}, expected a side, or height,width, of 1 to 4096 pixels")
    return int(sides[0]), int(sides[-1])


def _mode(path: str, text: str) -> str:
    if str(text) not in MODES:
        raise ValueError(f"data '{path}': channels is {text!r}, expected one of {', '.join(MODES)}")
    return MODES[str(text)]


def _sides(image: np.ndarray) -> str:
    return "x".join(map(str, image.shape[1:]))


MODES = {"1": "L", "3": "RGB"}
SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
