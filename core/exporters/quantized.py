"""State dicts whose weights are whole numbers: torchao's tensors, and the packed ones of compressed-tensors (vLLM)."""

import copy
import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from torch import Tensor, nn

from core.encoding import bare
from core.exporters import building, child
from core.exporters.coded import Whole, whole
from core.exporters.format import Exporter, Keep
from core.exporters.states import PLAIN, filled, run, saved, state
from core.exporters.subject import Subject, facets

WORD = 32  # bits that codes are packed into


def coded(subject: Subject) -> dict[str, tuple[nn.Module, Whole]]:
    """Name of a module that runs a layer alone -> it, and the whole numbers of its weight, those without an offset."""
    places = list(building.places(subject))
    often = [place.layer.name for place in places]
    found = {}
    for place in places:
        held = whole(bare(subject.applied.encoded[place.layer.name]))
        if held is not None and held.offset is None and often.count(place.layer.name) == 1:
            found[place.name] = place.module, held
    return found


def _bits(held: Whole) -> int:
    """The width that tools have: 4 or 8."""
    return 4 if held.bits <= 4 else 8


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what torchao says of kernels for other machines when it is imported."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def torchao_state(subject: Subject) -> dict[str, bytes]:
    """A state dict with torchao's IntxUnpackedToInt8Tensor for every weight that is whole numbers."""
    with _quiet():
        from torchao.quantization import IntxUnpackedToInt8Tensor

        tensors = state(subject)
        for name, (module, held) in coded(subject).items():
            shape = module.weight.shape
            if not _blocks_fit(held, shape):
                continue
            ones = (1,) * (len(shape) - 2)
            scale = held.scale.expand(len(held.codes), -1).reshape(len(held.codes), -1, *ones).contiguous()
            kind = torch.int4 if _bits(held) == 4 else torch.int8
            block = (1, held.block if held.scale.shape[1] > 1 else shape[1], *shape[2:])
            zeros = torch.zeros(scale.shape, dtype=torch.int8)
            codes = held.codes.view(shape).contiguous()
            made = IntxUnpackedToInt8Tensor(codes, scale, zeros, kind, block, torch.float32, None)
            tensors[f"{name}.weight".lstrip(".")] = made
        return {"model.pt": saved(tensors)}


def _blocks_fit(held: Whole, shape: torch.Size) -> bool:
    """Whether blocks are of one size, of a matrix."""
    return held.scale.shape[1] == 1 or (len(shape) == 2 and shape[1] % held.block == 0)


def _torchao_answers(subject: Subject, path: Path) -> Tensor:
    with _quiet():
        import torchao.quantization  # noqa: F401  which tells torch.load that its tensors are safe

        model = copy.deepcopy(subject.study.loaded.model)
        model.load_state_dict(torch.load(path, weights_only=True), strict=True, assign=True)
        return run(subject, model.requires_grad_(False))


def compressed_tensors(subject: Subject) -> dict[str, bytes]:
    """model.safetensors with weight_packed, weight_scale and weight_shape, and config.json that says how.

    The format 'pack-quantized' of compressed-tensors: codes of 4 or 8 bits, shifted to be 0 or more, in int32 words.
    """
    tensors = {name: tensor.clone().contiguous() for name, tensor in state(subject).items()}
    groups: dict[tuple[int, str, int | None], list[str]] = {}
    for name, (module, held) in coded(subject).items():
        if isinstance(module, nn.Linear) and _blocks_fit(held, module.weight.shape):
            prefix = f"{name}." if name else ""
            del tensors[f"{prefix}weight"]
            scale = held.scale.expand(len(held.codes), -1).contiguous()
            tensors |= {f"{prefix}weight_packed": packed(held.codes, _bits(held)), f"{prefix}weight_scale": scale}
            tensors[f"{prefix}weight_shape"] = torch.tensor(held.codes.shape)
            size = held.block if held.scale.shape[1] > 1 else None
            groups.setdefault((_bits(held), "group" if size else "channel", size), []).append(name)
    config = {"model_type": "custom", "quantization_config": _config(groups)}
    weights = safetensors.torch.save(tensors, {"format": "pt"})
    return {"config.json": json.dumps(config, indent=1).encode(), "model.safetensors": weights}


def packed(codes: Tensor, bits: int) -> Tensor:
    """Codes, (out, in) int8, as int32 words, the first code in the lowest bits."""
    shifted = (codes.numpy().astype(np.int16) + (1 << bits - 1)).astype(np.uint8)
    planes = np.unpackbits(shifted[..., None], axis=-1, count=bits, bitorder="little").reshape(len(codes), -1)
    padded = np.pad(planes, ((0, 0), (0, -planes.shape[1] % WORD)))
    return torch.from_numpy(np.packbits(padded, axis=1, bitorder="little").view("<i4").copy())


def _config(groups: dict[tuple[int, str, int | None], list[str]]) -> dict[str, object]:
    schemes = {
        f"group_{i}": {
            "targets": names,
            "weights": {"num_bits": bits, "type": "int", "symmetric": True, "strategy": strategy, "group_size": size},
        }
        for i, ((bits, strategy, size), names) in enumerate(groups.items())
    }
    head = {"quant_method": "compressed-tensors", "format": "pack-quantized", "quantization_status": "compressed"}
    return head | {"config_groups": schemes, "ignore": []}


def _compressed_answers(subject: Subject, path: Path) -> Tensor:
    decoded = child.decoded(child.READERS / "compressed_tensors_weights.py", path)
    return run(subject, filled(subject, {name: torch.from_numpy(array) for name, array in decoded.items()}))


def _limits(subject: Subject, linear: bool) -> tuple[str, ...]:
    """How many weights are no whole numbers that the tool knows."""
    held = {
        name
        for name, (module, codes) in coded(subject).items()
        if _blocks_fit(codes, module.weight.shape) and (isinstance(module, nn.Linear) or not linear)
    }
    names = {place.layer.name for place in building.places(subject) if place.name in held}
    done = {name for facet in ("codes", "codebook", "small floats") for name in facets(subject).get(facet, ())}
    lost = len(done - names)
    return (f"{lost} of {len(done)} coded layers go as float32 all the same",) if lost else ()


WHOLE = "as int8 codes with a scale a row or block, on an even grid around 0; others as float32"
QUANTIZED = {
    "torchao": Exporter(
        "a state_dict of torchao's integer tensors; its packed int4 kernels need a GPU, so 4 bits take a byte here",
        "model.pt",
        PLAIN | {"codes": Keep(True, WHOLE), "mask": Keep(False, "as zeros among its codes")},
        torchao_state,
        _torchao_answers,
        needs=("torchao",),
        limits=lambda subject: _limits(subject, linear=False),
    ),
    "compressed_tensors": Exporter(
        "the packed format of compressed-tensors, as vLLM and llm-compressor read it",
        "compressed_tensors",
        PLAIN | {"codes": Keep(True, "of Linear layers packed, 4 or 8 bits, around 0; others as float32")},
        compressed_tensors,
        _compressed_answers,
        needs=("compressed-tensors",),
        limits=lambda subject: _limits(subject, linear=True),
    ),
}
