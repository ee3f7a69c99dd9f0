"""Which version of an operator the evaluator implements itself, by asking it for the class.

The class fills in the defaults of the operator version that it was written for: another version is taken as it is when
its schema says nothing that the class does not know.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any

import onnx
from onnx.defs import OpSchema
from onnx.reference import ReferenceEvaluator, op_run
from zif.plugin import normal

_HOMES = {
    "": "onnx.reference.ops",
    "ai.onnx.ml": "onnx.reference.ops.aionnxml",
    "ai.onnx.preview": "onnx.reference.ops.aionnx_preview",
    "ai.onnx.preview.training": "onnx.reference.ops.aionnx_preview_training",
}


def is_native(node: onnx.NodeProto, since: int) -> bool:
    """Whether the evaluator itself has this version of the operator and knows every attribute that the node sets."""
    gaps = strangers(node.op_type, normal(node.domain), since)
    return gaps is not None and gaps.isdisjoint(attribute.name for attribute in node.attribute)


@cache
def strangers(op_type: str, domain: str, since: int) -> frozenset[str] | None:
    """The attributes of this version that the evaluator does not know; None when it lacks the version altogether."""
    try:
        schema = onnx.defs.get_schema(op_type, since, domain)
        attributes = _ask(schema)
    except op_run.RuntimeContextError:
        return frozenset()  # expanded by the schema's own function once the types are known
    except (NotImplementedError, RuntimeError, ValueError, onnx.defs.SchemaError):
        return None
    return _gaps(schema, _written_for(attributes, schema)) if isinstance(attributes, type) else frozenset()


def _ask(schema: OpSchema) -> Any:
    """The evaluator's class for an operator, or a factory when it runs the schema's function; raises for neither."""
    arguments = (schema.domain, schema.name, schema.since_version)
    home = _HOMES.get(schema.domain)
    if home is None:
        raise NotImplementedError(schema.domain)
    extra = {"evaluator_cls": ReferenceEvaluator} if not schema.domain else {}
    return import_module(home).load_op(*arguments, **extra)


@cache
def imported(op_type: str) -> frozenset[str]:
    """The packages that the evaluator's class for the newest version of an operator imports when it runs."""
    modules = _ask(onnx.defs.get_schema(op_type))
    names: tuple[str, ...] = vars(modules)["_run"].__code__.co_names if isinstance(modules, type) else ()
    return frozenset(name.partition(".")[0] for name in names)


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
    default = schema.attributes[attribute]
    return default.required, default.default_value.SerializeToString()
