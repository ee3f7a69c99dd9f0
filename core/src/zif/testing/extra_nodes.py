"""Node tests that ONNX lacks: operators that meant something else in an older version, as older models still have them.

ONNX's own tests are of each operator's newest version only.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from onnx import TensorProto, helper

from zif.testing.nodetests import NodeTest

_SHAPE = (2, 3, 4)


def further_tests(operator: str) -> Iterator[NodeTest]:
    """Those of one operator: Softmax and LogSoftmax before version 13 go over all that is behind axis 0 together."""
    if operator not in ("Softmax", "LogSoftmax"):
        return
    x = np.random.default_rng(8).normal(size=_SHAPE).astype(np.float32)
    flat = x.reshape(_SHAPE[0], -1).astype(np.float64)
    log = (flat - np.log(np.exp(flat).sum(1, keepdims=True))).reshape(_SHAPE)
    for version in (1, 11):
        yield _test(operator, version, x, np.exp(log) if operator == "Softmax" else log)


def _test(op_type: str, version: int, x: Any, y: Any) -> NodeTest:
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, _SHAPE) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node(op_type, ["x"], ["y"])], "g", ends[:1], ends[1:])
    opset = [helper.make_opsetid("", max(version, 8))]  # the version in force in opset 8 is 1
    model = helper.make_model(graph, opset_imports=opset, ir_version=8)
    return NodeTest(f"zif_{op_type.lower()}_version_{version}", model, (((x,), (y.astype(np.float32),)),), 1e-3, 1e-6)
