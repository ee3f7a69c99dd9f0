"""Keeping ONNX Runtime's QNN provider from a fusion that computes wrongly.

x · HardSigmoid(x) with alpha 1/6 and beta 1/2 is HardSwish, and provider 2.7.0 fuses it: results were then off by up to
75 where they reach 7, in every rank that was tried; HardSwish as one operator is right. An alpha that differs in the
sixth digit is not fused, and is the same number in fp16.
"""

from __future__ import annotations

import onnx
from zif.plugin import attribute

_ALPHA, _BETA = 1 / 6, 0.5
#: Relative to alpha: more than the provider's tolerance (1e-6 was enough), far less than fp16's 4.9e-4.
_NUDGE = 1e-5


def unfuse(graph: onnx.GraphProto) -> None:
    """Nudge alpha of every HardSigmoid that would be half of a HardSwish."""
    pairs = {frozenset(node.input) for node in graph.node if node.op_type == "Mul" and not node.domain}
    for node in graph.node:
        if node.op_type == "HardSigmoid" and not node.domain and frozenset((node.input[0], node.output[0])) in pairs:
            _nudge(node)


def _nudge(node: onnx.NodeProto) -> None:
    alpha, beta = attribute(node, "alpha", 0.2), attribute(node, "beta", 0.5)
    if abs(alpha - _ALPHA) < _NUDGE * _ALPHA / 2 and abs(beta - _BETA) < _NUDGE:
        next(attribute for attribute in node.attribute if attribute.name == "alpha").f = _ALPHA * (1 + _NUDGE)
