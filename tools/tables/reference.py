"""Makes `observed.json`: what the evaluator gets wrong on ONNX's node tests and on a few that ONNX lacks.

python -m tools.tables.reference [FILE]

What `tools.tables.reference_older` added of older versions stays.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import zif
import zif_reference
from attrs import evolve
from onnx import TensorProto, helper
from zif.model.signatures import signature
from zif.testing.learning import learn
from zif.testing.nodetests import NodeTest, node_tests, observe
from zif.verdicts import observed
from zif_reference.operators import ENGINE


def main(arguments: list[str]) -> int:
    """Write the table to the file that is named, or to the one that this package ships."""
    path = Path(arguments[0]) if arguments else Path(zif_reference.__file__).with_name("observed.json")
    tests = [test for test in (*node_tests(), *further_tests()) if not _random(test)]
    cases = list(observe(zif.backend("reference"), zif.target("host"), tests))
    table = learn(cases, ENGINE, f"the node tests of onnx {onnx.__version__} and further ones")
    older = tuple(rule for rule in observed.load(path).rules if rule.versions) if path.is_file() else ()
    observed.save(evolve(table, rules=(*table.rules, *older)), path)
    wrong = sum(case.outcome != "right" for case in cases)
    print(f"{path}: {len(table.rules)} rules from {len(cases)} tests, {wrong} of them not right", file=sys.stderr)
    return 0


def further_tests() -> Iterator[NodeTest]:
    """Loops that collect a value of rank 0 to 3 in each of three rounds, and normalization as it was before opset 7."""
    for shape in ((), (2,), (2, 3), (2, 3, 4)):
        x = np.arange(np.prod(shape, dtype=int), dtype=np.float32).reshape(shape)
        collected = np.stack([(x + turn).astype(np.float32) for turn in range(3)])
        data = (((np.array(3), np.array(True), x), (collected,)),)
        yield NodeTest(f"further_loop_collects_rank_{len(shape)}", _loop(shape), data, 1e-6, 0)
    for is_test in (0, 1):
        yield _normalization(is_test)


def _normalization(is_test: int) -> NodeTest:
    x = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    names = ("x", "scale", "bias", "mean", "var")
    feeds = (x, *(np.full(3, fill, np.float32) for fill in (2, 1, 5, 4)))
    values = [helper.make_tensor_value_info(n, TensorProto.FLOAT, v.shape) for n, v in zip(names, feeds, strict=True)]
    node = helper.make_node("BatchNormalization", names, ["y"], is_test=is_test, epsilon=0.0)
    graph = helper.make_graph([node], "g", values, [helper.make_tensor_value_info("y", TensorProto.FLOAT, x.shape)])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 6)], ir_version=8)
    mean, var = (5, 4) if is_test else (x.mean((0, 2), keepdims=True), x.var((0, 2), keepdims=True))
    y = (2 * (x - mean) / np.sqrt(var) + 1).astype(np.float32)
    return NodeTest(f"further_batchnorm_6_is_test_{is_test}", model, ((feeds, (y,)),), 1e-5, 1e-6)


def _loop(shape: tuple[int, ...]) -> onnx.ModelProto:
    def value(name: str, kind: int, dims: Any) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, kind, dims)

    nodes = [
        helper.make_node("Identity", ["go"], ["on"]),
        helper.make_node("Cast", ["turn"], ["step"], to=TensorProto.FLOAT),
        helper.make_node("Add", ["x", "step"], ["made"]),
    ]
    rounds = [value("turn", TensorProto.INT64, []), value("go", TensorProto.BOOL, [])]
    made = [value("on", TensorProto.BOOL, []), value("made", TensorProto.FLOAT, shape)]
    loop = helper.make_node("Loop", ["n", "c"], ["y"], body=helper.make_graph(nodes, "round", rounds, made))
    inputs = [value("n", TensorProto.INT64, []), value("c", TensorProto.BOOL, []), value("x", TensorProto.FLOAT, shape)]
    graph = helper.make_graph([loop], "loop", inputs, [value("y", TensorProto.FLOAT, [None, *shape])])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def _random(test: NodeTest) -> bool:
    """Whether an operator of the test draws numbers: then no expected output says anything."""
    opset = {item.domain: item.version for item in test.model.opset_import}
    known = [signature(node.op_type, node.domain, opset.get(node.domain, 1)) for node in test.model.graph.node]
    return any(test is not None and "seed" in test.defaults for test in known)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
