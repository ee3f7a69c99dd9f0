"""What an operator's schema says of its inputs and outputs: names, type constraints, bodies, defaults."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from attrs import Factory, frozen

if TYPE_CHECKING:
    from onnx.defs import OpSchema


@frozen
class Signature:
    """One version of one operator.

    inputs, outputs: (name, constraint) per formal parameter; the constraint is a name such as "T", or a type when the
    schema fixes it. variadic_*: the last parameter repeats. mixed_*: what repeats need not agree in type.
    optional: names of the parameters that may be left out. bodies: whether an attribute holds a graph.
    defaults: the attributes' default values; None for one that has none. types: what each constraint allows.
    """

    inputs: tuple[tuple[str, str], ...]
    outputs: tuple[tuple[str, str], ...]
    variadic_inputs: bool = False
    variadic_outputs: bool = False
    mixed_inputs: bool = False
    mixed_outputs: bool = False
    optional: frozenset[str] = frozenset()
    bodies: bool = False
    defaults: Mapping[str, Any] = Factory(dict)
    types: Mapping[str, frozenset[str]] = Factory(dict)

    def input_at(self, index: int) -> tuple[str, str]:
        """Name and constraint of the actual input at `index`; ("", "") past the end or when the type is free."""
        return _at(self.inputs, index, self.variadic_inputs, self.mixed_inputs)

    def output_at(self, index: int) -> tuple[str, str]:
        """The same for outputs."""
        return _at(self.outputs, index, self.variadic_outputs, self.mixed_outputs)


@cache
def signature(op_type: str, domain: str, since: int) -> Signature | None:
    """The signature from onnx's own schemas; None for an operator that onnx does not know."""
    import onnx.defs

    try:
        return from_schema(onnx.defs.get_schema(op_type, since, normal(domain)))
    except onnx.defs.SchemaError:
        return None


@cache
def since_version(op_type: str, domain: str, opset: int) -> int:
    """The opset in which the definition that `opset` uses last changed; `opset` itself for an unknown operator."""
    import onnx.defs

    try:
        return int(onnx.defs.get_schema(op_type, opset, normal(domain)).since_version)
    except onnx.defs.SchemaError:
        return opset


def normal(domain: str) -> str:
    """The domain's short form: ONNX's own domain is "", also when a file spells it "ai.onnx"."""
    return "" if domain == "ai.onnx" else domain


def from_schema(schema: OpSchema) -> Signature:
    """The signature of an `onnx.defs.OpSchema`."""
    from onnx.defs import OpSchema

    from zif.model.attributes import value_of

    option = OpSchema.FormalParameterOption

    def variadic(params: Sequence[Any]) -> bool:
        return bool(params) and params[-1].option == option.Variadic

    def mixed(params: Sequence[Any]) -> bool:
        return variadic(params) and not params[-1].is_homogeneous

    def default(attribute: Any) -> Any:
        return value_of(attribute.default_value) if attribute.default_value.name else None

    both = (*schema.inputs, *schema.outputs)
    graph = (OpSchema.AttrType.GRAPH, OpSchema.AttrType.GRAPHS)
    return Signature(
        tuple((p.name, p.type_str) for p in schema.inputs),
        tuple((p.name, p.type_str) for p in schema.outputs),
        variadic(schema.inputs),
        variadic(schema.outputs),
        mixed(schema.inputs),
        mixed(schema.outputs),
        frozenset(p.name for p in both if p.option == option.Optional),
        any(a.type in graph for a in schema.attributes.values()),
        {name: default(a) for name, a in schema.attributes.items()},
        {c.type_param_str: frozenset(c.allowed_type_strs) for c in schema.type_constraints},
    )


def _at(params: tuple[tuple[str, str], ...], index: int, variadic: bool, mixed: bool) -> tuple[str, str]:
    if index < len(params) - 1 or (index == len(params) - 1 and not variadic):
        return params[index]
    return params[-1] if variadic and not mixed else ("", "")
