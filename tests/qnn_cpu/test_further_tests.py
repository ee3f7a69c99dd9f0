"""The evidence added to ONNX's node tests: right on the engine, and not refused by the rules that are shipped."""

from __future__ import annotations

import pytest
import zif
from zif.model import Model
from zif.testing.nodetests import NodeTest

from tools.tables.qnn_cpu_tests import further_tests


@pytest.mark.parametrize("test", further_tests(), ids=lambda test: test.name)
def test_is_right_on_the_engine(test: NodeTest) -> None:
    backend, target = zif.backend("qnn_cpu"), zif.target("host")
    options = backend.options({}, target)
    compiled = backend.compile(backend.convert(Model.load(test.model), target, options), target, options)
    executable = backend.load(compiled, options)
    assert test.judge(executable.run) == ("right", "")
    executable.close()


def test_one_zero_point_is_taken_with_padding() -> None:
    """The quantized recogniser of ddddocr has eleven such convolutions."""
    scalar = next(test for test in further_tests() if test.name.endswith("0d_zero_point"))
    model = Model.load(scalar.model)
    verdicts = zif.backend("qnn_cpu").capabilities(zif.target("host"), model).verdicts
    assert [verdict.supported for verdict in verdicts.values()] == [True]
