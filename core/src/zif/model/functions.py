"""Model-local functions, inlined: what is placed are their nodes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from graphlib import CycleError, TopologicalSorter

import onnx
from attrs import frozen
from onnx.inliner import inline_local_functions

from zif.errors import InvalidModel
from zif.files.limits import INLINED, MADE
from zif.model import bounds, opsets
from zif.model.infer import skeleton
from zif.model.types import check_text

#: How deep functions may call each other.
CALLS = 200
_Key = tuple[str, str, str]


def inline(proto: onnx.ModelProto) -> None:
    """Replace every call of a model-local function by the function's nodes, in place, without touching weights.

    A function written for another opset than the model's is converted to it; one that cannot be stays a call, and its
    definition stays in the model. Raises InvalidModel for functions that call each other in a circle, or that come to
    more than the limits.
    """
    _check(proto)
    bare = skeleton(proto)
    try:
        inlined = inline_local_functions(bare)
    except Exception as error:
        raise InvalidModel(f"the model's functions cannot be inlined: {error}. Export it again.") from error
    if inlined.functions:
        inlined = _converted(inlined)
    graph = proto.graph
    del graph.node[:], graph.value_info[:], proto.functions[:], proto.opset_import[:]
    graph.node.extend(inlined.graph.node)
    graph.value_info.extend(inlined.graph.value_info)
    proto.functions.extend(inlined.functions)
    proto.opset_import.extend(inlined.opset_import)


def _converted(inlined: onnx.ModelProto) -> onnx.ModelProto:
    try:
        return inline_local_functions(inlined, convert_version=True)
    except Exception:  # the version converter lacks an adapter: the call stays, and backends say what they make of it
        return inlined


@frozen
class _Cost:
    """What a function comes to where it is called, those that it calls written out: nodes, bytes, depth of calls."""

    nodes: int
    bytes: int
    depth: int


def _check(proto: onnx.ModelProto) -> None:
    """Refuse functions that are defined twice, call each other in a circle, or come to too much."""
    functions: dict[_Key, onnx.FunctionProto] = {}
    for function in proto.functions:
        check_text((function.domain, function.name, function.overload, *function.input, *function.output))
        opsets.imported(function, f"the function {function.name!r}")
        key = (opsets.plain_domain(function.domain), function.name, function.overload)
        if key in functions:
            raise InvalidModel(f"the model defines the function {function.name!r} twice. Export it again.")
        functions[key] = function
    own = _own(proto.graph.node, 0)
    total = _sum(own, _calls(proto.graph.node, functions), _costs(functions))
    bounds.check_nodes(total.nodes)
    if total.nodes - own.nodes > INLINED.value:
        what = "the nodes of the model's functions, written out where they are called, are"
        raise InvalidModel(f"{INLINED.exceeded(what, total.nodes - own.nodes)}.")
    if total.bytes > MADE.value:
        what = "the model's functions, written out where they are called, take"
        raise InvalidModel(f"{MADE.exceeded(what, total.bytes)}.")


def _costs(functions: Mapping[_Key, onnx.FunctionProto]) -> dict[_Key, _Cost]:
    """What each function comes to. Raises InvalidModel for a circle, and for calls that are too deep."""
    calls = {key: _calls(function.node, functions) for key, function in functions.items()}
    costs: dict[_Key, _Cost] = {}
    try:
        order = list(TopologicalSorter(calls).static_order())
    except CycleError as error:
        names = " → ".join(name for _, name, _ in error.args[1])
        raise InvalidModel(f"the model's functions call each other in a circle: {names}. Export it again.") from error
    for key in order:
        costs[key] = _sum(_own(functions[key].node, functions[key].ByteSize()), calls[key], costs)
        if costs[key].depth > CALLS:
            raise InvalidModel(f"the model's functions call each other more than {CALLS} deep. Export it again.")
    return costs


def _own(nodes: Iterable[onnx.NodeProto], size: int) -> _Cost:
    return _Cost(sum(len(group) for group in _groups(nodes)), size, 0)


def _calls(nodes: Iterable[onnx.NodeProto], functions: Mapping[_Key, onnx.FunctionProto]) -> Counter[_Key]:
    """How often each function is called from these nodes and their bodies."""
    keys = (
        (opsets.plain_domain(node.domain), node.op_type, node.overload) for group in _groups(nodes) for node in group
    )
    return Counter(key for key in keys if key in functions)


def _groups(nodes: Iterable[onnx.NodeProto]) -> list[list[onnx.NodeProto]]:
    """The nodes, and those of every body in them."""
    outer = onnx.GraphProto(name="f", node=nodes)
    return [list(graph.node) for graph in bounds.graphs([outer])]


def _sum(own: _Cost, calls: Counter[_Key], costs: Mapping[_Key, _Cost]) -> _Cost:
    below = [(costs[key], times) for key, times in calls.items()]
    return _Cost(
        own.nodes + sum(cost.nodes * times for cost, times in below),
        own.bytes + sum(cost.bytes * times for cost, times in below),
        1 + max((cost.depth for cost, _ in below), default=0),
    )
