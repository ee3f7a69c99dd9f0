"""Models damaged field by field: what a message may hold by its descriptor is what is put into it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import onnx
from google.protobuf.descriptor import FieldDescriptor as Field
from onnx import defs, helper

from tools.fuzz import odd

_INTEGERS = {Field.CPPTYPE_INT32, Field.CPPTYPE_INT64, Field.CPPTYPE_UINT32, Field.CPPTYPE_UINT64}
_BOUNDS = {
    Field.CPPTYPE_INT32: (-(2**31), 2**31 - 1),
    Field.CPPTYPE_INT64: (-(2**63), 2**63 - 1),
    Field.CPPTYPE_UINT32: (0, 2**32 - 1),
    Field.CPPTYPE_UINT64: (0, 2**64 - 1),
}
#: Texts for readers only: damaging them shows little.
_DULL = {"doc_string", "producer_name", "producer_version", "denotation", "model_version"}


def messages(message: Any) -> Iterator[Any]:
    """A message with all in it, the outer before the inner."""
    waiting = [message]
    while waiting:
        current = waiting.pop()
        yield current
        for field, value in current.ListFields():
            if field.message_type is not None:
                waiting += [value] if hasattr(value, "ListFields") else value


def damaged(rng: Random, model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy with one to four fields, or what ONNX makes of them, changed."""
    made = onnx.ModelProto()
    made.CopyFrom(model)
    for _ in range(rng.choice((1, 1, 1, 2, 2, 3, 4))):
        way = rng.choice(_KINDS) if rng.random() < 0.4 else one_field
        try:
            way(rng, made)
        except Exception:  # what the field cannot hold, nothing to damage, or protobuf's own classes for too deep
            one_field(rng, made)
    return made


def one_field(rng: Random, model: Any) -> None:
    """Any field of any message, set or not yet."""
    message = rng.choice(list(messages(model)))
    fields = [field for field in message.DESCRIPTOR.fields if field.name not in _DULL]
    there = [field for field, _ in message.ListFields() if field.name not in _DULL]
    field = rng.choice(there if there and rng.random() < 0.75 else fields)
    if repeated(field):
        _repeated(rng, model, message, field)
    elif field.message_type is not None:
        _message(rng, model, message, field)
    elif rng.random() < 0.15:
        message.ClearField(field.name)
    else:
        setattr(message, field.name, scalar(rng, model, field, getattr(message, field.name)))


def repeated(field: Any) -> bool:
    """Whether a field is a list."""
    told = getattr(field, "is_repeated", None)
    return bool(told) if isinstance(told, bool) else field.label == Field.LABEL_REPEATED


def _repeated(rng: Random, model: Any, message: Any, field: Any) -> None:
    rows = getattr(message, field.name)
    ways = ["add"] if not rows else ["add", "drop", "drop", "twice", "swap", "clear", "many", "set", "set", "set"]
    way, at = rng.choice(ways), rng.randrange(len(rows)) if rows else 0
    values = list(rows)
    if way == "set" and field.message_type is not None:
        one_field(rng, values[at])
        return
    if way == "add" and field.message_type is not None:
        rows.add().CopyFrom(_other(rng, model, field) or type(rows.add())())
        return
    if way in ("add", "set"):
        values[at : at + (way == "set")] = [scalar(rng, model, field, values[at] if values else None)]
    elif way == "drop":
        del values[at]
    elif way == "twice":
        values.append(values[at])
    elif way == "swap":
        other = rng.randrange(len(values))
        values[at], values[other] = values[other], values[at]
    elif way == "many":
        values += [values[at]] * rng.choice((10, 100, 1000))
    copies = [type(value).FromString(value.SerializeToString()) for value in values] if field.message_type else values
    message.ClearField(field.name)
    if way != "clear":
        getattr(message, field.name).extend(copies)


def _message(rng: Random, model: Any, message: Any, field: Any) -> None:
    other = _other(rng, model, field)
    if other is None or rng.random() < 0.3:
        message.ClearField(field.name)
    else:
        getattr(message, field.name).CopyFrom(other)


def _other(rng: Random, model: Any, field: Any) -> Any:
    """A copy of a message of the field's type from elsewhere in the model; None when there is none."""
    same = [message for message in messages(model) if message.DESCRIPTOR.full_name == field.message_type.full_name]
    if not same:
        return None
    other = rng.choice(same)  # it may be one that the field itself lies in, which CopyFrom would follow for ever
    return type(other).FromString(other.SerializeToString())


def scalar(rng: Random, model: Any, field: Any, before: Any) -> Any:
    """A value that the field can hold."""
    kind = field.cpp_type
    if kind in _INTEGERS:
        low, high = _BOUNDS[kind]
        return min(high, max(low, odd.integer(rng, before or 0)))
    if kind == Field.CPPTYPE_ENUM:
        return rng.choice([*field.enum_type.values_by_number])
    if kind in (Field.CPPTYPE_FLOAT, Field.CPPTYPE_DOUBLE):
        return odd.floating(rng)
    if field.type == Field.TYPE_BYTES:
        return odd.spoiled(rng, before or b"") if rng.random() < 0.7 else odd.text(rng).encode("utf-8", "replace")
    return rng.choice(_names(model)) if rng.random() < 0.5 else odd.text(rng)


