"""A quantized model on HTP in windows of a few operators: where is the NPU off by itself?

    ZIF_ZOO=… python benchmarks/windows.py ppocr-det [--precision w8a8] [--depth 4] [--worst 10]

Each quantized value is computed from what lies `depth` quantized values before it, fed with the values that the CPU
reference has there. So the errors of earlier layers cannot cover what a compiler does wrongly to neighbours. From one
operator to the next ±1 step is usual; a window far below the others is a fault (docs/decisions/0010).
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import numpy as np
import onnx
import zif
from attrs import define, field
from onnx import helper, numpy_helper
from zif.runtime.measures import sqnr
from zif_quantize import auto_quantize, prepare
from zif_quantize.measure import Reference
from zoo import entry
from zoo.calibration import feeds

TARGET = "snapdragon-8-gen-3"
_PAIR = ("QuantizeLinear", "DequantizeLinear")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=["mtcnn-rnet", "ppocr-cls"])
    parser.add_argument("--precision", default="w8a8")
    parser.add_argument("--depth", type=int, default=4)
    parser.add_argument("--worst", type=int, default=10)
    arguments = parser.parse_args()
    for name in arguments.models:
        net = Net.of(name, arguments.precision)
        rows = sorted(row for value in net.values if (row := off(net, value, arguments.depth)) is not None)
        print(f"\n{name}, {arguments.precision}: {len(rows)} windows; dB, most steps off, value, operators")
        for decibels, steps, value, kinds in rows[: arguments.worst]:
            print(f"{decibels:7.1f} {steps:6.1f}  {value}  {' '.join(kinds)}")


@define
class Net:
    """A QDQ model, what the reference has for each of its dequantized values, and who makes what."""

    model: onnx.ModelProto
    known: dict[str, Any]
    values: list[str]
    makers: dict[str, onnx.NodeProto] = field(factory=dict)
    constants: dict[str, onnx.TensorProto] = field(factory=dict)

    @classmethod
    def of(cls, name: str, precision: str) -> Net:
        model_entry = entry(name)
        float_model = prepare(model_entry.path, model_entry.shapes, rules="qnn_htp")
        with zif.load(float_model, only=("qnn_cpu",)) as session:
            samples = feeds(model_entry, session.run)
        made = auto_quantize(float_model, samples, precision, search=False).model
        constants = {tensor.name: tensor for tensor in made.graph.initializer}
        back = [node for node in made.graph.node if node.op_type == _PAIR[1] and node.input[0] not in constants]
        values = [node.output[0] for node in back]
        shown = onnx.ModelProto.FromString(made.SerializeToString())
        outputs = {value.name for value in made.graph.output}
        shown.graph.output.extend(
            helper.make_empty_tensor_value_info(value) for value in values if value not in outputs
        )
        inputs = dict(model_entry.inputs())
        known = inputs | Reference(onnx.shape_inference.infer_shapes(shown)).run(inputs)
        makers = {value: node for node in made.graph.node for value in node.output}
        return cls(made, known, values, makers, constants)


def off(net: Net, value: str, depth: int) -> tuple[float, float, str, list[str]] | None:
    """SQNR and most steps between HTP and the reference for one value; None where the window reads no input."""
    body: dict[int, onnx.NodeProto] = {}
    cut: set[str] = set()
    _walk(net, value, value, depth, body, cut)
    made = {name for node in body.values() for name in node.output}
    window, feed = _model(net, [node for node in net.model.graph.node if id(node) in body], cut - made, value)
    if not feed:
        return None
    wanted = Reference(window).run(feed)[value].astype(np.float64)
    with zif.load(window, target=TARGET, exclude=("reference",), policy="power", cache=False) as session:
        noise = session.run(feed)[value] - wanted
    step = float(numpy_helper.to_array(net.constants[net.makers[value].input[1]]).ravel()[0])
    ratio = sqnr(float(np.square(wanted).sum()), float(np.square(noise).sum()))
    kinds = [node.op_type for node in body.values() if node.op_type not in _PAIR]
    return ratio, float(np.abs(noise).max() / step), value, kinds[::-1]


def _walk(net: Net, name: str, end: str, depth: int, body: dict[int, onnx.NodeProto], cut: set[str]) -> None:
    """Collect the nodes between a value and those that lie `depth` quantized values before it."""
    node = net.makers.get(name)
    depth -= name in net.known and name != end
    if node is None or depth < 0:
        if name and name not in net.constants:
            cut.add(name)
    elif id(node) not in body:
        body[id(node)] = node
        for before in node.input:
            _walk(net, before, end, depth, body, cut)


def _model(net: Net, body: list[onnx.NodeProto], cut: set[str], value: str) -> tuple[onnx.ModelProto, dict[str, Any]]:
    """The window as a model, and what it is fed: each value that is cut goes through its own encoding again."""
    nodes: list[onnx.NodeProto] = []
    feed: dict[str, Any] = {}
    for name in sorted(cut):
        feed[name] = net.known[name]
        if name in net.makers:
            feed[f"{name}.fed"] = feed.pop(name)
            encoding = net.makers[name].input[1:]
            nodes.append(helper.make_node(_PAIR[0], [f"{name}.fed", *encoding], [f"{name}.stored"]))
            nodes.append(helper.make_node(_PAIR[1], [f"{name}.stored", *encoding], [name]))
    nodes += body
    read = {name for node in nodes for name in node.input}
    ends = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)
        for name, array in ((name, np.asarray(array)) for name, array in feed.items())
    ]
    result = helper.make_empty_tensor_value_info(value)
    graph = helper.make_graph(nodes, "window", ends, [result], [net.constants[n] for n in read & net.constants.keys()])
    made = helper.make_model(graph, opset_imports=net.model.opset_import, ir_version=net.model.ir_version)
    return onnx.shape_inference.infer_shapes(made), feed


if __name__ == "__main__":
    main()
