"""What a depthwise and a 1 x 1 convolution would be put at in the place of a plain one, by the same cost model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import onnx
from attrs import frozen
from onnx import TensorProto, helper

from zif.errors import ZifError
from zif.model.attributes import attributes
from zif.planning.costs import CostModel

if TYPE_CHECKING:
    from zif.model import Model
    from zif.records import Capabilities, Target


@frozen
class Separable:
    """A convolution and what would stand in its place: channels, kernel, and what it takes, as shares of now."""

    into: int
    out: int
    kernel: str
    cost_ratio: float
    macs_ratio: float


def priced(model: Model, node: onnx.NodeProto, target: Target, capabilities: Capabilities) -> Separable | None:
    """Both forms priced in floating point; None where a shape is not known or nothing prices them."""
    data, weight = model.tensors.get(node.input[0]), model.tensors.get(node.input[1])
    if data is None or weight is None or not data.static or not weight.static or not data.shape or not weight.shape:
        return None
    shape = [int(dim) for dim in data.shape if isinstance(dim, int)]
    out, into, *kernel = (int(dim) for dim in weight.shape if isinstance(dim, int))
    if len(shape) != 4 or shape[1] != into:
        return None
    attrs = {name: value for name, value in attributes(node).items() if name != "group"}
    plain = helper.make_node("Conv", ["x", "plain"], ["y"], "plain", **attrs)
    depthwise = helper.make_node("Conv", ["x", "depthwise"], ["d"], "depthwise", group=into, **attrs)
    pointwise = helper.make_node("Conv", ["d", "pointwise"], ["y"], "pointwise")
    try:
        now = _model([plain], shape, {"plain": [out, into, *kernel]})
        then = _model([depthwise, pointwise], shape, {"depthwise": [into, 1, *kernel], "pointwise": [out, into, 1, 1]})
        costs = CostModel(target)
        before, after = (float(costs.unit_costs(form, capabilities)[0].sum()) for form in (now, then))
    except ZifError:
        return None
    macs = [sum(unit.macs for unit in form.units) for form in (now, then)]
    if not before or not macs[0]:
        return None
    words = "×".join(map(str, kernel))
    return Separable(into, out, words, after / before, macs[1] / macs[0])


def _model(nodes: list[onnx.NodeProto], shape: list[int], weights: dict[str, list[int]]) -> Model:
    """A model whose weights have a shape and no values: nothing is computed with it."""
    from zif.model import Model

    ends = [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape), onnx.ValueInfoProto(name="y")]
    ends[1].type.tensor_type.elem_type = TensorProto.FLOAT
    graph = helper.make_graph(nodes, "priced", ends[:1], ends[1:], [_weight(*row) for row in weights.items()])
    return Model.load(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9))


def _weight(name: str, dims: list[int]) -> onnx.TensorProto:
    tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=dims, data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="none")
    return tensor
