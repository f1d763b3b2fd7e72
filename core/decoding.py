"""Stored tensors back into the encoded form they were written from; never trusts them."""

import torch
from torch import Tensor

from core.encoding import Affine, Dense, Encoded, Form, LowRank, Sparse, count_kept, shape_of, unpack
from core.encoding_tucker import Tucker


def from_tensors(form: Form, tensors: dict[str, Tensor]) -> Encoded:
    """The encoded matrix of a `form` and its stored tensors; ValueError where they do not belong together."""
    kind = form.get("kind")
    if kind not in READERS:
        raise ValueError(f"kind is {kind!r}, expected one of {', '.join(READERS)}")
    try:
        return READERS[kind](form, tensors)
    except (KeyError, TypeError, RuntimeError, IndexError, AttributeError, ZeroDivisionError) as error:
        raise ValueError(f"its tensors do not make a {kind} form ({error!r})") from None


def _read_dense(form: Form, tensors: dict[str, Tensor], mask: Tensor | None = None) -> Dense:
    shape = (form["rows"], form["columns"])
    if mask is None:
        return Dense(tensors["values"].view(shape))
    values = torch.zeros(shape)
    values[mask] = tensors["values"]
    return Dense(values)


def _read_affine(form: Form, tensors: dict[str, Tensor], mask: Tensor | None = None) -> Affine:
    shape = (form["rows"], form["columns"])
    _check_grid(form, tensors["scale"], tensors.get("offset"))
    count = shape[0] * shape[1] if mask is None else count_kept(mask)
    packed = unpack(tensors["codes"], form["width"], count)
    codes = packed.view(shape) if mask is None else torch.full(shape, form["zero"], dtype=torch.uint8)
    if mask is not None:
        codes[mask] = packed
    return Affine(codes, tensors["scale"], tensors.get("offset"), form["zero"], form["width"], form["block"])


def _check_grid(form: Form, scale: Tensor, offset: Tensor | None) -> None:
    width, zero, block = form["width"], form["zero"], form["block"]
    if not (1 <= width <= 8 and 0 <= zero < 2**width and 1 <= block <= max(1, form["columns"])):
        raise ValueError(f"width {width}, zero {zero} and block {block} make no grid")
    blocks = -(-form["columns"] // block)
    if scale.shape not in ((1, blocks), (form["rows"], blocks)) or (offset is not None and offset.shape != scale.shape):
        raise ValueError(f"scale is {tuple(scale.shape)}, expected ({form['rows']}, {blocks})")


def _read_sparse(form: Form, tensors: dict[str, Tensor]) -> Sparse:
    held = form["values"]
    shape, survivors = (held["rows"], held["columns"]), form["survivors"]
    count = shape[0] * shape[1]
    if "mask" in tensors:
        flat = unpack(tensors["mask"], 1, count).bool()
    else:
        if tensors["positions"].dtype != torch.int32:
            raise ValueError(f"positions are {tensors['positions'].dtype}, expected int32")
        few = 2 * survivors <= count
        flat = torch.full((count,), not few)
        flat[tensors["positions"].long()] = few
    if count_kept(flat) != survivors:
        raise ValueError(f"the mask keeps {count_kept(flat)} weights, the form says {survivors}")
    mask = flat.view(shape)
    return Sparse(mask, VALUES[held["kind"]](held, tensors, mask))


def _read_low_rank(form: Form, tensors: dict[str, Tensor]) -> LowRank:
    if form["groups"] < 1:
        raise ValueError(f"groups is {form['groups']}, expected at least 1")
    return LowRank(*(_side(form, tensors, f"{side}.") for side in ("left", "right")), form["groups"])


def _read_tucker(form: Form, tensors: dict[str, Tensor]) -> Tucker:
    groups, kernel = form["groups"], form["kernel"]
    if groups < 1 or kernel < 1:
        raise ValueError(f"groups is {groups} and kernel {kernel}, expected at least 1")
    sides = [_side(form, tensors, f"{side}.") for side in ("left", "core", "right")]
    left, core, right = map(shape_of, sides)
    fits = left[0] >= groups * left[1] == core[0] and groups * right[1] >= right[0] == groups * core[1] / kernel
    if not fits:  # a rank above its mode's size would let a small file ask for a large memory
        raise ValueError(
            f"left {left}, core {core} and right {right} make no product of {groups} groups, kernel {kernel}"
        )
    return Tucker(*sides, groups, kernel)


def _side(form: Form, tensors: dict[str, Tensor], prefix: str) -> Dense | Affine | Sparse:
    own = form[prefix.removesuffix(".")]
    if own["kind"] in PRODUCTS:
        raise ValueError(f"a factor is {own['kind']} itself, expected a matrix")
    return from_tensors(own, {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)})


VALUES = {"dense": _read_dense, "affine": _read_affine}
PRODUCTS = {"low_rank": _read_low_rank, "tucker": _read_tucker}
READERS = {**VALUES, "sparse": _read_sparse, **PRODUCTS}