def _names(model: Any) -> list[str]:
    """The texts that stand in a model: a name in the place of another one."""
    texts = [value for message in messages(model) for field, value in message.ListFields() if isinstance(value, str)]
    lists = [message for message in messages(model) if isinstance(message, onnx.NodeProto)]
    return [*texts, *(name for node in lists for name in (*node.input, *node.output)), "fresh"]


def _of(kind: type, model: Any) -> list[Any]:
    return [message for message in messages(model) if isinstance(message, kind)]


def _operator(rng: Random, model: Any) -> None:
    """Another operator on the same inputs."""
    schema = rng.choice(_SCHEMAS)
    node = rng.choice(_of(onnx.NodeProto, model))
    node.op_type, node.domain = schema.name, schema.domain


def _attribute(rng: Random, model: Any) -> None:
    """An attribute that the operator has, of an odd value, or of another type."""
    node = rng.choice(_of(onnx.NodeProto, model))
    names = [name for schema in _SCHEMAS if schema.name == node.op_type for name in schema.attributes]
    name = rng.choice(names or ["axis"])
    values: tuple[Any, ...] = (
        odd.integer(rng),
        [odd.integer(rng) for _ in range(rng.randint(0, 5))],
        odd.floating(rng),
    )
    kept = [attribute for attribute in node.attribute if attribute.name != name or rng.random() < 0.1]
    copies = [onnx.AttributeProto.FromString(attribute.SerializeToString()) for attribute in kept]
    del node.attribute[:]
    value = rng.choice((*values, odd.text(rng).encode("utf-8", "replace")))
    made = onnx.AttributeProto(name=name, type=onnx.AttributeProto.INTS) if value == [] else None
    node.attribute.extend([*copies, made or helper.make_attribute(name, value)])


def _dims(rng: Random, model: Any) -> None:
    """Dimensions of a tensor or of a type."""
    tensors = [tensor for tensor in _of(onnx.TensorProto, model) if tensor.dims]
    if tensors and rng.random() < 0.5:
        dims = rng.choice(tensors).dims
        dims[rng.randrange(len(dims))] = odd.integer(rng, dims[0])
        return
    rng.choice(_of(onnx.TensorShapeProto.Dimension, model)).dim_value = odd.integer(rng)


def _external(rng: Random, model: Any) -> None:
    """A tensor's data in another file: which, where and how much."""
    tensor = rng.choice(_of(onnx.TensorProto, model))
    if rng.random() < 0.7:
        for field in ("raw_data", "float_data", "int32_data", "int64_data", "string_data"):
            tensor.ClearField(field)
    tensor.data_location = onnx.TensorProto.EXTERNAL
    del tensor.external_data[:]
    rows = {"location": rng.choice((*odd.STRAYS, "w.bin", "m.onnx", "w.bin")), "offset": str(odd.integer(rng))}
    rows |= {"length": str(odd.integer(rng)), "checksum": odd.text(rng)}
    for key in rng.sample(sorted(rows), rng.randint(1, 4)):
        entry = tensor.external_data.add()
        entry.key, entry.value = key, rows[key] if rng.random() < 0.8 else odd.text(rng)


def _opset(rng: Random, model: Any) -> None:
    model.opset_import[rng.randrange(len(model.opset_import))].version = rng.choice((*range(1, 29), odd.integer(rng)))


def _nested(rng: Random, model: Any) -> None:
    """The graph in a body of itself, so many levels deep."""
    body = onnx.GraphProto.FromString(model.graph.SerializeToString())
    for _ in range(rng.choice((1, 2, 8, 35))):
        node = onnx.NodeProto(op_type=rng.choice(("If", "Loop", "Scan")), input=list(body.node[0].input)[:2])
        node.output.extend(value.name for value in body.output)
        for name in ("then_branch", "else_branch") if node.op_type == "If" else ("body",):
            node.attribute.append(helper.make_attribute(name, body))
        outer = onnx.GraphProto(name="outer", node=[node], output=body.output)
        if outer.ByteSize() > 1 << 22:
            break
        body = outer
    model.graph.node.extend(body.node)


def _function(rng: Random, model: Any) -> None:
    """A function of the model, called by nodes and, often enough, by others or by itself."""
    domain, count = rng.choice(("local", "", "com.microsoft")), rng.randint(1, 12)
    for number in range(count):
        inner = "Relu" if number == 0 else f"f{number - 1}" if rng.random() < 0.9 else f"f{number}"
        nodes = [onnx.NodeProto(op_type=inner, domain=domain if number else "", input=["a"], output=["b"])] * 3
        function = onnx.FunctionProto(name=f"f{number}", domain=domain, input=["a"], output=["b"], node=nodes)
        function.opset_import.extend(model.opset_import)
        function.opset_import.add(domain=domain, version=1)
        model.functions.append(function)
    model.opset_import.add(domain=domain, version=1)
    node = rng.choice(_of(onnx.NodeProto, model))
    node.op_type, node.domain = f"f{count - 1}", domain


_SCHEMAS = sorted((schema for schema in defs.get_all_schemas()), key=lambda schema: (schema.domain, schema.name))
_KINDS: tuple[Callable[[Random, Any], None], ...] = (
    *(_operator, _operator, _attribute, _attribute, _attribute, _dims, _dims, _dims),
    *(_external, _opset, _nested, _function),
)
