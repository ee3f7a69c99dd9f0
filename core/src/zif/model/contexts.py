"""EPContext: ONNX Runtime's node for what was compiled elsewhere, its binary beside the file or in it.

Such a node is a unit by itself: nothing joins it, its values keep their names, by which the binary knows them, and its
binary is a data file of the model as weights are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import onnx

from zif.errors import InvalidModel
from zif.files.paths import relative
from zif.model.attributes import attribute, attribute_bytes

#: Operator and domain, and the attributes that say where the binary is.
CONTEXT, DOMAIN = "EPContext", "com.microsoft"
BINARY, EMBEDDED, MAIN = "ep_cache_context", "embed_mode", "main_context"
#: How the metadata begin that say for what the binaries are.
COMPATIBILITY = "ep_compatibility_info."


def is_context(op_type: str, domain: str) -> bool:
    """Whether an operator stands for what was compiled elsewhere."""
    return op_type == CONTEXT and domain == DOMAIN


def nodes(graph: onnx.GraphProto) -> list[onnx.NodeProto]:
    """The nodes of a graph that stand for what was compiled elsewhere."""
    return [node for node in graph.node if is_context(node.op_type, node.domain)]


def settle(graph: onnx.GraphProto, inner: Iterable[onnx.GraphProto] = ()) -> None:
    """Give every node its own binary's name: of several parts in one binary, ONNX Runtime has only the first say it.

    inner: the graphs in the bodies of its nodes. Raises InvalidModel for a name that leaves the model's folder, where
    it is not told which binary is meant, and for such a node in a body, of which no engine is asked.
    """
    compiled = nodes(graph)
    for node in compiled:
        _check(node)
    hidden = next((node for body in inner for node in nodes(body)), None)
    if hidden is not None:
        raise InvalidModel(
            f"the node {hidden.name!r} (EPContext) stands in the body of another node, where zif does not run what was"
            " compiled elsewhere. Compile the model without its branches and loops, or plan the model it was made from."
        )
    main = [node for node in compiled if attribute(node, MAIN, 1)]
    for node in compiled:
        if not attribute(node, MAIN, 1):
            _join(node, main)


def name_of(node: onnx.NodeProto) -> str:
    """The file of a node's binary, relative to the model; "" where the binary is in the node."""
    return "" if attribute(node, EMBEDDED, 1) else held(node).decode(errors="replace")


def held(node: onnx.NodeProto) -> bytes:
    """What a node has of its binary: its name, or the binary itself, which is no text."""
    return attribute_bytes(node, BINARY)


def names(graph: onnx.GraphProto) -> Iterator[tuple[str, str]]:
    """The nodes whose binary lies in a file, by name, with that file's name."""
    yield from ((node.name, name) for node in nodes(graph) if (name := name_of(node)))


def compatibility(model: onnx.ModelProto) -> list[onnx.StringStringEntryProto]:
    """What a model says of the chips and releases that its binaries are for; nothing where it has none."""
    if not nodes(model.graph):
        return []
    said = [prop for prop in model.metadata_props if prop.key.startswith(COMPATIBILITY)]
    return sorted(said, key=lambda prop: (prop.key, prop.value))


def _check(node: onnx.NodeProto) -> None:
    told = [each.name for each in node.attribute if each.name in (BINARY, EMBEDDED, MAIN)]
    if len(told) != len(set(told)):
        raise InvalidModel(f"the node {node.name!r} (EPContext) has an attribute twice. Compile the model again.")
    if not attribute(node, MAIN, 1):
        return
    if not held(node):
        raise InvalidModel(f"the node {node.name!r} (EPContext) has no binary. Compile the model again.")
    if name_of(node):
        try:
            relative(name_of(node), InvalidModel)
        except InvalidModel as error:
            raise InvalidModel(
                f"the node {node.name!r} (EPContext) keeps its binary outside the model's folder: {error}. zif does not"
                " follow it: put the binary beside the model, and compile or export it with that name."
            ) from error


def _join(node: onnx.NodeProto, main: Iterable[onnx.NodeProto]) -> None:
    """Name the binary of the one node that has one."""
    of = [other for other in main if attribute(other, "source", "") == attribute(node, "source", "")]
    if len(of) != 1:
        raise InvalidModel(
            f"the node {node.name!r} (EPContext) is a part of another node's binary, and {len(of)} nodes of the model"
            " have one. Compile the model again, without sharing contexts between models (ep.share_ep_contexts)."
        )
    kept = [each for each in node.attribute if each.name not in (BINARY, EMBEDDED, MAIN)]
    taken = [each for each in of[0].attribute if each.name in (BINARY, EMBEDDED)]
    attributes = [*kept, *taken, onnx.helper.make_attribute(MAIN, 1)]
    copies = [onnx.AttributeProto.FromString(each.SerializeToString()) for each in attributes]
    del node.attribute[:]
    node.attribute.extend(copies)
