"""A model that somebody else quantized, in the forms that a backend wants, with the encodings that it came with.

Other quantizers leave a Gelu in five parts with Erf, and a LayerNormalization in nine, each with encodings of its own;
a compiler that has no Erf, or no LayerNormalization with a signed gamma, then cuts the model there. The encodings are
taken off, the float model is prepared as any other, and they are put on again: those inside of what was put together
go.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import attrs
import numpy as np
import onnx
from attrs import frozen
from zif import InvalidInput, InvalidModel, Model, StageFailed
from zif.plugin import Encoding, Encodings, Tally, export_encodings, is_float, random_inputs

from zif_quantize.measure import Reference
from zif_quantize.ort.libraries import loaded
from zif_quantize.qdq.applying import apply
from zif_quantize.qdq.stripping import strip
from zif_quantize.rewrites.prepare import prepare, whole
from zif_quantize.rules import only_in, prepared_by

if TYPE_CHECKING:
    from zif.plugin import QuantizationRules, Source

_QDQ = frozenset({"QuantizeLinear", "DequantizeLinear"})


@frozen(eq=False)
class Reformed:
    """The model in other forms, what was put together (operator → how many), and how far it is from the one given.

    sqnr: in dB per float output on made inputs; empty where the given model cannot be run on such.
    """

    model: onnx.ModelProto
    made: Mapping[str, int]
    sqnr: Mapping[str, float]


def is_quantized(model: Model) -> bool:
    """Whether a model has quantizing in it, of the kind that can be taken off and put on again."""
    return any(node.op_type in _QDQ for node in model.proto.graph.node)


def reformed(source: Source, rules: QuantizationRules, shapes: Mapping[str, Sequence[int]] | None = None) -> Reformed:
    """A QDQ model by other rules. Raises InvalidModel for other kinds of quantized models, and what `apply` raises."""
    source_model = loaded(source, shapes)
    proto = whole(source_model)
    stripped = strip(proto)
    model = prepare(stripped, rules=rules)
    model.name = source_model.name
    encodings = _typed(model, export_encodings(proto))
    made = apply(model, encodings).model
    before, after = (Counter(node.op_type for node in form.graph.node) for form in (stripped, model.proto))
    put = {kind: after[kind] - before[kind] for kind in sorted(rules.fused) if after[kind] > before[kind]}
    return Reformed(made, put, _distance(source_model, proto, made))


def _typed(model: Model, encodings: Encodings) -> Encodings:
    """Weights in the types that the rules want of their operators, by what they hold; what they are 8 bits of stays."""
    wanted, bits = {}, encodings.defaults.get("activation", 8)
    for node in model.proto.graph.node:
        for name in node.input[1:2]:
            kind = only_in(node.op_type, bits, prepared_by(model))
            if kind and name in model.initializers:
                wanted[name] = kind
    entries = [
        _as(entry, wanted[entry.name], model) if entry.name in wanted and entry.dtype != wanted[entry.name] else entry
        for entry in encodings.entries
    ]
    return attrs.evolve(encodings, entries=tuple(entries))


def _as(encoding: Encoding, dtype: str, model: Model) -> Encoding:
    """The encoding of a weight in another type, with one scale over what it holds."""
    if encoding.is_float or encoding.bits == 32:
        return encoding
    array, info = model.array(encoding.name), np.iinfo(dtype)
    low, high = min(float(array.min(initial=0)), 0.0), max(float(array.max(initial=0)), 0.0)
    if info.min < 0:
        low, high = -max(-low, high), max(-low, high)
    scale = float(np.float32((high - low) / (info.max - info.min))) or 1.0
    zero = int(np.clip(round(info.min - low / scale), info.min, info.max)) if info.min == 0 else 0
    return attrs.evolve(encoding, dtype=dtype, scale=(scale,), zero_point=(zero,), axis=None)


def _distance(model: Model, proto: onnx.ModelProto, made: onnx.ModelProto) -> dict[str, float]:
    """How far two models are from each other on made inputs."""
    try:
        inputs = random_inputs(model.inputs, 0)
        before = Reference(proto).run(inputs)
    except (InvalidInput, InvalidModel, StageFailed, ValueError):
        return {}
    after, distances = Reference(made).run(inputs), {}
    for name, value in before.items():
        if isinstance(value, np.ndarray) and is_float(value):
            distances[name] = Tally()
            distances[name].add(value, after[name])
    return {name: tally.sqnr_db for name, tally in distances.items()}
