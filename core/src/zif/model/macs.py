"""Multiply-accumulates of one node, from the shapes of its values. A dimension that is not known counts as one."""

from __future__ import annotations

import math
from collections import ChainMap
from collections.abc import Callable, Mapping, Sequence
from itertools import zip_longest
from typing import cast

import onnx

from zif.model.attributes import attribute, attribute_list
from zif.model.subgraphs import bodies
from zif.model.types import Shape, initializer_info, value_info
from zif.records import TensorInfo

Shapes = Sequence[Shape | None]
_Rule = Callable[[onnx.NodeProto, Shapes, Shapes], int]


def _size(shape: Sequence[int | str | None] | None) -> int:
    return math.prod(d for d in shape if isinstance(d, int)) if shape else 1


def _conv(place: int) -> _Rule:
    """Each output element sums over the weights of one output channel; the weights are input number `place`."""

    def count(_: onnx.NodeProto, inputs: Shapes, outputs: Shapes) -> int:
        weight = inputs[place]
        return _size(outputs[0]) * _size(weight[1:]) if weight else 0

    return count


def _conv_transpose(_: onnx.NodeProto, inputs: Shapes, __: Shapes) -> int:
    """Each input element is spread over the weights of its input channel."""
    weight = inputs[1]
    return _size(inputs[0]) * _size(weight[1:]) if weight else 0


def _matmul(place: int) -> _Rule:
    """Rows x inner x columns for every matrix of the broadcast batch; the right matrix is input number `place`."""

    def count(_: onnx.NodeProto, inputs: Shapes, __: Shapes) -> int:
        a, b = inputs[0], inputs[place]
        if not a or not b:
            return 0
        columns = b[-1:] if len(b) > 1 else ()
        inner = a[-1] if isinstance(a[-1], int) else (b[-2:-1] or b)[0]
        return _size((*_broadcast(a[:-2], b[:-2]), *a[-2:-1], inner, *columns))

    return count


def _broadcast(a: Shape, b: Shape) -> Shape:
    pairs = zip_longest(reversed(a), reversed(b), fillvalue=1)
    return tuple(x if _size((x,)) >= _size((y,)) else y for x, y in pairs)


def _packed(node: onnx.NodeProto, inputs: Shapes, _: Shapes) -> int:
    """MatMulNBits: the weights are packed, their columns stand in an attribute."""
    return _size(inputs[0]) * attribute(node, "N", 1)


def _gemm(node: onnx.NodeProto, inputs: Shapes, _: Shapes) -> int:
    a, b = inputs[0], inputs[1]
    if not a or not b or len(a) != 2 or len(b) != 2:
        return 0
    rows, inner = (a[1], a[0]) if attribute(node, "transA", 0) else a
    columns = b[0] if attribute(node, "transB", 0) else b[1]
    return _size((rows, inner, columns))


def _recurrent(gates: int) -> _Rule:
    """Per step and direction: every gate multiplies the input and the state."""

    def count(node: onnx.NodeProto, inputs: Shapes, _: Shapes) -> int:
        data, weight = inputs[0], inputs[1]
        if not data or len(data) != 3 or not weight:
            return 0
        hidden = attribute(node, "hidden_size", 0) or _size(weight[1:2]) // gates
        return _size(data[:2]) * _size(weight[:1]) * gates * hidden * (_size(data[2:]) + hidden)

    return count


def _einsum(node: onnx.NodeProto, inputs: Shapes, _: Shapes) -> int:
    """The product of all index sizes, for two operands or more; an ellipsis counts by the widest operand."""
    equation = attribute(node, "equation", "").replace(" ", "")
    terms = equation.split("->")[0].split(",")
    if len(terms) < 2 or len(terms) != len(inputs):
        return 0
    sizes: dict[str, int] = {}
    for term, shape in zip(terms, inputs, strict=True):
        if shape is None:
            return 0
        letters = term.replace("...", "")
        wide = len(shape) - len(letters)
        cut = term.find("...")
        if (cut < 0 and wide) or wide < 0:
            return 0
        names = letters if cut < 0 else [*letters[:cut], *(f".{wide - i}" for i in range(wide)), *letters[cut:]]
        for name, dim in zip(names, shape, strict=True):
            sizes[name] = max(sizes.get(name, 1), _size((dim,)))
    return math.prod(sizes.values()) * (len(terms) - 1)


