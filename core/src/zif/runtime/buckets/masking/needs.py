"""What operators need of the part of their inputs beyond the valid one, so that the valid part of what they make is
what it is without that part: a window that reaches beyond the end sees its own padding, a sum sees zeros, a maximum
sees nothing that is larger.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Literal

import onnx
from attrs import frozen

from zif.model.attributes import attribute, attribute_list
from zif.runtime.buckets.masking.guards import Window

if TYPE_CHECKING:
    from zif.model import Model
    from zif.runtime.buckets.extents import Rule
    from zif.runtime.buckets.masking.spans import Spans

Fill = Literal["zero", "low", "high", "one"]


@frozen
class Need:
    """An input, by its number, that must have this beyond the valid part of an axis."""

    input: int
    axis: int
    fill: Fill = "zero"


@frozen
class Needs:
    """What one node needs. either: of these one is enough, as of the factors of a product. shares: axes of the first
    input whose mean is taken. windows: of poolings that count what is there. sequence: the axis of a recurrent one.
    """

    each: tuple[Need, ...] = ()
    either: tuple[tuple[Need, ...], ...] = ()
    shares: tuple[int, ...] = ()
    windows: tuple[tuple[int, Window], ...] = ()
    sequence: int | None = None


@frozen
class Node:
    """A node of a bucket's graph, with what is known of its inputs."""

    proto: onnx.NodeProto
    model: Model
    spans: Spans
    opset: int

    def grows(self, place: int) -> Mapping[int, Rule | None]:
        """The axes of an input that have a part beyond the valid one."""
        return self.spans.get(self.proto.input[place], {}) if place < len(self.proto.input) else {}

    def rank(self, place: int) -> int:
        """The rank of an input; 0 where it is not known."""
        info = self.model.tensors.get(self.proto.input[place]) if place < len(self.proto.input) else None
        return len(info.shape or ()) if info is not None else 0

    def ints(self, place: int) -> list[int] | None:
        """An input that is a constant; None for one that is missing or is none."""
        name = self.proto.input[place] if place < len(self.proto.input) else ""
        return self.model.array(name).reshape(-1).tolist() if name in self.model.initializers else None

    def axis(self, name: str, default: int, place: int = 0) -> int:
        """An attribute that counts axes of an input, from its start."""
        windows = attribute(self.proto, name, default)
        return windows % max(self.rank(place), 1)


def needs(node: Node) -> Needs:
    """What a node needs; nothing, where its operator is not known here or looks at one place at a time."""
    ask = _OPERATORS.get(node.proto.op_type) if node.proto.domain in ("", "ai.onnx") else None
    return ask(node) if ask is not None else Needs()


def _windows(node: Node) -> dict[int, tuple[Window, bool]]:
    """By axis: a window over it, and whether it may reach beyond the end of the axis."""
    proto, spatial = node.proto, node.rank(0) - 2
    kernel = attribute_list(proto, "kernel_shape") or _kernel(node)
    strides = attribute_list(proto, "strides") or [1] * spatial
    dilations = attribute_list(proto, "dilations") or [1] * spatial
    pads = attribute_list(proto, "pads") or [0] * (2 * spatial)
    if not len(kernel) == len(strides) == len(dilations) == spatial or len(pads) != 2 * spatial:
        return {}
    auto = attribute(proto, "auto_pad", "NOTSET")
    reaching = bool(attribute(proto, "ceil_mode", 0))
    padded = bool(attribute(proto, "count_include_pad", 0))
    made = {}
    for axis in range(spatial):
        before, behind = (pads[axis], pads[axis + spatial]) if auto == "NOTSET" else (0, 0)
        same = auto.startswith("SAME") and kernel[axis] > 1
        window = Window(kernel[axis], strides[axis], dilations[axis], before, behind, padded)
        made[axis + 2] = window, reaching or same or behind > 0
    return made


def _kernel(node: Node) -> list[int]:
    info = node.model.tensors.get(node.proto.input[1]) if len(node.proto.input) > 1 else None
    return [dim for dim in (info.shape if info else None) or () if isinstance(dim, int)][2:]


def _reaching(fill: Fill) -> Callable[[Node], Needs]:
    def ask(node: Node) -> Needs:
        windows = _windows(node)
        return Needs(tuple(Need(0, axis, fill) for axis in node.grows(0) if axis in windows and windows[axis][1]))

    return ask


def _upsampling(node: Node) -> Needs:
    windows = _windows(node)
    return Needs(tuple(Need(0, axis) for axis in node.grows(0) if axis in windows and windows[axis][0].kernel > 1))


def _averaging(node: Node) -> Needs:
    """Zeros for the sum, and where the elements that are there are counted, as many as there would be."""
    windows = {axis: window for axis, (window, reaches) in _windows(node).items() if reaches and axis in node.grows(0)}
    auto = attribute(node.proto, "auto_pad", "NOTSET") != "NOTSET"  # then what stands before is no constant
    counted = () if auto else tuple((axis, axis_need) for axis, axis_need in windows.items())
    plain = not attribute(node.proto, "ceil_mode", 0)
    return Needs(
        tuple(Need(0, axis) for axis in windows),
        windows=tuple((axis, axis_need) for axis, axis_need in counted if not (plain and axis_need.padded)),
    )


def _whole(fill: Fill, mean: bool = False) -> Callable[[Node], Needs]:
    def ask(node: Node) -> Needs:
        axes = tuple(axis for axis in node.grows(0) if axis >= 2)
        return Needs(tuple(Need(0, axis, fill) for axis in axes), shares=axes if mean else ())

    return ask


