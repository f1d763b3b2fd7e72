"""ONNX, with weights as what is stored of them and QuantizeLinear before layers that take inputs on grids; OpenVINO."""

import contextlib
import io
import logging
import re
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from core.encoding import Dense, Encoded, Grid, Sparse
from core.exporters import building, child, programs
from core.exporters.building import Part
from core.exporters.coded import OPSET, expressed
from core.exporters.format import Exporter, Keep
from core.exporters.programs import RUNNING, homeless
from core.exporters.subject import Subject

if TYPE_CHECKING:
    from onnx import SparseTensorProto, TensorProto


class Quantizing(nn.Module):
    """Rounds what comes to a grid by QuantizeLinear and DequantizeLinear."""

    def __init__(self, grid: Grid) -> None:
        super().__init__()
        self.grid = grid
        self.register_buffer("scale", torch.tensor(grid.scale))
        self.register_buffer("zero", torch.tensor(grid.zero, dtype=_kind(grid)))

    def forward(self, given: Tensor) -> Tensor:
        """The input with each number at the nearest of the grid's."""
        scale, zero, bits = self.grid
        if bits not in (8, 16):  # the operator itself ends at the limits of its type
            given = given.clamp(-zero * scale, (2**bits - 1 - zero) * scale)
        kinds = (self.zero.dtype, torch.float32)
        for operator, kind in zip(("QuantizeLinear", "DequantizeLinear"), kinds, strict=True):
            ends = (given, self.scale, self.zero)
            given = torch.onnx.ops.symbolic(operator, ends, dtype=kind, shape=given.shape, version=OPSET)
        return given


def _kind(grid: Grid) -> torch.dtype:
    return torch.uint16 if grid.bits == 16 else torch.uint8


def _wrapped(module: nn.Module, part: Part) -> nn.Module:
    """The module, whose weight from now on is made of what is stored, and whose inputs are rounded to their grid."""
    made = expressed(part.stored, module.weight.shape)
    if made is not None:
        own = module.weight.detach().clone()  # what takes its place empties it, for all modules that share it
        module.weight = nn.Parameter(own, requires_grad=False)
        parametrize.register_parametrization(module, "weight", made, unsafe=True)
    if part.grid is not None:
        module.add_module("quantizing", Quantizing(part.grid))
        module.register_forward_pre_hook(lambda own, given: (own.quantizing(given[0]), *given[1:]))
    return module


def onnx_file(subject: Subject) -> dict[str, bytes]:
    """One .onnx file with everything in it, zeros left out where that is smaller."""
    return {"model.onnx": thinned(whole_file(subject))}


def whole_file(subject: Subject) -> bytes:
    """The .onnx file with every number of every weight."""
    exported = programs.program(subject, _wrapped)
    log = logging.getLogger("torch.onnx")
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")  # of torch about packages that are not asked for
        before = log.level
        log.setLevel(logging.ERROR)
        try:
            made = torch.onnx.export(exported, dynamo=True, opset_version=OPSET, optimize=False, verbose=False)
        except Exception as error:  # whatever stands in a stranger's model
            told = re.sub(r"\x1b\[[0-9;]*m", "", f"{error}").strip()  # torch colours its words
            line = told.splitlines()[0] if told else type(error).__name__
            raise ValueError(f"this model has an operation that ONNX lacks ({line})") from None
        finally:
            log.setLevel(before)
    return _packed(made.model_proto)


def thinned(data: bytes) -> bytes:
    """The .onnx file with weights as sparse initializers, numbers and their places, where those take fewer bytes."""
    import onnx

    proto = onnx.load_from_string(data)
    found = {tensor.name: _sparse(tensor) for tensor in proto.graph.initializer}
    sparse = {name: thin for name, thin in found.items() if thin is not None}
    for listed in (proto.graph.initializer, proto.graph.value_info):
        others = [each for each in listed if each.name not in sparse]
        del listed[:]
        listed.extend(others)
    proto.graph.sparse_initializer.extend(sparse.values())
    return proto.SerializeToString()


def _sparse(tensor: "TensorProto") -> "SparseTensorProto | None":
    """The numbers of a tensor that are not 0, and where they stand; None where that takes no fewer bytes."""
    from onnx import TensorProto, helper, numpy_helper

    kinds = {TensorProto.FLOAT: np.float32, TensorProto.INT8: np.int8, TensorProto.INT4: np.int8}
    if tensor.data_type not in kinds:
        return None
    dense = len(tensor.raw_data)
    flat = numpy_helper.to_array(tensor).astype(kinds[tensor.data_type]).ravel()
    places = np.flatnonzero(flat)
    if not 0 < len(places) * (flat.itemsize + places.itemsize) + HEAD < dense:
        return None
    values = numpy_helper.from_array(flat[places], tensor.name)
    return helper.make_sparse_tensor(values, numpy_helper.from_array(places, f"{tensor.name}.places"), tensor.dims)


