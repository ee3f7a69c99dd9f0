"""Graphs that hand tensors to each other, as one graph."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import onnx
from onnx import helper
from zif import Unsupported
from zif.plugin import OnnxForm, element_type, size

if TYPE_CHECKING:
    from zif import TensorInfo
    from zif.plugin import Export

_LEAST_IR = 10
#: Bytes of one tensor; a message has 2 GiB, and a little of it are names and dimensions.
LARGEST = (1 << 31) - (1 << 16)
_COMPATIBILITY = "ep_compatibility_info."


def join(job: Export, forms: Sequence[OnnxForm], known: Iterable[onnx.TensorProto]) -> onnx.ModelProto:
    """One model of the segments, in their order. known: outputs that are constants.

    Raises Unsupported when two segments mean different things by one name.
    """
    made = onnx.ModelProto(ir_version=_ir(forms), producer_name="zif")
    graph = made.graph
    graph.name = job.name or "plan"
    values = _values(job, forms)
    graph.input.extend(values[info.name] for info in job.plan.inputs)
    graph.output.extend(values[info.name] for info in job.plan.outputs)
    written = {info.name for info in (*job.plan.inputs, *job.plan.outputs)}
    _initializers(graph, [*known, *(initializer for form in forms for initializer in form.model.graph.initializer)])
    for segment, form in zip(job.plan.segments, forms, strict=True):
        for node in _named(form, segment.id, {node.name for node in graph.node}):
            graph.node.append(node)
        graph.sparse_initializer.extend(form.model.graph.sparse_initializer)
    cuts = {name for segment in job.plan.segments for name in (*segment.inputs, *segment.outputs)} - written
    graph.value_info.extend(values[name] for name in sorted(cuts) if name in values)
    _inner(graph, forms, written | cuts)
    made.opset_import.extend(_opsets(forms))
    made.metadata_props.extend(_metadata(forms))
    for form in forms:
        there = {(function.domain, function.name) for function in made.functions}
        made.functions.extend(
            function for function in form.model.functions if (function.domain, function.name) not in there
        )
    return made


def _ir(forms: Sequence[OnnxForm]) -> int:
    """That of the plain segments: what stands for compiled ones needs nothing new, and carries the engine's newest."""
    return max((form.model.ir_version for form in forms if not form.compiled), default=_LEAST_IR)


def _values(job: Export, forms: Sequence[OnnxForm]) -> dict[str, onnx.ValueInfoProto]:
    """Types of inputs, outputs and what segments hand on; a plain segment's keep the names of dimensions."""
    infos: dict[str, onnx.ValueInfoProto] = {}
    for info in (*job.plan.inputs, *job.plan.outputs, *_handed(job)):
        if info.name not in infos and info.dtype:
            kind = onnx.TensorProto.STRING if info.dtype == "string" else element_type(info.dtype)
            infos[info.name] = helper.make_tensor_value_info(info.name, kind, info.shape)
    plain = (form for form in forms if not form.compiled)
    for value in (value for form in plain for value in (*form.model.graph.input, *form.model.graph.output)):
        infos[value.name] = value
    return infos


def _handed(job: Export) -> Iterator[TensorInfo]:
    for segment in job.plan.segments:
        compiled = job.compiled(segment.id)
        yield from (*compiled.inputs, *compiled.outputs)


def _initializers(graph: onnx.GraphProto, tensors: Iterable[onnx.TensorProto]) -> None:
    """Each once; what several segments read is the same. Raises Unsupported for one that no message can hold."""
    seen: dict[str, onnx.TensorProto] = {}
    for tensor in tensors:
        if len(tensor.raw_data) >= LARGEST:
            raise Unsupported(
                f"the weight {tensor.name!r} has {size(len(tensor.raw_data))}, and a tensor of ONNX holds less"
                " than 2 GiB where it is written anew: part it into several"
            )
        if tensor.name not in seen:
            seen[tensor.name] = tensor
            graph.initializer.append(tensor)
        elif seen[tensor.name] != tensor:
            raise Unsupported(f"two segments have different constants of the name {tensor.name!r}")


def _named(form: OnnxForm, number: int, taken: Container[str]) -> Iterator[onnx.NodeProto]:
    """The nodes; two segments that are alike would have nodes of one name, which a binary of several parts knows."""
    for node in form.model.graph.node:
        if form.compiled and node.name in taken:
            node.name = f"segment_{number:02d}_{node.name}"
        yield node


def _inner(graph: onnx.GraphProto, forms: Sequence[OnnxForm], written: set[str]) -> None:
    for value in (value for form in forms for value in form.model.graph.value_info):
        if value.name not in written:
            written.add(value.name)
            graph.value_info.append(value)


def _opsets(forms: Sequence[OnnxForm]) -> list[onnx.OperatorSetIdProto]:
    """Those of the plain segments, which are one model's; a compiled one is a single operator of com.microsoft."""
    versions = {"com.microsoft": 1} if any(form.compiled for form in forms) else {}
    plain = [form for form in forms if not form.compiled] or list(forms)
    for each in (each for form in plain for each in form.model.opset_import):
        versions[each.domain] = max(each.version, versions.get(each.domain, 1))
    used = {node.domain for form in forms for node in form.model.graph.node}
    bare = all(form.compiled for form in forms)
    kept = {name: version for name, version in versions.items() if not bare or name in used | {"", "com.microsoft"}}
    return [helper.make_opsetid(name, version) for name, version in sorted(kept.items())]


def _metadata(forms: Sequence[OnnxForm]) -> Iterator[onnx.StringStringEntryProto]:
    """For which chip and release it was compiled, as ONNX Runtime reads it; not where segments differ in that."""
    said: dict[str, set[str]] = {}
    for prop in (prop for form in forms if form.compiled for prop in form.model.metadata_props):
        said.setdefault(prop.key, set()).add(prop.value)
    for key, values in said.items():
        if len(values) == 1:
            yield onnx.StringStringEntryProto(key=key, value=values.pop())
