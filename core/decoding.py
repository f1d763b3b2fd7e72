"""Stored tensors back into the encoded form they were written from; never trusts them."""

import math

import torch
from torch import Tensor

from core.encoding import (
    ANS,
    FLOATS,
    Affine,
    Codebook,
    Dense,
    Encoded,
    Form,
    Grid,
    Gridded,
    Kept,
    LowRank,
    Rounded,
    Sparse,
    Stored,
    Tucker,
    count_kept,
    meaning,
    read_codes,
    read_mask,
    shape_of,
    unpack,
)
from core.recipe import INPUTS_BITS


def from_tensors(form: Form, tensors: dict[str, Tensor]) -> Encoded:
    """The encoded matrix of a `form` and its stored tensors; ValueError where they do not belong together."""
    kind = form.get("kind")
    if kind not in READERS:
        raise ValueError(f"kind is {kind!r}, expected one of {', '.join(READERS)}")
    names = [meaning(part) for part in tensors]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise ValueError(f"{twice[0]} is stored in two ways, expected one")
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
    scale, offset, zero = tensors["scale"], tensors.get("offset"), form["zero"]
    _check_scale(form, scale)
    if not 0 <= zero < 2 ** _width(form):
        raise ValueError(f"zero is {zero}, expected a code of {form['width']} bits")
    if offset is not None and (offset.shape != scale.shape or offset.dtype != torch.float32):
        raise ValueError(f"offset is {_kind(offset)}, expected {_kind(scale)}")
    return Affine(_codes(form, tensors, mask, zero), scale, offset, zero, form["width"], _block(form))


def _read_codebook(form: Form, tensors: dict[str, Tensor], mask: Tensor | None = None) -> Codebook:
    levels, scale = tensors["levels"], tensors.get("scale")
    most = 2 ** _width(form)
    sizes = levels.shape[0] in (1, form["rows"]) and 1 <= levels.shape[1] <= most
    if levels.ndim != 2 or levels.dtype not in (torch.float32, torch.float16) or not sizes:
        raise ValueError(
            f"levels are {_kind(levels)}, expected (1 or {form['rows']}, at most {most}) float32 or float16"
        )
    levels = levels.float()
    if not bool(torch.isfinite(levels).all() & (levels.diff() >= 0).all()):
        raise ValueError("levels fall or are not finite, expected ascending numbers")
    if scale is not None:
        _check_scale(form, scale)
    codes = _codes(form, tensors, mask, 0)
    if codes.numel() and int(codes.max()) >= levels.shape[1]:
        raise ValueError(f"a code is {int(codes.max())}, expected one of {levels.shape[1]} levels")
    return Codebook(codes, levels, scale, form["width"], _block(form))


def _read_rounded(form: Form, tensors: dict[str, Tensor], mask: Tensor | None = None) -> Rounded:
    shape, scale = (form["rows"], form["columns"]), tensors.get("scale")
    values = _values(shape, tensors, mask)
    if values.dtype not in FLOATS:
        raise ValueError(f"values are {_kind(values)}, expected one of {', '.join(FLOATS.values())}")
    if scale is not None:
        _check_scale(form, scale)
    if mask is None:
        return Rounded(values.view(shape), scale, _block(form))
    whole = torch.uint8 if values.itemsize == 1 else torch.int16  # torch cannot fill a float8 tensor by a mask
    codes = torch.zeros(shape, dtype=whole)
    codes[mask] = values.view(whole)
    return Rounded(codes.view(values.dtype), scale, _block(form))


def _values(shape: tuple[int, int], tensors: dict[str, Tensor], mask: Tensor | None) -> Tensor:
    """The stored floats of fewer bits."""
    if "values" + ANS not in tensors:
        return tensors["values"]
    count = shape[0] * shape[1] if mask is None else count_kept(mask)
    values = read_codes(tensors["values" + ANS], count, 256).view(torch.float8_e4m3fn)
    if not bool(torch.isfinite(values.float()).all()):
        raise ValueError("values hold NaN or infinity, expected numbers")
    return values


def _codes(form: Form, tensors: dict[str, Tensor], mask: Tensor | None, removed: int) -> Tensor:
    """Unpacked codes, (rows, columns); `removed` where the mask removes."""
    shape = (form["rows"], form["columns"])
    count = shape[0] * shape[1] if mask is None else count_kept(mask)
    if "codes" + ANS in tensors:
        stored = read_codes(tensors["codes" + ANS], count, 2 ** form["width"])
    else:
        stored = unpack(tensors["codes"], form["width"], count)
    if mask is None:
        return stored.view(shape)
    codes = torch.full(shape, removed, dtype=torch.uint8)
    codes[mask] = stored
    return codes


