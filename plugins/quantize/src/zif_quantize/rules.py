"""The rules that a model is quantized by: whose they are, and how a prepared model carries them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import attrs
import onnx
from zif import InvalidModel
from zif.plugin import QuantizationRules, Wanted, parse_json, parse_record, quantization_rules, rules_of

if TYPE_CHECKING:
    from zif import Model

#: Marks a model that has been prepared; the value is the rules that it was prepared by.
MARK = "zif.prepared"
#: The word for the rules that suit most, whatever the target's backends want.
DEFAULT = "default"

Rules = QuantizationRules | str | None


def wanted(rules: Rules = None, target: str = "", only: Sequence[str] = ()) -> Wanted:
    """Whose rules to quantize by, and what they are.

    rules: a record, the name of a backend, or "default"; None takes those of the backends that would take part in a
    plan for `target` (`only` these), and the default's without one. Raises UsageError, and BackendNotFound.
    """
    if isinstance(rules, QuantizationRules):
        return Wanted(rules)
    if rules and rules != DEFAULT:
        return rules_of(rules, target or "host")
    return quantization_rules([target], only) if target and not rules else Wanted()


def marked(model: Model, rules: QuantizationRules) -> None:
    """Let a prepared model say by which rules it was prepared."""
    model.proto.metadata_props.append(onnx.StringStringEntryProto(key=MARK, value=json.dumps(as_json(rules))))


def is_prepared(model: Model) -> bool:
    """Whether the model has been through `prepare`."""
    return any(entry.key == MARK for entry in model.proto.metadata_props)


def unmark(proto: onnx.ModelProto) -> None:
    """Take away the mark of `prepare`: the model is no longer a float one."""
    kept = [entry for entry in proto.metadata_props if entry.key != MARK]
    del proto.metadata_props[:]
    proto.metadata_props.extend(kept)


def prepared_by(model: Model) -> QuantizationRules:
    """The rules that a model was prepared by; the default's for one that was not. Raises InvalidModel."""
    text = next((entry.value for entry in model.proto.metadata_props if entry.key == MARK), "")
    return _parsed(text, model.name) if text else QuantizationRules()


@lru_cache(maxsize=16)
def _parsed(text: str, model: str) -> QuantizationRules:
    where = f"the metadata {MARK!r} of {model}"
    return parse_record(QuantizationRules, parse_json(text, where, InvalidModel), where, InvalidModel)


def as_json(rules: QuantizationRules) -> dict[str, Any]:
    """The rules as a document has them, sets in order."""
    plain = attrs.asdict(rules)
    return {name: sorted(value) if isinstance(value, frozenset) else value for name, value in plain.items()}


def document(whose: Wanted) -> dict[str, Any]:
    """What `--json` says of the rules: the backends that they are from, the rules, and whose were not taken."""
    return {"backends": list(whose.backends), "values": as_json(whose.rules), "notes": list(whose.notes)}


def sentence(document: Mapping[str, Any]) -> str:
    """The same for a reader."""
    names = document["backends"]
    if names:
        return f"by the rules of {' and '.join(names)}"
    return "by the default rules, in forms that most backends take"


def only_in(kind: str, bits: int, rules: QuantizationRules) -> str:
    """The type that the weight of this kind of operator must have beside activations of these bits; "" for any."""
    return next((row.dtype for row in rules.weight_types if row.op_type == kind and bits in row.beside), "")
