"""The ONNX project's own tests of single operators, by operator, with their inputs and expected outputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import onnx
from attrs import frozen


@frozen(eq=False)
class NodeTest:
    """One test: a model, inputs and expected outputs by name, and ONNX's own tolerances."""

    name: str
    model: onnx.ModelProto
    inputs: Mapping[str, Any]
    outputs: Mapping[str, Any]
    rtol: float
    atol: float

    @property
    def op_type(self) -> str:
        """The operator that the test is for: that of its last node, since helpers come before it."""
        nodes = self.model.graph.node
        return str(nodes[-1].op_type) if len(nodes) else ""


#: Operators whose answer is random by definition: only shape and dtype can be judged.
RANDOM = frozenset(
    {"Bernoulli", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Multinomial"}
)


@cache
def node_tests() -> tuple[NodeTest, ...]:
    """All of them that carry data, in the order of their names."""
    from zif.nodetests import node_tests as load

    return tuple(_test(test) for test in sorted(load(), key=lambda test: test.name) if test.data)


def by_operator(most: int | None = None) -> dict[str, list[NodeTest]]:
    """The tests by operator, at most `most` of each: first, last and evenly between."""
    groups: dict[str, list[NodeTest]] = {}
    for test in node_tests():
        groups.setdefault(test.op_type, []).append(test)
    return groups if most is None else {name: _spread(tests, most) for name, tests in groups.items()}


def operators() -> list[str]:
    """Every operator of the domains that ONNX defines, for naming tests without making their data."""
    return sorted({str(schema.name) for schema in onnx.defs.get_all_schemas() if schema.domain in ("", "ai.onnx.ml")})


def _test(test: Any) -> NodeTest:
    """The test with its first set of data, by name."""
    inputs, outputs = test.data[0]
    graph = test.model.graph
    return NodeTest(
        name=test.name,
        model=test.model,
        inputs={v.name: x for v, x in zip(graph.input, inputs, strict=False)},
        outputs={v.name: x for v, x in zip(graph.output, outputs, strict=False)},
        rtol=test.rtol,
        atol=test.atol,
    )


def _spread(tests: Sequence[NodeTest], most: int) -> list[NodeTest]:
    if len(tests) <= most:
        return list(tests)
    step = (len(tests) - 1) / max(most - 1, 1)
    return [tests[round(i * step)] for i in range(most)]