def _packed(proto: object) -> bytes:
    """The file's bytes, with codes of four bits as such."""
    import ml_dtypes
    from onnx import numpy_helper

    ends = [value.type.tensor_type.shape.dim for value in (*proto.graph.input, *proto.graph.output)]
    for dim in (dim for dims in ends for dim in dims if dim.dim_param.isdigit()):  # a fixed size, named by its digits
        dim.dim_value = int(dim.dim_param)
    for part in (*proto.graph.node, *proto.graph.initializer, *proto.graph.value_info):
        del part.metadata_props[:]  # where each node came from, paths of this machine among them
    for tensor in proto.graph.initializer:
        if tensor.name.endswith("codes4"):
            codes = numpy_helper.to_array(tensor)
            kind = ml_dtypes.int4 if codes.dtype.kind == "i" else ml_dtypes.uint4
            tensor.CopyFrom(numpy_helper.from_array(codes.astype(kind), tensor.name))
    return proto.SerializeToString()


def openvino_files(subject: Subject) -> dict[str, bytes]:
    """OpenVINO's own two files, made from the ONNX one."""
    import openvino

    with tempfile.TemporaryDirectory() as place:
        source, target = Path(place) / "model.onnx", Path(place) / "model.xml"
        source.write_bytes(whole_file(subject))
        try:
            openvino.save_model(openvino.convert_model(source), target, compress_to_fp16=False)
        except RuntimeError as error:
            raise ValueError(f"OpenVINO cannot read the ONNX file ({f'{error}'.strip().splitlines()[-1]})") from None
        return {name: (Path(place) / name).read_bytes() for name in ("model.xml", "model.bin")}


def _limits(subject: Subject) -> tuple[str, ...]:
    """The layers that go as floats though they are stored as codes, and those that no plain module runs."""
    decoded: list[torch.Size] = []

    def looked_at(module: nn.Module, part: Part) -> nn.Module:
        if not _plain(part.stored):
            decoded.extend([] if expressed(part.stored, module.weight.shape) else [module.weight.shape])
        return module

    building.built(subject, looked_at)
    floats = (
        f"{len(decoded)} weights go as float32 all the same: ONNX has no such blocks, or no code for what is removed"
    )
    return (*([floats] if decoded else []), *homeless(subject))


def _plain(stored: Encoded) -> bool:
    return isinstance(stored.values if isinstance(stored, Sparse) else stored, Dense)


def _onnx_answers(subject: Subject, path: Path) -> tuple[Tensor, ...]:
    return child.answers("onnx_runtime.py", path, subject.images)


def _openvino_answers(subject: Subject, path: Path) -> tuple[Tensor, ...]:
    return child.answers("openvino_runtime.py", path / "model.xml", subject.images)


HEAD = 64  # bytes of the names and shapes of a sparse initializer, at most
THIN = "by the places of what stays where that is smaller: from 67 % removed for float32, 89 % for int8, 95 % for int4"
ONNX = RUNNING | {
    "mask": Keep(False, f"as zeros among its codes or weights, or {THIN}, which onnxruntime takes as int8"),
    "codes": Keep(True, "as int4 or int8 with DequantizeLinear, a scale a row or block"),
    "codebook": Keep(True, "as codes that are looked up in its values"),
    "small floats": Keep(True, "as they are, cast when used"),
    "inputs": Keep(True, "by QuantizeLinear and DequantizeLinear; what a runtime then computes in integers may differ"),
}
OPENVINO = ONNX | {
    "mask": Keep(False, "as zeros among its codes or weights: OpenVINO reads no sparse initializers"),
    "codes": Keep(True, "as u4 or u8; it rounds inputs to 8 bits unless DYNAMIC_QUANTIZATION_GROUP_SIZE is 0"),
    "codebook": Keep(False, "decoded to float32, exactly"),
}
ONNX_FILES = {
    "onnx": Exporter(
        f"an ONNX file, opset {OPSET}, checked in onnxruntime",
        "model.onnx",
        ONNX,
        onnx_file,
        _onnx_answers,
        needs=("onnx", "onnxscript", "onnxruntime"),
        limits=_limits,
    ),
    "openvino": Exporter(
        "OpenVINO's model.xml and model.bin, made from the ONNX file",
        "openvino",
        OPENVINO,
        openvino_files,
        _openvino_answers,
        needs=("onnx", "onnxscript", "openvino"),
        limits=_limits,
    ),
}
