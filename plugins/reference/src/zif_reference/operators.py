"""What the evaluator implements, found out by asking it.

The evaluator picks one class per operator, by the opset of the model, and fills in the defaults of the operator version
that this class was written for. So a version of an operator is taken as it is when its schema says nothing that the
class does not know: no input and no default that differs, and no further attribute that a node sets. What is left is
brought up to a newer version where `zif_reference.upgrade` can.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import onnx
from onnx.defs import OpSchema
from onnx.reference import ReferenceEvaluator, op_run
from zif import OpClaim, Verdict, declared
from zif.nested import may_nest, unit_nodes
from zif.signatures import normal

from zif_reference.upgrade import upgraded

if TYPE_CHECKING:
    from zif import Model, Unit

ENGINE = f"onnx {onnx.__version__} ReferenceEvaluator"

_HOMES = {
    "": "onnx.reference.ops",
    "ai.onnx.ml": "onnx.reference.ops.aionnxml",
    "ai.onnx.preview": "onnx.reference.ops.aionnx_preview",
    "ai.onnx.preview.training": "onnx.reference.ops.aionnx_preview_training",
}

#: Not in the evaluator, and brought up to ScatterElements (see `zif_reference.upgrade`).
_SCATTER = OpClaim("Scatter", since=9, until=11)

#: Operators for which the evaluator imports a package when they run that onnx itself does not require.
_NEEDS = {"ImageDecoder": "PIL"}


def verdicts(model: Model) -> dict[str, Verdict]:
    """The table's verdict on every unit. What the table lacks may still be brought up to a version that it has.

    Core prefers `observed.json` to it, where the evaluator was seen to be wrong.
    """
    said = declared(model, claims(), engine=ENGINE)
    missing = {op for op, module in _NEEDS.items() if find_spec(module) is None}
    for unit in model.units:
        if said[unit.id].code in ("opset", "op") or _may_surprise(unit):
            said[unit.id] = _closer(model, unit, said[unit.id])
        if unit.op_type in missing and not unit.domain:
            reason = f"{ENGINE} needs another package for {unit.op_type}: pip install 'zif-reference[image]'"
            said[unit.id] = Verdict(False, "declared", "unavailable", reason)
    return said


@cache
def claims() -> tuple[OpClaim, ...]:
    """One row per operator and run of versions that are taken as they are."""
    versions: dict[tuple[str, str], list[OpSchema]] = {}
    for schema in onnx.defs.get_all_schemas_with_history():
        versions.setdefault((schema.domain, schema.name), []).append(schema)
    return (*(row for _, group in sorted(versions.items()) for row in _rows(group)), _SCATTER)


def is_native(node: onnx.NodeProto, since: int) -> bool:
    """Whether the evaluator itself has this version of the operator and knows every attribute that the node sets."""
    gaps = strangers(node.op_type, normal(node.domain), since)
    return gaps is not None and gaps.isdisjoint(attribute.name for attribute in node.attribute)


@cache
def strangers(op_type: str, domain: str, since: int) -> frozenset[str] | None:
    """The attributes of this version that the evaluator does not know; None when it lacks the version altogether."""
    try:
        schema = onnx.defs.get_schema(op_type, since, domain)
        found = _ask(schema)
    except op_run.RuntimeContextError:
        return frozenset()  # expanded by the schema's own function once the types are known
    except (NotImplementedError, RuntimeError, ValueError, onnx.defs.SchemaError):
        return None
    return _gaps(schema, _written_for(found, schema)) if isinstance(found, type) else frozenset()


def _rows(schemas: list[OpSchema]) -> list[OpClaim]:
    ordered = sorted(schemas, key=lambda schema: schema.since_version)
    ends = [schema.since_version - 1 for schema in ordered[1:]]
    rows: list[OpClaim] = []
    for schema, until in zip(ordered, [*ends, None], strict=True):
        since = schema.since_version
        if strangers(schema.name, schema.domain, since) is None:
            continue
        if rows and rows[-1].until == since - 1:
            since = rows.pop().since
        rows.append(OpClaim(schema.name, schema.domain, since, until))
    return rows


def _ask(schema: OpSchema) -> Any:
    """The evaluator's class for an operator, or a factory when it runs the schema's function; raises for neither."""
    arguments = (schema.domain, schema.name, schema.since_version)
    home = _HOMES.get(schema.domain)
    if home is None:
        raise NotImplementedError(schema.domain)
    extra = {"evaluator_cls": ReferenceEvaluator} if not schema.domain else {}
    return import_module(home).load_op(*arguments, **extra)


def _written_for(implementation: type, schema: OpSchema) -> OpSchema:
    """The version whose defaults the class fills in: the one in its name (Reshape_5), or else the newest."""
    _, _, version = implementation.__name__.rpartition("_")
    newest = onnx.defs.onnx_opset_version() if not schema.domain else 1 << 30
    wanted = int(version) if version.isdigit() else newest
    return onnx.defs.get_schema(schema.name, wanted, schema.domain)


def _gaps(schema: OpSchema, known: OpSchema) -> frozenset[str] | None:
    if len(schema.inputs) > len(known.inputs) or len(schema.outputs) > len(known.outputs):
        return None
    return None if changed_defaults(schema, known) else frozenset(schema.attributes.keys() - known.attributes.keys())


def changed_defaults(schema: OpSchema, other: OpSchema) -> list[str]:
    """The attributes that both versions have, with different defaults or only one that may be left out."""
    both = schema.attributes.keys() & other.attributes.keys()
    return sorted(name for name in both if _default(schema, name) != _default(other, name))


def _default(schema: OpSchema, attribute: str) -> tuple[bool, bytes]:
    found = schema.attributes[attribute]
    return found.required, found.default_value.SerializeToString()


def _may_surprise(unit: Unit) -> bool:
    """Whether the table's word is not enough: the operator has attributes that the evaluator lacks, or bodies."""
    key = (unit.op_type, unit.domain, unit.since)
    return len(unit.nodes) > 1 or bool(strangers(*key)) or may_nest(*key)


def _closer(model: Model, unit: Unit, said: Verdict) -> Verdict:
    """The verdict after a look at every node: which ones the evaluator has, and which ones the converter brings up."""
    lacking = [view for view in unit_nodes(model, unit) if not is_native(view.node, view.since)]
    stuck = next((view for view in lacking if not upgraded(view)), None)
    if stuck is None:
        why = f"{lacking[0].node.op_type} is brought up to a newer version by ONNX's converter" if lacking else ""
        return Verdict(True, "probed", "ok", why) if lacking else said
    if said.supported is False:
        return said
    extra = strangers(stuck.node.op_type, normal(stuck.node.domain), stuck.since) or frozenset()
    names = ", ".join(sorted(extra.intersection(attribute.name for attribute in stuck.node.attribute)))
    reason = f"{ENGINE} does not know the attribute {names} of {stuck.node.op_type} version {stuck.since}"
    return Verdict(False, "declared", "attribute", reason)