def _attention(node: onnx.NodeProto, inputs: Shapes, _: Shapes) -> int:
    """Scores and weighted sum: queries x keys x (query head size + value head size), per query head."""
    query, key, value = inputs[:3]
    if not query or not key or not value:
        return 0
    past = _size(inputs[4][2:3]) if len(inputs) > 4 and inputs[4] else 0
    if len(query) == 4:
        batch_heads, rows, width = _size(query[:2]), _size(query[2:3]), _size(query[3:])
        length, value_width = _size(key[2:3]), _size(value[3:])
    else:
        heads, kv_heads = attribute(node, "q_num_heads", 1) or 1, attribute(node, "kv_num_heads", 1) or 1
        batch_heads, rows, width = _size(query[:1]) * heads, _size(query[1:2]), _size(query[2:]) // heads
        length, value_width = _size(key[1:2]), _size(value[2:]) // kv_heads
    return batch_heads * rows * (length + past) * (width + value_width)


_RULES: Mapping[str, _Rule] = {
    **{op: _conv(1) for op in ("Conv", "ConvInteger", "DeformConv", "FusedConv")},
    **{op: _matmul(1) for op in ("MatMul", "FusedMatMul", "MatMulInteger")},
    **dict.fromkeys(("Gemm", "FusedGemm"), _gemm),
    **{"QLinearConv": _conv(3), "QLinearMatMul": _matmul(3), "MatMulNBits": _packed},
    **{"ConvTranspose": _conv_transpose, "Einsum": _einsum, "Attention": _attention},
    **{"LSTM": _recurrent(4), "GRU": _recurrent(3), "RNN": _recurrent(1)},
}


def macs(node: onnx.NodeProto, op_type: str, tensors: Mapping[str, TensorInfo]) -> int:
    """Multiply-accumulates of one run of a node without bodies; 0 for operators that only move or map elements."""
    rule = _RULES.get(op_type)
    if rule is None or node.domain not in ("", "com.microsoft"):
        return 0
    try:
        return rule(node, _shapes(node.input, tensors), _shapes(node.output, tensors))
    except (IndexError, ValueError):  # a malformed node: its backend will say so, the estimate need not
        return 0


def nested_macs(node: onnx.NodeProto, tensors: Mapping[str, TensorInfo]) -> int:
    """The same for a node with bodies: an If counts its dearer branch, a Scan each step, a Loop one round.

    `tensors` has the values around the node; those inside must stand in the bodies' own value_info.
    """
    costs = [_body_macs(body, tensors) for body in bodies(node)]
    if node.op_type == "If":
        return max(costs, default=0)
    return sum(costs) * (_steps(node, tensors) if node.op_type == "Scan" else 1)


def _body_macs(body: onnx.GraphProto, outer: Mapping[str, TensorInfo]) -> int:
    inner = {tensor.name: initializer_info(tensor) for tensor in body.initializer}
    inner.update((value.name, value_info(value)) for value in (*body.value_info, *body.output, *body.input))
    scope = ChainMap(inner, cast(dict[str, TensorInfo], outer))
    return sum(nested_macs(n, scope) if bodies(n) else macs(n, n.op_type, scope) for n in body.node)


def _steps(node: onnx.NodeProto, tensors: Mapping[str, TensorInfo]) -> int:
    """The length of the sequence that a Scan runs over: the last `num_scan_inputs` inputs, by their scan axis."""
    count = attribute(node, "num_scan_inputs", 1)
    axis = next(iter(attribute_list(node, "scan_input_axes")), 0)
    first = tensors.get(node.input[-count]) if count <= len(node.input) else None
    shape = first.shape if first else None
    return _size(shape[axis : axis + 1]) if shape and axis >= 0 else 1


def _shapes(names: Sequence[str], tensors: Mapping[str, TensorInfo]) -> list[Shape | None]:
    return [info.shape if (info := tensors.get(name)) else None for name in names]
