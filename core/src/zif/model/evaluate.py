"""Computing single nodes with onnx's reference implementation, the same work only once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import GraphProto, ModelProto, NodeProto, OperatorSetIdProto, ValueInfoProto

from zif.files.limits import MADE
from zif.model.nodes import Node

if TYPE_CHECKING:
    from onnx.reference import ReferenceEvaluator

    from zif.records import Array

_Key = tuple[Any, ...]


class Evaluator:
    """Computes nodes of one model. Repeated blocks repeat their shape arithmetic, so results are kept by input.

    What is kept comes to `MADE` bytes at most; then nothing more is computed, and those values count as unknown.
    """

    def __init__(self, opsets: Sequence[OperatorSetIdProto], ir_version: int) -> None:
        self._opsets, self._ir_version = opsets, ir_version
        self._nodes: dict[_Key, ReferenceEvaluator | None] = {}
        self._results: dict[_Key, Sequence[Any]] = {}
        self._left = MADE.value

    def run(self, node: Node, values: Mapping[str, Array]) -> Sequence[Any]:
        """The node's outputs, unnamed ones left out; empty when onnx cannot compute it. `values` has its inputs."""
        places = {name: f"i{place}" for place, name in enumerate(node.reads)}
        inputs = tuple(places.get(name, "") for name in node.inputs)
        outputs = tuple(f"o{place}" if name else "" for place, name in enumerate(node.outputs))
        kind = (node.op_type, inputs, outputs, *(a.SerializeToString() for a in node.proto.attribute))
        feeds = {places[name]: values[name] for name in places}
        work = (kind, *((v.dtype.str, v.shape, v.tobytes()) for v in feeds.values()))
        if work not in self._results:
            if self._left <= 0 or not _bounded(node, list(feeds.values())):
                return ()
            if kind not in self._nodes:
                self._nodes[kind] = self._open(node, inputs, outputs)
            results = self._results[work] = _computed(self._nodes[kind], feeds)
            self._left -= sum(array.nbytes for array in (*feeds.values(), *results) if isinstance(array, np.ndarray))
        return self._results[work]

    def _open(self, node: Node, inputs: Sequence[str], outputs: Sequence[str]) -> ReferenceEvaluator | None:
        """onnx's own implementation of one node, under plain names so that it serves all nodes of its kind."""
        from onnx.reference import ReferenceEvaluator

        plain = NodeProto(op_type=node.op_type, input=inputs, output=outputs, attribute=node.proto.attribute)
        graph = GraphProto(name="one", node=[plain])
        graph.input.extend(ValueInfoProto(name=name) for name in dict.fromkeys(inputs) if name)
        graph.output.extend(ValueInfoProto(name=name) for name in outputs if name)
        try:
            return ReferenceEvaluator(ModelProto(graph=graph, opset_import=self._opsets, ir_version=self._ir_version))
        except Exception:  # the operator has no implementation
            return None


def _bounded(node: Node, feeds: Sequence[Array]) -> bool:
    """Whether the work is bounded by what goes in and comes out.

    Texts can double with every node, and the length of a Range wraps around in the engines' 64 bits.
    """
    if any(value.dtype.kind not in "iubfcV" for value in feeds):
        return False
    if node.op_type != "Range" or len(feeds) != 3 or any(value.dtype.kind not in "iu" for value in feeds):
        return True
    start, limit, delta = (int(value.flat[0]) if value.size else 0 for value in feeds)
    return delta != 0 and (limit - start) // delta <= 1 << 20


def _computed(evaluator: ReferenceEvaluator | None, feeds: Mapping[str, Array]) -> Sequence[Any]:
    if evaluator is None:
        return ()
    try:
        with np.errstate(all="ignore"):
            results: Sequence[Any] = evaluator.run(None, dict(feeds))
    except Exception:  # not every operator has an implementation for every type: its values stay unknown
        return ()
    return results
