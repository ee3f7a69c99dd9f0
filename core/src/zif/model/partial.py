"""Small integer tensors of which some numbers are known and some are not: shapes of open dimensions, and what is made
of them.

onnx's own inference can do this, too (`data_prop`). It is not asked to: it makes an object of every element of every
vector that passes an Add, a Cast or a Gather, so that one input of a thousand million numbers fills the memory, and
thirty Concats of a vector with itself do the same.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from attrs import frozen
from onnx import TensorShapeProto, TypeProto

from zif.model.attributes import attribute, attributes
from zif.model.types import Dim, Shape, shape_of

if TYPE_CHECKING:
    from onnx import NodeProto

    from zif.records import Array

#: Vectors with more numbers are data, not shapes.
LONGEST = 64
_LARGEST = 2**63


@frozen
class Vector:
    """The numbers of a scalar or a vector: an int, a symbol, or None for what is not known."""

    dims: Shape
    scalar: bool = False


def of_array(value: Array) -> Vector | None:
    """A constant's numbers; None for what is no integer, no scalar or vector, or too long."""
    if value.dtype.kind not in "iu" or value.ndim > 1 or value.size > LONGEST:
        return None
    return Vector(tuple(int(number) for number in value.reshape(-1)), value.ndim == 0)


def measured(node: NodeProto, kind: TypeProto) -> Vector | None:
    """What Shape makes of a value whose rank is known."""
    tensor = kind.tensor_type
    if node.op_type != "Shape" or not tensor.HasField("shape") or len(tensor.shape.dim) > LONGEST:
        return None
    dims = shape_of(tensor.shape)
    return Vector(dims[attribute(node, "start", 0) : attribute(node, "end", len(dims))])


def propagated(node: NodeProto, inputs: Sequence[Vector | None]) -> Vector | None:
    """What an operator of shape arithmetic makes of such numbers; None when that cannot be said."""
    rule = _RULES.get(node.op_type)
    if rule is None or not inputs or inputs[0] is None:
        return None
    made = rule(node, inputs)
    return made if made is not None and len(made.dims) <= LONGEST else None


def _same(_: NodeProto, inputs: Sequence[Vector | None]) -> Vector | None:
    return inputs[0]


def _concat(_: NodeProto, inputs: Sequence[Vector | None]) -> Vector | None:
    if any(vector is None or vector.scalar for vector in inputs):
        return None
    return Vector(tuple(dim for vector in inputs if vector is not None for dim in vector.dims))


def _gather(_: NodeProto, inputs: Sequence[Vector | None]) -> Vector | None:
    data, at = inputs[0], inputs[1] if len(inputs) > 1 else None
    if data is None or data.scalar or at is None:
        return None
    size = len(data.dims)
    if not all(isinstance(index, int) and -size <= index < size for index in at.dims):
        return None
    return Vector(tuple(data.dims[index] for index in at.dims if isinstance(index, int)), at.scalar)


def _slice(_: NodeProto, inputs: Sequence[Vector | None]) -> Vector | None:
    data = inputs[0]
    bounds = [_only(vector) for vector in inputs[1:]]
    if data is None or data.scalar or not 2 <= len(bounds) <= 4 or any(bound is None for bound in bounds):
        return None
    start, end, axis, step = [*bounds, 0, 1] if len(bounds) == 2 else [*bounds, 1][:4]
    if axis not in (0, -1) or not step:
        return None
    size = len(data.dims)
    return Vector(tuple(data.dims[slice(_clipped(start, size), _end(end, size, step), step)]))


def _clipped(bound: int | None, size: int) -> int:
    return max(-size - 1, min(bound or 0, size))


def _end(bound: int | None, size: int, step: int) -> int | None:
    """Python's bound: an end before the first element is written as None there."""
    end = _clipped(bound, size)
    return None if step < 0 and end < -size else end


def _only(vector: Vector | None) -> int | None:
    if vector is None or len(vector.dims) != 1 or not isinstance(vector.dims[0], int):
        return None
    return vector.dims[0]


def _squeeze(_: NodeProto, inputs: Sequence[Vector | None]) -> Vector | None:
    data = inputs[0]
    return Vector(data.dims, True) if data is not None and not data.scalar and len(data.dims) == 1 else None


def _unsqueeze(_: NodeProto, inputs: Sequence[Vector | None]) -> Vector | None:
    data = inputs[0]
    return Vector(data.dims) if data is not None and data.scalar else None


def _arithmetic(combine: Callable[[Dim, Dim], Dim]) -> Callable[[NodeProto, Sequence[Vector | None]], Vector | None]:
    def rule(_: NodeProto, inputs: Sequence[Vector | None]) -> Vector | None:
        if len(inputs) != 2 or inputs[0] is None or inputs[1] is None:
            return None
        a, b = inputs[0], inputs[1]
        size = max(len(a.dims), len(b.dims))
        if {len(a.dims), len(b.dims)} - {1, size}:
            return None
        first, other = (v.dims * size if len(v.dims) == 1 else v.dims for v in (a, b))
        return Vector(tuple(combine(x, y) for x, y in zip(first, other, strict=True)), a.scalar and b.scalar)

    return rule


