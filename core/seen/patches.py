"""What multiplies the rows of a layer's matrix: a linear layer's inputs, a convolution's patches."""

from collections.abc import Iterator
from math import prod

from torch import Tensor
from torch.nn import functional

from core.seen.watching import Use

CHUNK = 2**23  # numbers unfolded at a time, 32 MiB in float32: more takes memory and no longer fits a cache


def patches(use: Use) -> Iterator[Tensor]:
    """The inputs to a row of the matrix in chunks, (groups, in, rows): rows are images and positions together."""
    if use.kind == "Linear":
        yield use.inputs.reshape(1, -1, use.shape[1]).mT
        return
    for part in _batched(use).split(images_at_once(use)):
        windows = _windows(use, part)  # (n, groups, channels, positions..., kernel...)
        kernel, positions = _axes(use)
        yield windows.permute(1, 2, *kernel, 0, *positions).reshape(use.groups, prod(use.shape[1:]), -1)


def image_patches(use: Use, images: int) -> Tensor:
    """The inputs to a row of the matrix image by image, (images, groups, in, positions)."""
    if use.kind == "Linear":
        return use.inputs.reshape(images, 1, -1, use.shape[1]).mT
    kernel, positions = _axes(use)
    windows = _windows(use, _batched(use)).permute(0, 1, 2, *kernel, *positions)
    return windows.reshape(images, use.groups, prod(use.shape[1:]), -1)


def image_outputs(use: Use, outputs: Tensor, images: int) -> Tensor:
    """Outputs, or what has their shape, image by image, (images, groups, out / groups, positions)."""
    if use.kind != "Conv":
        return outputs.reshape(images, 1, -1, outputs.shape[-1]).mT
    return outputs.reshape(images, use.groups, use.shape[0] // use.groups, -1)


def position_sums(use: Use, inputs: Tensor) -> Tensor:
    """The sum over images and positions of what multiplies a row, (groups, in), float64, for inputs like the use's.

    A patch of a sum of images is the sum of their patches, so one image is unfolded however many there are.
    """
    if use.kind == "Linear":
        return inputs.reshape(1, -1, use.shape[1]).double().sum(1)
    total = _batched(use._replace(inputs=inputs)).double().sum(0, keepdim=True)
    windows = _windows(use, total)
    return windows.sum((0, *_axes(use)[1])).reshape(use.groups, -1)


def row_count(use: Use) -> int:
    """How many inputs met each row of the matrix: images times positions."""
    return use.outputs.numel() // use.shape[0]


def images_at_once(use: Use) -> int:
    """How many images of a convolution's use are unfolded together."""
    images = len(_batched(use))
    per_image = row_count(use) // max(1, images) * prod(use.shape[1:]) * use.groups
    return max(1, CHUNK // max(1, per_image))


def of_images(use: Use, images: int, chosen: slice) -> Use:
    """The use for some of its images alone."""
    if use.kind == "Conv":
        return use._replace(inputs=_batched(use)[chosen])
    last = use.inputs.shape[-1:] if use.kind == "Linear" else ()
    return use._replace(inputs=use.inputs.reshape(images, -1, *last)[chosen])


def _batched(use: Use) -> Tensor:
    """A convolution's inputs with the dimension of images, which torch lets a single image go without."""
    return use.inputs if use.inputs.dim() == len(use.shape) else use.inputs[None]


def _axes(use: Use) -> tuple[range, range]:
    """Which axes of the windows are the kernel's, and which the positions'."""
    space = len(use.shape) - 2
    return range(3 + space, 3 + 2 * space), range(3, 3 + space)


def _windows(use: Use, inputs: Tensor) -> Tensor:
    """A view of the padded inputs as (n, groups, channels / groups, positions..., kernel...)."""
    kernel = use.shape[2:]
    stride, dilation = _each(use.stride, len(kernel)), _each(use.dilation, len(kernel))
    margins = _margins(use, dilation)
    view = functional.pad(inputs, margins) if any(margins) else inputs
    for axis, (size, step, gap) in enumerate(zip(kernel, stride, dilation, strict=True)):
        view = view.unfold(2 + axis, (size - 1) * gap + 1, step)[..., ::gap]
    return view.unflatten(1, (use.groups, use.shape[1]))


def _margins(use: Use, dilation: tuple[int, ...]) -> list[int]:
    """What functional.pad takes, the last axis first; 'same' puts the odd one at the end, as torch does."""
    totals = [gap * (size - 1) for gap, size in zip(dilation, use.shape[2:], strict=True)]
    if use.padding == "same":
        pairs = [(total // 2, total - total // 2) for total in totals]
    else:
        sides = 0 if use.padding == "valid" else use.padding
        pairs = [(side, side) for side in _each(sides, len(totals))]
    return [side for pair in reversed(pairs) for side in pair]


def _each(value: int | tuple[int, ...], axes: int) -> tuple[int, ...]:
    """One value for every axis."""
    values = (value,) if isinstance(value, int) else tuple(value)
    return values * axes if len(values) == 1 else values
