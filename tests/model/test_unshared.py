"""An initializer that is read in two forms gets one for each; what is read alike stays shared."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from onnx import GraphProto, NodeProto, TensorProto, helper, numpy_helper
from zif.plugin import unshare

W = numpy_helper.from_array(np.ones((4, 4), np.float32), "w")
node = helper.make_node


def graph(nodes: Sequence[NodeProto], *weights: TensorProto) -> GraphProto:
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [4, 4]) for name in ("x", "y")]
    between = [name for one in nodes for name in one.output if name != "y"]
    shapes = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [4, 4]) for name in between]
    return helper.make_graph(list(nodes), "g", ends[:1], ends[1:], weights or [W], value_info=shapes)


def test_a_form_is_operator_attributes_and_place() -> None:
    nodes = [
        node("Gemm", ["x", "w"], ["a"]),
        node("Gemm", ["a", "w"], ["b"]),
        node("Gemm", ["b", "w"], ["c"], transB=1),
        node("MatMul", ["w", "c"], ["d"]),
        node("MatMul", ["d", "w"], ["y"]),
    ]
    made = graph(nodes)
    copies = unshare(made)
    readers = [[name for name in one.input if name in {*copies, "w"}] for one in made.node]
    assert readers[0] == readers[1] == ["w"]
    assert len({name for row in readers for name in row}) == 4
    assert set(copies.values()) == {"w"}
    assert [numpy_helper.to_array(one).tolist() for one in made.initializer] == [np.ones((4, 4)).tolist()] * 4


def test_one_node_that_reads_it_twice() -> None:
    made = graph([node("MatMul", ["w", "w"], ["y"])])
    unshare(made)
    assert len(set(made.node[0].input)) == 2


def test_alike_is_shared() -> None:
    made = graph([node("MatMul", ["x", "w"], ["a"]), node("MatMul", ["a", "w"], ["y"])])
    assert unshare(made) == {}
    assert len(made.initializer) == 1


def test_ranks_make_another_form() -> None:
    """A product with a stack of matrices is another one to a compiler; a rank that is not known counts as another."""
    made = graph(
        [node("MatMul", ["x", "w"], ["a"]), node("MatMul", ["v", "w"], ["y"]), node("MatMul", ["u", "w"], ["b"])]
    )
    made.input.append(helper.make_tensor_value_info("v", TensorProto.FLOAT, [2, 4, 4]))
    assert len(unshare(made)) == 2


def test_through_a_conversion_the_reader_behind_it_counts_and_scales_are_numbers() -> None:
    weights = [numpy_helper.from_array(np.ones((4, 4), np.int8), "q"), numpy_helper.from_array(np.float32(1), "s")]
    nodes = [
        node("DequantizeLinear", ["q", "s"], ["d0"]),
        node("DequantizeLinear", ["q", "s"], ["d1"]),
        node("Gemm", ["x", "d0"], ["a"]),
        node("Gemm", ["a", "d1"], ["y"], transB=1),
    ]
    made = graph(nodes, *weights)
    assert set(unshare(made).values()) == {"q"}
    assert [one.input[1] for one in made.node[:2]] == ["s", "s"]


def test_names_that_are_taken_stay_what_they_are_and_files_are_pointed_to() -> None:
    outside = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[4, 4], data_location=TensorProto.EXTERNAL)
    outside.external_data.add(key="location", value="w.bin")
    made = graph([node("Gemm", ["x", "w"], ["w_form1"]), node("Gemm", ["w_form1", "w"], ["y"], transB=1)], outside)
    (copy,) = unshare(made)
    assert copy != "w_form1"
    assert made.initializer[-1].external_data[0].value == "w.bin"
