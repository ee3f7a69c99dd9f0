"""A test of several units taken apart: each unit with what flows into it and what has to come out."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

from zif.errors import ZifError
from zif.model import Model
from zif.testing.nodetests import NodeTest


def units_apart(test: NodeTest, model: Model) -> Iterator[NodeTest]:
    """One test for each unit, by the reference's intermediate values; nothing where it does not run the whole."""
    from onnx.reference import ReferenceEvaluator

    inputs, _ = test.data[0]
    feeds = test.feeds(inputs)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the tests compute with infinities on purpose
            values: dict[str, Any] = ReferenceEvaluator(model.proto).run(None, feeds, intermediate=True)
    except Exception:  # it does not have everything that a test may use
        return
    values = {**feeds, **values}
    for unit in model.units if len(model.units) > 1 else ():
        try:
            proto = model.slice([unit.id], unit.id).proto
            arrays = tuple(values[value.name] for value in proto.graph.input)
            wanted = tuple(values[value.name] for value in proto.graph.output)
        except (ZifError, KeyError):
            continue
        yield NodeTest(f"{test.name}/{unit.id}", proto, ((arrays, wanted),), test.rtol, test.atol)
