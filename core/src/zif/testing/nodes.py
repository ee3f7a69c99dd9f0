"""The ONNX project's own tests of single operators, by the operator that each is for."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import onnx

from zif.nodetests import NodeTest
from zif.nodetests import node_tests as load
from zif.testing.further import further_tests


@cache
def node_tests() -> tuple[NodeTest, ...]:
    """All of them that carry data and a few that ONNX lacks, in the order of their names."""
    return tuple(sorted((test for test in (*load(), *further_tests()) if test.data), key=lambda test: test.name))


def by_operator(most: int = 0) -> dict[str, list[NodeTest]]:
    """The tests by operator, at most `most` of each (0: all): first, last and evenly between."""
    groups: dict[str, list[NodeTest]] = {}
    for test in node_tests():
        groups.setdefault(test.op_type, []).append(test)
    return {name: _spread(tests, most) for name, tests in groups.items()} if most else groups


def operators() -> list[str]:
    """Every operator of the domains that ONNX defines, for naming tests without making their data."""
    return sorted({str(schema.name) for schema in onnx.defs.get_all_schemas() if schema.domain in ("", "ai.onnx.ml")})


def _spread(tests: Sequence[NodeTest], most: int) -> list[NodeTest]:
    if len(tests) <= most:
        return list(tests)
    step = (len(tests) - 1) / max(most - 1, 1)
    return [tests[round(i * step)] for i in range(most)]
