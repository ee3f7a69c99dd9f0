"""The encodings that a QDQ model carries."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import onnx

from zif.model.dtypes import to_array
from zif.model.encodings.clips import clipped_at, covers
from zif.model.encodings.copies import copies
from zif.model.encodings.formats import OVERRIDES, called
from zif.model.encodings.names import Names, axis_of
from zif.model.encodings.operators import MERGED
from zif.model.encodings.record import Encoding, Encodings, Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_WORDS = {value: name.lower() for name, value in onnx.TensorProto.DataType.items()}


def export(proto: onnx.ModelProto) -> Encodings:
    """Every constant encoding of a QDQ model, by the names that its tensors have in float.

    Activations in the order of the graph, then weights and biases. Where a value is converted from one type to another
    for some readers, there is an entry for these. What goes into a Relu or Clip that stands before a quantization
    although that clips as well is told to be float: without an entry, `apply` would leave the operator out. So is the
    copy of a weight for a node that stays float: it would be quantized as the weight is.
    """
    names = Names(proto)
    entries: dict[Any, Encoding] = {}
    for node in proto.graph.node:
        for encoding in _of(node, names):
            entries.setdefault((encoding.name, encoding.kind, encoding.readers), encoding)
    for name in _kept(proto, names, entries.values()):
        entries.setdefault((name, "activation", ()), Encoding(name, "activation", "float32"))
    for name, base in copies(proto.graph):
        if name in names.initializers and (base, "param", ()) in entries:
            entries.setdefault((name, "param", ()), Encoding(name, "param", "float32"))
    ordered = sorted(entries.values(), key=lambda encoding: (bool(encoding.readers), encoding.kind))
    bits = {
        kind: Counter(e.bits for e in ordered if e.kind == kind and e.bits < 32) for kind in ("activation", "param")
    }
    return Encodings(
        tuple(ordered), called(OVERRIDES), {kind: count.most_common(1)[0][0] for kind, count in bits.items() if count}
    )


def _of(node: onnx.NodeProto, names: Names) -> Iterator[Encoding]:
    if node.op_type == "QuantizeLinear":
        converted = names.converted_from(node)
        if converted is None:
            yield from _made(node, names, names.activation(node), "activation")
        else:
            readers = tuple(sorted(names.readers_after(node)))
            yield from _made(node, names, converted, "activation", readers)
    elif node.op_type == "DequantizeLinear" and node.input[0] in names.initializers:
        yield from _made(node, names, names.weight(node), "param")


def _kept(proto: onnx.ModelProto, names: Names, entries: Iterable[Encoding]) -> Iterator[str]:
    """The float inputs of Relus and Clips that quantizing their outputs would make superfluous."""
    known = {entry.name: entry for entry in entries if entry.kind == "activation" and not entry.readers}
    for node in proto.graph.node:
        if node.op_type not in MERGED or names.readers[node.input[0]] != [node] or node.input[0] in names.outputs:
            continue
        maker = names.makers.get(node.input[0])
        behind = [reader for reader in names.readers.get(node.output[0], ()) if reader.op_type == "QuantizeLinear"]
        if maker is None or maker.op_type == "DequantizeLinear" or not behind:
            continue
        encoding, limits = known.get(names.activation(behind[0])), clipped_at(node, names.initializers)
        if encoding is not None and limits is not None and covers(limits, encoding):
            yield node.input[0]


def _made(
    node: onnx.NodeProto, names: Names, name: str, kind: Kind, readers: tuple[str, ...] = ()
) -> Iterator[Encoding]:
    """The encoding of a Q or DQ; none when its scale is computed at run time."""
    scale, zero = node.input[1], node.input[2] if len(node.input) > 2 else ""
    if scale not in names.initializers or (zero and zero not in names.initializers):
        return
    scales = to_array(names.initializers[scale])
    count = scales.size
    zeros = to_array(names.initializers[zero]).reshape(-1).astype(int) if zero else [0] * count
    source = names.initializers.get(zero) or names.initializers.get(node.input[0])
    dtype = _WORDS[source.data_type] if source is not None else "uint8"
    yield Encoding(
        name,
        kind,
        dtype,
        tuple(float(scale) for scale in scales.reshape(-1)),
        tuple(int(zero) for zero in zeros),
        axis_of(node, scales),
        readers,
    )