def _width(form: Form) -> int:
    if not 1 <= form["width"] <= 8:
        raise ValueError(f"width is {form['width']}, expected 1 to 8")
    return form["width"]


def _block(form: Form) -> int:
    """Columns that share a scale: all of them, unless it says so."""
    return form.get("block", form["columns"])


def _check_scale(form: Form, scale: Tensor) -> None:
    rows, columns, block = form["rows"], form["columns"], _block(form)
    if not 1 <= block <= max(1, columns):
        raise ValueError(f"block is {block}, expected 1 to {columns}")
    blocks = -(-columns // block)
    if scale.dtype != torch.float32 or scale.shape not in ((1, blocks), (rows, blocks)):
        raise ValueError(f"scale is {_kind(scale)}, expected (1 or {rows}, {blocks}) float32")


def _kind(tensor: Tensor) -> str:
    return f"{tuple(tensor.shape)} {str(tensor.dtype).removeprefix('torch.')}"


def _read_sparse(form: Form, tensors: dict[str, Tensor]) -> Sparse:
    held = form["values"]
    shape, survivors = (held["rows"], held["columns"]), form["survivors"]
    count = shape[0] * shape[1]
    if "mask" + ANS in tensors:
        flat = read_mask(tensors["mask" + ANS], shape)
    elif "mask" in tensors:
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


def _read_kept(form: Form, tensors: dict[str, Tensor]) -> Kept:
    held, sizes = form["values"], {"rows": form["rows"], "columns": form["columns"]}
    if held["kind"] not in STORED:
        raise ValueError(f"what is kept is {held['kind']!r}, expected one of {', '.join(STORED)}")
    runs = {"rows": 1, "columns": form["run"]}
    sides = {name: _read_side(tensors, name, (size, runs[name])) for name, size in sizes.items()}
    values = STORED[held["kind"]](held, {name: part for name, part in tensors.items() if meaning(name) not in sides})
    counts = tuple(map(count_kept, sides.values()))
    if shape_of(values) != counts:
        raise ValueError(f"rows and columns keep {counts}, their values are {shape_of(values)}")
    return Kept(*sides.values(), values)


def _read_side(tensors: dict[str, Tensor], name: str, sizes: tuple[int, int]) -> Tensor:
    """Which rows or columns stay, bool (size,), from a bit for each run of them; all where nothing is stored.

    sizes: how many there are, and how many of them a bit stands for.
    """
    size, run = sizes
    if name not in tensors and name + ANS not in tensors:
        return torch.ones(size, dtype=torch.bool)
    if run < 1 or size % run:
        raise ValueError(f"run is {run}, expected a divisor of {size}")
    count = size // run
    bits = unpack(tensors[name], 1, count).bool() if name in tensors else read_mask(tensors[name + ANS], (1, count))
    return bits.repeat_interleave(run)


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


def _side(form: Form, tensors: dict[str, Tensor], prefix: str) -> Stored:
    own = form[prefix.removesuffix(".")]
    if own["kind"] in PRODUCTS or own["kind"] == "gridded":
        raise ValueError(f"a factor is {own['kind']} itself, expected a matrix")
    return from_tensors(own, {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)})


def _read_gridded(form: Form, tensors: dict[str, Tensor]) -> Gridded:
    own, bits = form["matrix"], form["inputs_bits"]
    scale, zero = tensors["inputs.scale"], tensors["inputs.zero"]
    if own["kind"] == "gridded":
        raise ValueError("its matrix is gridded itself, expected a matrix")
    if type(bits) is not int or bits not in INPUTS_BITS[:-1]:
        raise ValueError(f"inputs_bits is {bits!r}, expected 2 to 8, or 16")
    if scale.dtype != torch.float32 or scale.shape != (1,) or not 0 < float(scale) < math.inf:
        raise ValueError(f"inputs.scale is {_shown(scale)}, expected one float32 above 0")
    if zero.dtype != torch.int32 or zero.shape != (1,) or not 0 <= int(zero) < 2**bits:
        raise ValueError(f"inputs.zero is {_shown(zero)}, expected one int32 from 0 to {2**bits - 1}")
    parts = {name: tensor for name, tensor in tensors.items() if not name.startswith("inputs.")}
    return Gridded(from_tensors(own, parts), Grid(float(scale), int(zero), bits))


def _shown(tensor: Tensor) -> str:
    return f"{tensor.item()} in {_kind(tensor)}" if tensor.numel() == 1 else _kind(tensor)


VALUES = {"dense": _read_dense, "affine": _read_affine, "codebook": _read_codebook, "rounded": _read_rounded}
PRODUCTS = {"low_rank": _read_low_rank, "tucker": _read_tucker}
STORED = {**VALUES, "sparse": _read_sparse}
READERS = {**STORED, "kept": _read_kept, **PRODUCTS, "gridded": _read_gridded}
