"""The ONNX project's own tests of single operators, by operator, with their inputs and expected outputs."""

from __future__ import annotations

import warnings
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
    from onnx.backend.test.loader import load_model_tests

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the cases are made by numpy, whose overflows are meant
        cases = load_model_tests(kind="node")
    return tuple(_test(case) for case in sorted(cases, key=lambda case: str(case.name)) if case.data_sets)


def by_operator(most: int | None = None) -> dict[str, list[NodeTest]]:
    """The tests by operator, at most `most` of each: first, last and evenly between."""
    groups: dict[str, list[NodeTest]] = {}
    for test in node_tests():
        groups.setdefault(test.op_type, []).append(test)
    return groups if most is None else {name: _spread(tests, most) for name, tests in groups.items()}


def operators() -> list[str]:
    """Every operator of the domains that ONNX defines, for naming tests without making their data."""
    return sorted({str(schema.name) for schema in onnx.defs.get_all_schemas() if schema.domain in ("", "ai.onnx.ml")})


def _test(case: Any) -> NodeTest:
    inputs, outputs = case.data_sets[0]
    graph = case.model.graph
    names = [value.name for value in graph.input]
    expected = [value.name for value in graph.output]
    return NodeTest(
        name=case.name,
        model=case.model,
        inputs=dict(zip(names, inputs, strict=False)),
        outputs=dict(zip(expected, outputs, strict=False)),
        rtol=case.rtol,
        atol=case.atol,
    )


def _spread(tests: Sequence[NodeTest], most: int) -> list[NodeTest]:
    if len(tests) <= most:
        return list(tests)
    step = (len(tests) - 1) / max(most - 1, 1)
    return [tests[round(i * step)] for i in range(most)]
