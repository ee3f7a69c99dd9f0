"""What ONNX Runtime's CPU provider has, read from its kernel registry and its operator schemas."""

from __future__ import annotations

from functools import cache
from typing import Any

import onnx
from onnxruntime.capi import onnxruntime_pybind11_state as native
from zif import OpClaim
from zif.plugin import Signature, normal, signature

from zif_qnn_cpu.engine import PROVIDER

_OPEN = 2**31 - 1


@cache
def claims() -> tuple[OpClaim, ...]:
    """One row per kernel: operator, versions, element types."""
    kernels = (kernel for kernel in native.get_all_opkernel_def() if kernel.provider == PROVIDER)
    # ONNX Runtime keeps kernels of its own (MemcpyToHost) and of long gone experiments (Affine) in ONNX's domain.
    rows = {repr(row): row for row in map(_claim, kernels) if row.domain or onnx.defs.has(row.op_type)}
    return tuple(sorted(rows.values(), key=lambda row: (row.domain, row.op_type, row.since)))


@cache
def signatures(op_type: str, domain: str, since: int) -> Signature | None:
    """The operator's signature: onnx's, or ONNX Runtime's own for domains such as com.microsoft."""
    known = signature(op_type, domain, since)
    if known is not None:
        return known
    versions = [schema for schema in _own_schemas().get((domain, op_type), ()) if schema.since_version <= since]
    return _signature(max(versions, key=lambda schema: schema.since_version)) if versions else None


def _claim(kernel: Any) -> OpClaim:
    since, until = kernel.version_range
    # A range without end means only its first version: ONNX Runtime matches it to no later definition of the operator.
    last = since if until == _OPEN else until
    types = {name: frozenset(kinds) for name, kinds in kernel.type_constraints.items()}
    return OpClaim(kernel.op_name, normal(kernel.domain), since, last, types)


@cache
def _own_schemas() -> dict[tuple[str, str], list[Any]]:
    schemas: dict[tuple[str, str], list[Any]] = {}
    for schema in native.get_all_operator_schema():
        schemas.setdefault((schema.domain, schema.name), []).append(schema)
    return schemas


def _signature(schema: Any) -> Signature:
    optional, variadic = (getattr(native.schemadef.OpSchema.FormalParameterOption, n) for n in ("Optional", "Variadic"))

    def ends(params: Any, mixed: bool) -> bool:
        return bool(params) and params[-1].option == variadic and (not mixed or not params[-1].isHomogeneous)

    return Signature(
        tuple((p.name, p.typeStr) for p in schema.inputs),
        tuple((p.name, p.typeStr) for p in schema.outputs),
        ends(schema.inputs, False),
        ends(schema.outputs, False),
        ends(schema.inputs, True),
        ends(schema.outputs, True),
        frozenset(p.name for p in (*schema.inputs, *schema.outputs) if p.option == optional),
        types={c.type_param_str: frozenset(c.allowed_type_strs) for c in schema.type_constraints},
    )
