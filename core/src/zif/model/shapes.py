"""Fixing the dimensions of a model's inputs, as the caller asked: `shapes={"input": [1, 3, 224, 224]}`."""

from __future__ import annotations

import operator
from collections.abc import Callable, Collection, Iterable, Mapping, Reversible, Sequence

import onnx

from zif.errors import InvalidModel, UsageError
from zif.files.limits import RANK, is_shape
from zif.model.subgraphs import all_graphs
from zif.model.types import distinct


def override(graph: onnx.GraphProto, shapes: Mapping[str, Sequence[int]], optional: Collection[str]) -> None:
    """Write `shapes` into the graph's inputs, and put the numbers wherever the same symbols stand.

    A shape of one number may also be given to a symbol of the inputs.

    Raises UsageError for an unknown input (listing those there are), a wrong rank, a dimension that is no count and one
    that contradicts what is fixed already.
    """
    inputs = {value.name: value for value in graph.input if value.name not in optional}
    symbols: dict[str, tuple[int, str]] = {}
    named = {dim.dim_param for value in inputs.values() for dim in tensor_dims(value.type)}
    for name, dims in shapes.items():
        if name not in inputs and name in named and len(dims) == 1:
            symbols[name] = (_counts(name, dims)[0], name)
            continue
        if name not in inputs:
            raise UsageError(f"the model has no input {name!r}; its inputs are {_listed(inputs)}.")
        _fix(inputs[name], _counts(name, dims), symbols)
    if symbols:
        for current in all_graphs(graph):
            _substitute(current, symbols)


def _listed(inputs: Mapping[str, onnx.ValueInfoProto]) -> str:
    if not inputs:
        return "none"
    return ", ".join(f"{name!r} {_text(value)}" for name, value in inputs.items())


def _text(value: onnx.ValueInfoProto) -> str:
    tensor = value.type.tensor_type
    if not tensor.HasField("shape"):
        return "(rank unknown)"
    dims = (str(d.dim_value) if d.HasField("dim_value") else d.dim_param or "?" for d in tensor.shape.dim)
    return f"[{', '.join(dims)}]"


def _counts(name: str, dims: Sequence[int]) -> list[int]:
    if isinstance(dims, (str, bytes)) or not isinstance(dims, Sequence):
        raise UsageError(f"the shape of {name!r} must be a list of whole numbers, not {dims!r}.")
    counts = []
    for dim in dims:
        if isinstance(dim, (Collection, range)) and not isinstance(dim, str):
            raise UsageError(
                f"the shape of {name!r} has several sizes, {dim!r}: `zif plan`, `zif compile`, `zif run`, `zif.load` "
                "and `zif.compile` make a plan for each; here give one."
            )
        try:
            count = -1 if isinstance(dim, bool) else operator.index(dim)
        except TypeError:
            count = -1
        if not 0 <= count < 2**63:
            raise UsageError(f"the shape of {name!r} holds {dim!r}; a dimension is a whole number, zero or more.")
        counts.append(count)
    return counts


def _fix(value: onnx.ValueInfoProto, counts: list[int], symbols: dict[str, tuple[int, str]]) -> None:
    name = value.name
    if not value.type.HasField("tensor_type"):
        raise UsageError(f"the input {name!r} is no tensor and has no shape to fix.")
    tensor = value.type.tensor_type
    if not tensor.HasField("shape"):
        tensor.shape.dim.extend(onnx.TensorShapeProto.Dimension() for _ in counts)
    if len(tensor.shape.dim) != len(counts):
        rank = len(tensor.shape.dim)
        raise UsageError(
            f"the input {name!r} is {_text(value)}, rank {rank}; the shape {counts} has rank {len(counts)}."
        )
    for axis, (dim, count) in enumerate(zip(tensor.shape.dim, counts, strict=True)):
        if dim.HasField("dim_value") and dim.dim_value >= 0:
            if dim.dim_value != count:
                raise UsageError(
                    f"dimension {axis} of the input {name!r} is fixed to {dim.dim_value}, not {count}: "
                    "leave it out, or export the model with that dimension open."
                )
        elif dim.dim_param:
            _agree(dim.dim_param, count, name, symbols)
        dim.dim_value = count
    if not counts:
        tensor.shape.SetInParent()


def _agree(symbol: str, count: int, name: str, symbols: dict[str, tuple[int, str]]) -> None:
    known, where = symbols.setdefault(symbol, (count, name))
    if known != count:
        raise UsageError(
            f"the dimension {symbol!r} is {known} in the input {where!r}, {count} in {name!r}. Give it one number."
        )


