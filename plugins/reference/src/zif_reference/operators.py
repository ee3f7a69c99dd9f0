"""What the evaluator implements, found out by asking it.

The evaluator picks one class per operator, by the opset of the model, and fills in the defaults of the operator version
that this class was written for. So a version of an operator is taken as it is when its schema says nothing that the
class does not know: no input and no default that differs, and no further attribute that a node sets. What is left is
brought up to a newer version where `zif_reference.upgrade` can.
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING

import onnx
from onnx.defs import OpSchema
from zif import OpClaim, Verdict, declared
from zif.plugin import DTYPE_BITS, installed_onnx, may_nest, normal, to_install, unit_nodes

from zif_reference.native import imported, is_native, strangers
from zif_reference.upgrade import upgraded

if TYPE_CHECKING:
    from zif import Model, Unit

ENGINE = f"onnx {onnx.__version__} ReferenceEvaluator"

#: Not in the evaluator, and brought up to ScatterElements (see `zif_reference.upgrade`).
_SCATTER = OpClaim("Scatter", since=9, until=11)

#: Operators for which the evaluator may import a module that onnx itself does not require, and what brings it.
_NEEDS = {"ImageDecoder": ("PIL", "zif-reference[image]"), "RegexFullMatch": ("re2", "google-re2")}


def verdicts(model: Model) -> dict[str, Verdict]:
    """The table's verdict on every unit. What the table lacks may still be brought up to a version that it has.

    Core prefers `observed.json` to it, where the evaluator was seen to be wrong.
    """
    said = declared(model, claims(), engine=ENGINE)
    for unit in model.units:
        if said[unit.id].code in ("opset", "op") or _may_surprise(unit):
            said[unit.id] = _closer(model, unit, said[unit.id])
        if said[unit.id].supported is not False:
            said[unit.id] = _missing(model, unit) or said[unit.id]
    return said


def _missing(model: Model, unit: Unit) -> Verdict | None:
    """A refusal for what a package would bring, or a newer onnx; None for a unit that nothing is missing for."""
    package = _package(unit.op_type) if not unit.domain else ""
    if package:
        reason = f"{ENGINE} needs another package for {unit.op_type}: {to_install(package)}"
        return Verdict(False, "declared", "unavailable", reason)
    return _beyond(model, unit) if beyond() else None


def _beyond(model: Model, unit: Unit) -> Verdict | None:
    for view in unit_nodes(model, unit):
        for value in map(view.tensors.get, (*view.node.input, *view.node.output)):
            if value is not None and value.dtype in beyond():
                reason = f"{ENGINE} does not compute in {value.dtype}, and later ones do: pip install 'onnx>=1.19'"
                return Verdict(False, "declared", "dtype", reason)
    return None


@cache
def beyond() -> frozenset[str]:
    """The dtypes that this evaluator does not compute in: with onnx before 1.19, all that numpy lacks."""
    return frozenset(dtype for dtype in DTYPE_BITS if not installed_onnx.holds(dtype))


def _package(op_type: str) -> str:
    """What to install before the evaluator runs the operator; "" when nothing is missing."""
    module, package = _NEEDS.get(op_type, ("", ""))
    return package if module and find_spec(module) is None and module in imported(op_type) else ""


@cache
def claims() -> tuple[OpClaim, ...]:
    """One row per operator and run of versions that are taken as they are."""
    versions: dict[tuple[str, str], list[OpSchema]] = {}
    for schema in onnx.defs.get_all_schemas_with_history():
        versions.setdefault((schema.domain, schema.name), []).append(schema)
    return (*(row for _, group in sorted(versions.items()) for row in _rows(group)), _SCATTER)


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
