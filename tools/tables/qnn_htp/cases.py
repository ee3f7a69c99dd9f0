"""Tests of single units with known answers: every unit of every ONNX node test, expanded functions included."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from attrs import frozen
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from zif.model import Model, Unit
from zif.testing.nodetests import node_tests
from zif.verdicts.facts import unit_facts

if TYPE_CHECKING:
    from zif.records import Array

    Values = Mapping[str, Any]


@frozen(eq=False)
class UnitCase:
    """One unit as a model of its own, what goes in and what must come out."""

    name: str
    op_type: str
    domain: str
    facts: frozenset[str]
    model: bytes
    inputs: Mapping[str, Array]
    outputs: Mapping[str, Array]


def node_cases() -> list[UnitCase]:
    """All of them."""
    return distinct(case for test in node_tests() for case in of_test(test.name, test.model, *test.data[0]))


def distinct(cases: Iterable[UnitCase]) -> list[UnitCase]:
    """The cases without those from which nothing new can be learned: facts, shapes and values agree."""
    kept: dict[str, UnitCase] = {}
    for case in cases:
        kept.setdefault(_identity(case), case)
    return list(kept.values())


def of_test(name: str, proto: onnx.ModelProto, inputs: Sequence[Any], wanted: Sequence[Any]) -> Iterator[UnitCase]:
    """The units of one test that take and give tensors, with the values that they see in it."""
    model = Model.load(proto)
    names = [value.name for value in proto.graph.input]
    values = _all_values(model, dict(zip(names, inputs, strict=False)))
    outputs = dict(zip((value.name for value in proto.graph.output), wanted, strict=True))
    values |= {key: value for key, value in outputs.items() if value is not None}
    for unit in model.units:
        case = _of_unit(f"{name}/{unit.id}" if len(model.units) > 1 else name, model, unit, values)
        if case is not None:
            yield case


def _all_values(model: Model, inputs: Values) -> dict[str, Any]:
    """Every value of the graph by onnx's reference evaluator; those before its first failure when it has a gap."""
    proto = onnx.ModelProto()
    proto.CopyFrom(model.proto)
    known = {name: model.array(name) for name in model.initializers} | dict(inputs)
    for unit in model.units:
        part = [proto.graph.node[index] for index in unit.nodes]
        if not all(name in known for name in (*unit.inputs, *unit.weights)):
            continue
        graph = helper.make_graph(part, "part", _blank((*unit.inputs, *unit.weights)), _blank(unit.outputs))
        try:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                evaluator = ReferenceEvaluator(helper.make_model(graph, opset_imports=proto.opset_import))
                made = evaluator.run(None, {name: known[name] for name in (*unit.inputs, *unit.weights)})
        except Exception:  # the reference has gaps: the answer of the test itself may still be there
            continue
        known.update(zip(unit.outputs, made, strict=True))
    return known


def _blank(names: Sequence[str]) -> list[onnx.ValueInfoProto]:
    return [helper.make_tensor_value_info(name, 0, None) for name in names]


def _of_unit(name: str, model: Model, unit: Unit, values: Values) -> UnitCase | None:
    wanted = {value: values.get(value) for value in unit.outputs}
    inputs = {value: values.get(value) for value in unit.inputs}
    if not all(isinstance(value, np.ndarray | np.generic) for value in (*inputs.values(), *wanted.values())):
        return None
    return make(name, [model.proto.graph.node[i] for i in unit.nodes], model, inputs, wanted, unit.weights)


def make(
    name: str,
    nodes: Sequence[onnx.NodeProto],
    model: Model,
    inputs: Values,
    outputs: Values,
    weights: Sequence[str] = (),
) -> UnitCase | None:
    """A case of these nodes in the opsets of `model`; None when they are not one unit by themselves."""
    arrays = {key: np.asarray(value) for key, value in inputs.items()}
    wanted = {key: np.asarray(value) for key, value in outputs.items()}
    try:
        proto = _proto(nodes, model, arrays, wanted, weights)
        own = Model.load(proto)
        facts = unit_facts(own, own.units[0]) if len(own.units) == 1 else None
    except (KeyError, TypeError, ValueError):  # an element type that ONNX has no word for
        return None
    if facts is None:
        return None
    unit = own.units[0]
    return UnitCase(name, unit.op_type, unit.domain, facts, own.proto.SerializeToString(), arrays, wanted)


def _proto(
    nodes: Sequence[onnx.NodeProto], model: Model, values: Values, wanted: Values, weights: Sequence[str]
) -> onnx.ModelProto:
    initializers = [numpy_helper.from_array(model.array(name), name) for name in weights]
    graph = helper.make_graph(list(nodes), "unit", _infos(values), _infos(wanted), initializers)
    opsets = [helper.make_opsetid(domain, version) for domain, version in model.opsets.items()]
    return helper.make_model(graph, opset_imports=opsets, ir_version=max(10, min(model.proto.ir_version, 13)))


def _infos(values: Values) -> list[onnx.ValueInfoProto]:
    return [helper.make_tensor_value_info(name, _element(value.dtype), value.shape) for name, value in values.items()]


def _element(dtype: np.dtype[Any]) -> int:
    return onnx.TensorProto.STRING if dtype.kind in "OU" else int(helper.np_dtype_to_tensor_dtype(dtype))


def _identity(case: UnitCase) -> str:
    total = hashlib.sha256(repr((case.domain, case.op_type, sorted(case.facts))).encode())
    for value in (*case.inputs.values(), *case.outputs.values()):
        total.update(repr((value.dtype, value.shape)).encode() + value.tobytes())
    return total.hexdigest()