def _whole(number: int) -> Dim:
    return number if -_LARGEST <= number < _LARGEST else None


def _sum(a: Dim, b: Dim) -> Dim:
    if isinstance(a, int) and isinstance(b, int):
        return _whole(a + b)
    return b if a == 0 else a if b == 0 else None


def _difference(a: Dim, b: Dim) -> Dim:
    if isinstance(a, int) and isinstance(b, int):
        return _whole(a - b)
    return a if b == 0 else None


def _product(a: Dim, b: Dim) -> Dim:
    if isinstance(a, int) and isinstance(b, int):
        return _whole(a * b)
    return b if a == 1 else a if b == 1 else None


_RULES: Mapping[str, Callable[[NodeProto, Sequence[Vector | None]], Vector | None]] = {
    "Add": _arithmetic(_sum),
    "Cast": _same,
    "Concat": _concat,
    "Gather": _gather,
    "Identity": _same,
    "Mul": _arithmetic(_product),
    "Slice": _slice,
    "Squeeze": _squeeze,
    "Sub": _arithmetic(_difference),
    "Unsqueeze": _unsqueeze,
}
PROPAGATES = frozenset(_RULES)

#: Operators whose output's dimensions stand in one of their inputs, and which input that is.
SHAPED_BY = {"Reshape": 1, "Expand": 1, "ConstantOfShape": 0, "Resize": 3}


def shaped(node: NodeProto, wanted: Vector, source: TypeProto | None) -> Shape | None:
    """The shape that an operator of `SHAPED_BY` gives its output, for these numbers and a first input of this type."""
    own = source.tensor_type if source is not None else None
    known = shape_of(own.shape) if own is not None and own.HasField("shape") else None
    if wanted.scalar:
        return None
    if node.op_type == "ConstantOfShape":
        return tuple(map(_counted, wanted.dims))
    if node.op_type == "Resize":
        plain = attributes(node).keys().isdisjoint(("axes", "keep_aspect_ratio_policy"))
        return tuple(map(_counted, wanted.dims)) if plain else None
    if node.op_type == "Expand":
        return None if known is None else _broadcast(known, wanted.dims)
    return _reshaped(node, wanted.dims, known)


def _counted(dim: Dim) -> Dim:
    return None if isinstance(dim, int) and dim < 0 else dim


def _broadcast(dims: Shape, other: Shape) -> Shape:
    size = max(len(dims), len(other))
    a, b = ((1,) * (size - len(shape)) + shape for shape in (dims, other))
    return tuple(_wider(_counted(x), _counted(y)) for x, y in zip(a, b, strict=True))


def _wider(a: Dim, b: Dim) -> Dim:
    if a == b or b == 1:
        return a
    if a == 1:
        return b
    numbers = [dim for dim in (a, b) if isinstance(dim, int)]
    return numbers[0] if len(numbers) == 1 else None


def _reshaped(node: NodeProto, wanted: Shape, known: Shape | None) -> Shape:
    literal = attribute(node, "allowzero", 0)
    dims: list[Dim] = []
    for axis, dim in enumerate(wanted):
        if dim == 0 and not literal:
            dims.append(known[axis] if known is not None and axis < len(known) else None)
        else:
            dims.append(_counted(dim))
    rest = [dim for axis, dim in enumerate(dims) if wanted[axis] != -1]
    if wanted.count(-1) == 1 and known is not None:
        dims[wanted.index(-1)] = _left_over(known, rest)
    return tuple(dims)


def _left_over(known: Shape, rest: Sequence[Dim]) -> Dim:
    """What the one open dimension of a Reshape comes to: what is on both sides counts on neither."""
    left = list(known)
    for dim in rest:
        if isinstance(dim, str) and dim in left:
            left.remove(dim)
        elif not isinstance(dim, int):
            return None
    symbols = [dim for dim in left if not isinstance(dim, int)]
    below = math.prod(dim for dim in rest if isinstance(dim, int))
    above = math.prod(dim for dim in left if isinstance(dim, int))
    if not symbols and below > 0 and above % below == 0:
        return _whole(above // below)
    return symbols[0] if len(symbols) == 1 and above == below else None


def as_type(element: int, shape: Shape) -> TypeProto:
    """A tensor's type of this element type and shape."""
    kind = TypeProto(tensor_type=TypeProto.Tensor(elem_type=element, shape=TensorShapeProto()))
    for dim in shape:
        made = kind.tensor_type.shape.dim.add()
        if isinstance(dim, int):
            made.dim_value = dim
        elif dim:
            made.dim_param = dim
    return kind