def _substitute(graph: onnx.GraphProto, symbols: Mapping[str, tuple[int, str]]) -> None:
    for values in (graph.input, graph.output, graph.value_info):
        for value in values:
            for dim in tensor_dims(value.type):
                if dim.dim_param in symbols:
                    dim.dim_value = symbols[dim.dim_param][0]


def tensor_dims(proto: onnx.TypeProto) -> Sequence[onnx.TensorShapeProto.Dimension]:
    """The dimensions of a tensor type, also of one inside a sequence or an optional."""
    kind = proto.WhichOneof("value")
    if kind == "sequence_type":
        return tensor_dims(proto.sequence_type.elem_type)
    if kind == "optional_type":
        return tensor_dims(proto.optional_type.elem_type)
    return proto.tensor_type.shape.dim if kind == "tensor_type" else ()


def has_type(kind: onnx.TypeProto) -> bool:
    """Whether a type says what it is of: a tensor of no element type says nothing."""
    which = kind.WhichOneof("value")
    if which in ("sequence_type", "optional_type"):
        return has_type(getattr(kind, which).elem_type)
    return bool(kind.tensor_type.elem_type) if which == "tensor_type" else which is not None


def has_shape(kind: onnx.TypeProto) -> bool:
    """Whether a type is no tensor's, or says at least the rank."""
    return bool(kind.WhichOneof("value") != "tensor_type" or kind.tensor_type.HasField("shape"))


def is_static(kind: onnx.TypeProto | None) -> bool:
    """Whether a type is that of a tensor whose dimensions are all known."""
    if kind is None or not kind.tensor_type.HasField("shape"):
        return False
    return all(dim.HasField("dim_value") for dim in kind.tensor_type.shape.dim)


def check_dims(values: Iterable[onnx.ValueInfoProto], known: Iterable[onnx.ValueInfoProto]) -> None:
    """Refuse negative dimensions; a -1 and a "?", which some exporters write for "unknown", become unknown.

    Two such dimensions are not the same one, as two of the same name would be. known: one value of each type.

    Raises InvalidModel naming the value.
    """
    if any(not _is_dim(dim) for value in known for dim in tensor_dims(value.type)):
        for value in values:
            _settle(value)


def check_initializers(tensors: Iterable[onnx.TensorProto]) -> None:
    """Refuse negative dimensions. Raises InvalidModel naming the initializer."""
    for tensor in tensors:
        if min(tensor.dims, default=0) < 0:
            raise InvalidModel(_negative(f"a dimension of the initializer {tensor.name!r}", min(tensor.dims)))


def _is_dim(dim: onnx.TensorShapeProto.Dimension) -> bool:
    return dim.dim_value >= 0 and (not dim.dim_param or _is_symbol(dim.dim_param))


def _settle(value: onnx.ValueInfoProto) -> None:
    for axis, dim in enumerate(tensor_dims(value.type)):
        if dim.dim_value == -1:
            dim.ClearField("dim_value")
        elif dim.dim_param and not _is_symbol(dim.dim_param):
            dim.ClearField("dim_param")
        elif dim.dim_value < 0:
            raise InvalidModel(_negative(f"dimension {axis} of the value {value.name!r}", dim.dim_value))


def check_sizes(values: Reversible[onnx.ValueInfoProto], maker: Callable[[str], str] | None = None) -> None:
    """Refuse tensors that cannot be: more dimensions, or more elements, than any array has.

    What is unknown counts as one. Raises InvalidModel naming the value, and what `maker` says that makes it.
    """
    for value in distinct(values):
        dims = [max(dim.dim_value, 0) for dim in tensor_dims(value.type)]
        if not is_shape(dims):
            told = f"{len(dims)} dimensions" if len(dims) > RANK else f"the dimensions {dims[:8]}"
            what, made = f"the value {value.name!r}", maker(value.name) if maker else ""
            if made:
                what = f"{made} is invalid: its output {value.name!r}"
            raise InvalidModel(f"{what} would have {told}, which no tensor has. Export the model again.")


def _is_symbol(text: str) -> bool:
    return isinstance(text, str) and any(letter.isalpha() for letter in text)  # protobuf gives bad UTF-8 as bytes


def _negative(what: str, value: int) -> str:
    return f"{what} is {value}, and a dimension cannot be negative. Export the model again."