def _reduced(fill: Fill, mean: bool = False) -> Callable[[Node], Needs]:
    def ask(node: Node) -> Needs:
        rank = node.rank(0)
        named_axes = attribute_list(node.proto, "axes") or node.ints(1)
        if len(node.proto.input) > 1 and node.proto.input[1] and named_axes is None:
            return Needs()
        if not named_axes and attribute(node.proto, "noop_with_empty_axes", 0):
            return Needs()
        over = {axis % rank for axis in named_axes} if named_axes else set(range(rank))
        axes = tuple(axis for axis in node.grows(0) if axis in over)
        return Needs(tuple(Need(0, axis, fill) for axis in axes), shares=axes if mean else ())

    return ask


def _normalized(node: Node) -> Needs:
    axis = node.axis("axis", -1 if node.opset >= 13 else 1)
    last = axis if node.opset >= 13 else node.rank(0) - 1  # older ones take all that follows as one axis
    return Needs(tuple(Need(0, grown, "low") for grown in node.grows(0) if axis <= grown <= last))


def _along(fill: Fill, name: str = "axis", default: int = -1) -> Callable[[Node], Needs]:
    def ask(node: Node) -> Needs:
        axis = node.axis(name, default)
        return Needs((Need(0, axis, fill),) if axis in node.grows(0) else ())

    return ask


def _topmost(node: Node) -> Needs:
    return _along("low" if attribute(node.proto, "largest", 1) else "high")(node)


def _product(node: Node) -> Needs:
    first, second = node.rank(0), node.rank(1)
    if not first or not second:
        return Needs()
    return _factors(node, first - 1, max(second - 2, 0))


def _gemm(node: Node) -> Needs:
    first = 0 if attribute(node.proto, "transA", 0) else 1
    return _factors(node, first, 1 if attribute(node.proto, "transB", 0) else 0)


def _factors(node: Node, first: int, second: int) -> Needs:
    """Zeros on one side are enough of what is summed over; on that which grows, if only one does."""
    both = [Need(place, axis) for place, axis in ((0, first), (1, second)) if axis in node.grows(place)]
    return Needs(either=(tuple(both),) if both else ())


def _contracted(node: Node) -> Needs:
    terms, _, out = attribute(node.proto, "equation", "").replace(" ", "").partition("->")
    inputs = terms.split(",")
    if not out or "." in terms or len(inputs) != len(node.proto.input):
        return Needs()
    groups = []
    for letter in dict.fromkeys(terms.replace(",", "")):
        if letter not in out:
            stands = [(place, term.index(letter)) for place, term in enumerate(inputs) if letter in term]
            groups.append(tuple(Need(place, axis) for place, axis in stands if axis in node.grows(place)))
    return Needs(either=tuple(group for group in groups if group))


def _running(node: Node) -> Needs:
    axis = node.ints(1)
    if not attribute(node.proto, "reverse", 0) or not axis:
        return Needs()
    return Needs((Need(0, axis[0] % node.rank(0)),) if axis[0] % node.rank(0) in node.grows(0) else ())


def _recurrent(node: Node) -> Needs:
    """How long the sequence is, where its last state is given, or it is read from its end."""
    axis = 1 if attribute(node.proto, "layout", 0) else 0
    has_lengths = len(node.proto.input) > 4 and bool(node.proto.input[4])
    backward = attribute(node.proto, "direction", "forward") != "forward"
    ends = any(node.proto.output[1:])
    return Needs(sequence=axis if axis in node.grows(0) and not has_lengths and (backward or ends) else None)


def _extended(node: Node) -> Needs:
    """A constant of zeros behind the end is what stands there already."""
    amounts, value = node.ints(1) or attribute_list(node.proto, "pads"), node.ints(2)
    axes = node.ints(3)
    if attribute(node.proto, "mode", "constant") != "constant" or not amounts or any(value or ()):
        return Needs()
    places: Sequence[int] = [axis % node.rank(0) for axis in axes] if axes else range(len(amounts) // 2)
    behind = dict(zip(places, amounts[len(amounts) // 2 :], strict=False))
    return Needs(tuple(Need(0, axis) for axis in node.grows(0) if behind.get(axis, 0) > 0))


_OPERATORS: Mapping[str, Callable[[Node], Needs]] = {
    "Conv": _reaching("zero"),
    "ConvTranspose": _upsampling,
    "MaxPool": _reaching("low"),
    "LpPool": _reaching("zero"),
    "AveragePool": _averaging,
    "GlobalAveragePool": _whole("zero", mean=True),
    "GlobalMaxPool": _whole("low"),
    "GlobalLpPool": _whole("zero"),
    "ReduceMean": _reduced("zero", mean=True),
    **dict.fromkeys(("ReduceSum", "ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceLogSum"), _reduced("zero")),
    "ReduceMax": _reduced("low"),
    "ReduceMin": _reduced("high"),
    "ReduceProd": _reduced("one"),
    "ReduceLogSumExp": _reduced("low"),
    **dict.fromkeys(("Softmax", "LogSoftmax", "Hardmax"), _normalized),
    "LpNormalization": _along("zero"),
    "ArgMax": _along("low", default=0),
    "ArgMin": _along("high", default=0),
    "TopK": _topmost,
    "MatMul": _product,
    "Gemm": _gemm,
    "Einsum": _contracted,
    "CumSum": _running,
    **dict.fromkeys(("LSTM", "GRU", "RNN"), _recurrent),
    "Pad": _extended,
}
