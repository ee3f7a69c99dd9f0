"""How often a model's loops turn, as far as its file alone says so: a number in it decides how long a run takes.

A Loop that ends when its condition says so is computed until then. One whose condition is always true turns as often as
its count says, and without a count for ever; such a file is refused before anything runs it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from onnx import GraphProto, NodeProto

from zif.errors import InvalidModel
from zif.files.limits import TURNS
from zif.model.attributes import attribute
from zif.model.dtypes import to_array
from zif.model.external import is_external
from zif.model.subgraphs import bodies

#: Numbers and truths by name: an array of one element each.
Known = Mapping[str, Any]
_FOREVER = float("inf")


class Turns:
    """Counts the turns of all loops of a model. Raises InvalidModel at the node where they are more than the limit."""

    def __init__(self) -> None:
        self._so_far = 0.0

    def add(self, node: NodeProto, name: str, known: Known) -> None:
        """Count those of a node with bodies; `known` are the constants around it."""
        self._so_far += _turns_within(node, known)
        if self._so_far > TURNS.value:
            count = "for ever" if self._so_far == _FOREVER else f"{self._so_far:,.0f} times"
            raise InvalidModel(
                f"node {name!r} ({node.op_type}): with it, the loops turn {count}, for no condition ends them; "
                f"zif takes {TURNS.value:,}: set {TURNS.environment} to raise that, if you trust the file"
            )


def _turns_within(node: NodeProto, known: Known) -> float:
    """Turns of a node and of what is nested in it, with every turn of the outer ones."""
    inner = 0.0
    for body in bodies(node):
        inside = {**known, **dict(_constants(body))}
        for value in body.input:  # hidden by what the loop carries
            inside.pop(value.name, None)
        inner += sum(_turns_within(node, inside) for node in body.node if node.attribute)
    own = _own_turns(node, known) if node.op_type == "Loop" else 0.0
    return own * max(inner, 1.0) if own else inner


def _own_turns(node: NodeProto, known: Known) -> float:
    """As often as a loop turns for certain; 0 where its condition, or a count that is not known yet, may end it."""
    count = node.input[0] if node.input else ""
    if count and count not in known:
        return 0.0
    body = attribute(node, "body", None)
    if not isinstance(body, GraphProto) or not _goes_on(node, body, known):
        return 0.0
    return max(0.0, float(known[count])) if count else _FOREVER


def _goes_on(node: NodeProto, body: GraphProto, known: Known) -> bool:
    """Whether the condition is true in every turn."""
    first = node.input[1] if len(node.input) > 1 else ""
    if (first and not known.get(first, False)) or len(body.input) < 2 or not body.output:
        return False
    sources = {
        node.output[0]: node.input[0] for node in body.node if node.op_type == "Identity" and node.input and node.output
    }
    name, seen = body.output[0].name, set()
    while name in sources and name not in seen:
        seen.add(name)
        name = sources[name]
    if name == body.input[1].name:
        return True
    inside = {**known, **dict(_constants(body))}
    return bool(inside.get(name, False))


def _constants(graph: GraphProto) -> Iterator[tuple[str, Any]]:
    """Initializers and Constants of one element."""
    tensors = [(tensor.name, tensor) for tensor in graph.initializer]
    for node in graph.node:
        if node.op_type == "Constant" and node.output:
            value = attribute(node, "value", None)
            if value is not None:
                tensors.append((node.output[0], value))
            elif (number := attribute(node, "value_int", None)) is not None:
                yield node.output[0], number
    for name, tensor in tensors:
        if list(tensor.dims) in ([], [1]) and not is_external(tensor):
            try:
                yield name, to_array(tensor).reshape(-1)[0]
            except (ValueError, KeyError, IndexError):  # damaged, as the checker will say
                continue
