"""The ONNX project's own tests of single operators, by the operator that each is for, loaded when asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache

import onnx

from zif.testing.extra_nodes import further_tests
from zif.testing.nodetests import NodeTest, modules
from zif.testing.nodetests import node_tests as load

#: Modules of ONNX's tests that are not called like their operator.
_CALLED = {"rangeop": "range"}


class ByOperator(Mapping[str, list[NodeTest]]):
    """The tests of every operator, at most `most` of each (0: all): first, last and evenly between."""

    def __init__(self, most: int = 0) -> None:
        self._most = most

    def __getitem__(self, operator: str) -> list[NodeTest]:
        return _spread(tests_of(operator), self._most)

    def __iter__(self) -> Iterator[str]:
        return iter(operators())

    def __len__(self) -> int:
        return len(operators())


@cache
def operators() -> tuple[str, ...]:
    """Every operator that ONNX defines, for naming tests without making their data."""
    return tuple(sorted({str(schema.name) for schema in onnx.defs.get_all_schemas()}))


@cache
def tests_of(operator: str) -> tuple[NodeTest, ...]:
    """ONNX's tests of an operator that carry data, those of its function expanded too, and a few that ONNX lacks."""
    tests = (*load(_modules().get(operator.lower(), ())), *further_tests(operator))
    return tuple(sorted((test for test in tests if test.data), key=lambda test: test.name))


def node_tests() -> tuple[NodeTest, ...]:
    """The tests of all operators."""
    return tuple(test for operator in operators() for test in tests_of(operator))


@cache
def _modules() -> Mapping[str, Sequence[str]]:
    """The modules of tests by their operator's name in small letters."""
    by_operator: dict[str, list[str]] = {}
    for module in modules():
        word = module.rpartition(".")[2].replace("_", "")
        by_operator.setdefault(_CALLED.get(word, word), []).append(module)
    return by_operator


def _spread(tests: Sequence[NodeTest], most: int) -> list[NodeTest]:
    if not most or len(tests) <= most:
        return list(tests)
    step = (len(tests) - 1) / max(most - 1, 1)
    return [tests[round(i * step)] for i in range(most)]
