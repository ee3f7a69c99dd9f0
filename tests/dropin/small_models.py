"""Models of a few operators for the drop-in's tests, each as bytes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

X = np.arange(1, 7, dtype=np.float32).reshape(3, 2)


def made(
    nodes: Sequence[onnx.NodeProto], inputs: Sequence[Any], outputs: Sequence[Any], weights: Any = ()
) -> onnx.ModelProto:
    graph = helper.make_graph(
        nodes, "small", inputs, outputs, [numpy_helper.from_array(w, n) for n, w in dict(weights).items()]
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    return model


def value(name: str, shape: Sequence[Any] | None, kind: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)


def product() -> onnx.ModelProto:
    """Y = X · W for three by two numbers."""
    w = np.arange(1, 7, dtype=np.float32).reshape(3, 2)
    node = helper.make_node("Mul", ["X", "W"], ["Y"], name="product")
    model = made([node], [value("X", [3, 2])], [value("Y", [3, 2])], {"W": w})
    model.producer_name, model.doc_string, model.graph.doc_string = "a test", "of zif", "one product"
    helper.set_model_props(model, {"labels": "a\nb"})
    return model


def open_product() -> onnx.ModelProto:
    """The matrix product with a free first dimension."""
    w = np.ones((2, 1), np.float32)
    return made(
        [helper.make_node("MatMul", ["X", "W"], ["Y"])], [value("X", ["rows", 2])], [value("Y", ["rows", 1])], {"W": w}
    )


def both() -> onnx.ModelProto:
    """And of two matrices of truth values, with names that have colons."""
    names = ["input1:0", "input:0"]
    node = helper.make_node("And", names, ["output:0"])
    kind = TensorProto.BOOL
    return made([node], [value(n, [2, 2], kind) for n in names], [value("output:0", [2, 2], kind)])


def texts() -> onnx.ModelProto:
    """Texts as they are."""
    kind = TensorProto.STRING
    return made(
        [helper.make_node("Identity", ["input:0"], ["output:0"])],
        [value("input:0", [2, 2], kind)],
        [value("output:0", [2, 2], kind)],
    )


def free(denotations: bool = False) -> onnx.ModelProto:
    """Abs of three dimensions, of which two have names, or denotations."""
    model = made(
        [helper.make_node("Abs", ["x"], ["y"])], [value("x", ["Dim1", "Dim2", 5])], [value("y", ["Dim1", "Dim2", 5])]
    )
    if denotations:
        for at, word in enumerate(("DATA_BATCH", "DATA_CHANNEL")):
            model.graph.input[0].type.tensor_type.shape.dim[at].denotation = word
    return model


def sums() -> onnx.ModelProto:
    """Add, Mul, Add, by their names."""
    one = {"c": np.ones(2, np.float32)}
    nodes = [
        helper.make_node("Add", ["x", "c"], ["a"], name="add_0"),
        helper.make_node("Mul", ["a", "c"], ["b"], name="mul_0"),
        helper.make_node("Add", ["b", "c"], ["y"], name="add_1"),
    ]
    return made(nodes, [value("x", [2])], [value("y", [2])], one)


def sequence(kind: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_sequence_value_info("S", kind, None)


def sequence_length() -> onnx.ModelProto:
    return made([helper.make_node("SequenceLength", ["S"], ["Y"])], [sequence()], [value("Y", [], TensorProto.INT64)])


def sequence_construct() -> onnx.ModelProto:
    kind = TensorProto.INT64
    node = helper.make_node("SequenceConstruct", ["tensor1", "tensor2"], ["S"])
    return made([node], [value(n, [2, 3], kind) for n in node.input], [sequence(kind)])


def sequence_insert() -> onnx.ModelProto:
    kind = TensorProto.INT64
    given = helper.make_tensor_sequence_value_info("input_seq", kind, None)
    node = helper.make_node("SequenceInsert", ["input_seq", "tensor"], ["S"])
    return made([node], [given, value("tensor", [2, 3], kind)], [sequence(kind)])


def optional_identity() -> onnx.ModelProto:
    """An optional sequence as it is."""
    inner = helper.make_sequence_type_proto(helper.make_tensor_type_proto(TensorProto.FLOAT, [5]))
    kind = helper.make_optional_type_proto(inner)
    infos = [helper.make_value_info(name, kind) for name in ("x", "y")]
    return made([helper.make_node("Identity", ["x"], ["y"])], infos[:1], infos[1:])


def passing() -> onnx.ModelProto:
    """An input that is an output, too, beside a sum."""
    x = value("input_0", [1, 2, 2, 2])
    node = helper.make_node("Add", ["input_0", "ten"], ["plus_10"])
    return made([node], [x], [value("plus_10", [1, 2, 2, 2]), x], {"ten": np.array(10, np.float32)})


def padded() -> onnx.ModelProto:
    """A Pad whose sizes lie in a file that is nowhere."""
    model = made(
        [helper.make_node("Pad", ["x", "pads"], ["y"])],
        [value("x", [1, 2])],
        [value("y", [2, 3])],
        {"pads": np.array([0, 0, 1, 1], np.int64)},
    )
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, word in {"location": "pads.bin", "offset": "0", "length": "32"}.items():
        tensor.external_data.add(key=key, value=word)
    return model


def tree() -> onnx.ModelProto:
    """A classifier of one tree with one leaf."""
    node = helper.make_node(
        "TreeEnsembleClassifier", ["X"], ["label", "probs"], domain="ai.onnx.ml", nodes_treeids=[0], nodes_nodeids=[0],
        nodes_featureids=[0], nodes_values=[0.0], nodes_modes=["LEAF"], nodes_truenodeids=[0], nodes_falsenodeids=[0],
        nodes_missing_value_tracks_true=[0], nodes_hitrates=[1.0], class_treeids=[0], class_nodeids=[0], class_ids=[0],
        class_weights=[0.0], classlabels_int64s=[0, 1], post_transform="LOGISTIC", base_values=[-0.405],
    )  # fmt: skip
    graph = helper.make_graph(
        [node], "tree", [value("X", [None, 3])], [value("label", [None], TensorProto.INT64), value("probs", [None, 2])]
    )
    imports = [helper.make_opsetid("", 15), helper.make_opsetid("ai.onnx.ml", 3)]
    return helper.make_model(graph, opset_imports=imports, ir_version=9)


def opened(ort: Any, model: onnx.ModelProto, options: Any = None, providers: Any = None) -> Any:
    """A session of the drop-in on a model."""
    return ort.InferenceSession(model.SerializeToString(), options, providers=providers)
