"""What stands in an ONNX file: codes as they are stored, no trace of this machine."""

from pathlib import Path

import onnx
import pytest
import torch
from onnx import TensorProto, numpy_helper

from core.encoding import Affine, bare
from core.exporters import EXPORTERS, export, missing
from core.exporters.coded import OPSET, whole
from core.exporters.format import FLOAT, Exporter
from core.exporters.onnx_files import thinned, whole_file
from tests.core.exporters.subjects import of_kinds, subject


def written(model: str, recipe: str) -> onnx.ModelProto:
    return onnx.load_from_string(EXPORTERS["onnx"].write(subject(model, recipe))["model.onnx"])


def held(proto: onnx.ModelProto, kind: int) -> list[TensorProto]:
    return [tensor for tensor in proto.graph.initializer if tensor.data_type == kind]


def test_codes_of_four_bits_are_stored_as_such_and_are_those_of_the_file() -> None:
    given = subject("lenet_300_100", "pruned, 4 bits")
    proto = written("lenet_300_100", "pruned, 4 bits")
    codes = held(proto, TensorProto.INT4)
    assert [tuple(each.dims) for each in codes] == [(300, 784), (100, 300), (10, 100)]
    assert (numpy_helper.to_array(codes[0]).astype(int) == whole(given.applied.encoded["fc1"]).codes.numpy()).all()
    assert proto.opset_import[0].version == OPSET
    assert proto.ByteSize() < 0.16 * 4 * 266_200


def test_shared_values_are_looked_up() -> None:
    proto = written("lenet_300_100", "shared")
    assert len(held(proto, TensorProto.UINT4)) == 3
    assert sum(node.op_type.startswith("Gather") for node in proto.graph.node) == 3


def test_no_path_of_this_machine_is_in_the_file() -> None:
    data = EXPORTERS["onnx"].write(subject("lenet_300_100", "inputs"))["model.onnx"]
    assert str(Path(__file__).parents[3]).encode() not in data
    assert b"site-packages" not in data


def test_inputs_on_grids_are_quantized_where_they_multiply() -> None:
    kinds = [node.op_type for node in written("lenet_300_100", "inputs").graph.node]
    assert kinds.count("QuantizeLinear") == 3


@pytest.mark.parametrize("recipe", ["pruned, 4 bits", "offset, blocks", "low rank", "shrunk"])
def test_whole_numbers_times_their_scale_are_what_decodes(recipe: str) -> None:
    for encoded in subject("lenet_300_100", recipe).applied.encoded.values():
        found = whole(bare(encoded))
        if found is None:
            continue
        values = found.codes.float() * found.scale.repeat_interleave(found.block, 1)[:, : found.codes.shape[1]]
        assert torch.equal(values, encoded.decode())
    assert (
        whole(Affine(torch.zeros(2, 2, dtype=torch.uint8), torch.ones(2, 1), torch.ones(2, 1), 0, 4, 2)).offset
        is not None
    )


def test_a_missing_package_is_named_with_the_way_to_get_it() -> None:
    absent = Exporter("", "", {}, dict, dict, needs=("onnx", "no-such-package"))
    assert missing(absent) == "needs no-such-package: pip install no-such-package"


@pytest.mark.parametrize("net", ["cell", "split attention", "encoder"])
def test_models_of_a_fixed_batch_and_those_that_look_into_their_layers_go_out(net: str) -> None:
    _, checked = export(EXPORTERS["onnx"], of_kinds(net))
    assert checked.left <= FLOAT * checked.largest
    sizes = onnx.load_from_string(EXPORTERS["onnx"].write(of_kinds(net))["model.onnx"]).graph.input[0]
    assert (sizes.type.tensor_type.shape.dim[0].dim_value == 2) == (net == "cell")


@pytest.mark.parametrize("recipe", ["few left", "few left, 8 bits", "few left, 4 bits"])
def test_what_few_are_left_are_stored_by_their_places_and_run(recipe: str) -> None:
    given = subject("lenet_300_100", recipe)
    files, checked = export(EXPORTERS["onnx"], given)
    assert checked.left <= FLOAT * checked.largest
    thin = onnx.load_from_string(files["model.onnx"]).graph.sparse_initializer
    assert [tuple(each.dims) for each in thin][:2] == [(300, 784), (100, 300)]
    assert len(files["model.onnx"]) < len(whole_file(given)) * (0.5 if recipe == "few left" else 0.9)


@pytest.mark.parametrize("recipe", ["pruned, 4 bits", "half floats", "as it was"])
def test_where_places_would_take_more_bytes_nothing_is_thinned(recipe: str) -> None:
    data = whole_file(subject("lenet_300_100", recipe))
    assert not onnx.load_from_string(thinned(data)).graph.sparse_initializer
    assert len(thinned(data)) == len(data)


def test_openvino_gets_every_zero_written_out() -> None:
    _, checked = export(EXPORTERS["openvino"], subject("lenet_300_100", "few left"))
    assert checked.left <= FLOAT * checked.largest
