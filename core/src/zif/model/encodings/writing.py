"""Writing encodings in each of the formats."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from zif.errors import UsageError
from zif.model.encodings.formats import OVERRIDES, format_of
from zif.model.encodings.reading import CONVERSIONS
from zif.model.encodings.record import Encoding, Encodings


def write(encodings: Encodings, format: str = OVERRIDES) -> dict[str, Any]:
    """The document of a format: "overrides", "0.6.1", "1.0.0", "2.0.0" or a vendor's name of one. Raises UsageError.

    Conversions between precisions, which the formats have no place for, stand under a key of their own, that other
    tools skip. What an AIMET file says beside its entries stays in AIMET's formats; overrides have default bitwidths.
    """
    format = format_of(format)
    own = [entry for entry in encodings.entries if not entry.readers]
    made = _WRITERS[format](own, encodings.defaults)
    if format != OVERRIDES:
        made |= {key: value for key, value in encodings.extra.items() if key not in made}
        _tell_defaults(made, encodings, format)
    conversions = [entry for entry in encodings.entries if entry.readers]
    if conversions:
        make = _onnx if format == "2.0.0" else _arrays
        made[CONVERSIONS] = [{**make(conversion), "readers": list(conversion.readers)} for conversion in conversions]
    return made


def _tell_defaults(made: dict[str, Any], encodings: Encodings, format: str) -> None:
    """Default bitwidths among what AIMET calls the quantizer's arguments, which two of its formats always have."""
    args = encodings.extra.get("quantizer_args")
    arguments = dict(args) if isinstance(args, Mapping) else {}
    bits = {f"{kind}_bitwidth": bits for kind, bits in encodings.defaults.items()}
    if format != "2.0.0" or arguments:
        made["quantizer_args"] = arguments | bits
    if format == "1.0.0":
        made.setdefault("excluded_layers", [])


def _overrides(entries: Iterable[Encoding], defaults: Mapping[str, int]) -> dict[str, Any]:
    """What compilers take as `--quantization_overrides`."""
    keys = {"activation": "activation_bitwidth", "param": "param_bitwidth", "bias": "bias_bitwidth"}
    return _sections(entries) | {keys[kind]: bits for kind, bits in defaults.items() if kind in keys}


def _legacy(entries: Iterable[Encoding], _: Mapping[str, int]) -> dict[str, Any]:
    return {"version": "0.6.1", **_sections(entries, dtype=True)}


def _sections(entries: Iterable[Encoding], dtype: bool = False) -> dict[str, Any]:
    made: dict[str, Any] = {"activation_encodings": {}, "param_encodings": {}}
    for entry in entries:
        made[f"{entry.kind}_encodings"][entry.name] = _objects(entry, dtype)
    return made


def _objects(encoding: Encoding, dtype: bool) -> list[dict[str, Any]]:
    """One object per channel, with the range that scale and offset span."""
    if encoding.is_float:
        return [{"bitwidth": encoding.bits, "dtype": "float"}]
    rows = []
    for scale, offset in zip(encoding.scale, encoding.offsets, strict=True):
        row: dict[str, Any] = {
            "bitwidth": encoding.bits,
            "min": scale * offset,
            "max": scale * (offset + 2**encoding.bits - 1),
            "scale": scale,
            "offset": offset,
            "is_symmetric": str(_symmetric(encoding)),
        }
        rows.append({**row, **({"dtype": "int"} if dtype else {}), **_rest(encoding)})
    return rows


def _symmetric(encoding: Encoding) -> bool:
    return encoding.signed and not any(encoding.zero_point)


def _rest(encoding: Encoding) -> dict[str, Any]:
    """What the formats have no word for: signed values around another point than zero, and the axis of one channel."""
    sign = {"output_dtype": encoding.dtype} if encoding.signed and not _symmetric(encoding) else {}
    return sign | ({"axis": encoding.axis} if encoding.axis is not None and len(encoding.scale) == 1 else {})


def _flat(entries: Iterable[Encoding], _: Mapping[str, int]) -> dict[str, Any]:
    made: dict[str, Any] = {"version": "1.0.0", "activation_encodings": [], "param_encodings": []}
    for entry in entries:
        made[f"{entry.kind}_encodings"].append(_arrays(entry))
    return made


def _arrays(encoding: Encoding) -> dict[str, Any]:
    head: dict[str, Any] = {"name": encoding.name, "enc_type": "PER_TENSOR", "bw": encoding.bits}
    if encoding.is_float:
        return {**head, "dtype": "FLOAT"}
    kind = "PER_CHANNEL" if len(encoding.scale) > 1 or encoding.axis is not None else "PER_TENSOR"
    values = {"is_sym": _symmetric(encoding), "scale": list(encoding.scale), "offset": list(encoding.offsets)}
    return {**head, "enc_type": kind, "dtype": "INT", **values, **_rest(encoding)}


def _standard(entries: Iterable[Encoding], _: Mapping[str, int]) -> dict[str, Any]:
    return {"version": "2.0.0", "encodings": [_onnx(entry) for entry in entries]}


def _onnx(encoding: Encoding) -> dict[str, Any]:
    if encoding.is_float:
        return {"name": encoding.name, "dtype": encoding.dtype}
    if len(encoding.scale) > 1 and encoding.axis is None:
        raise UsageError(
            f"format 2.0.0 needs the axis of the {len(encoding.scale)} channels of {encoding.name!r}, "
            "which the file does not say: give the model too (--model)"
        )
    channels = encoding.axis is not None
    made: dict[str, Any] = {"name": encoding.name, "output_dtype": encoding.dtype}
    made["y_scale"] = list(encoding.scale) if channels else encoding.scale[0]
    if any(encoding.zero_point):
        made["y_zero_point"] = list(encoding.zero_point) if channels else encoding.zero_point[0]
    return made | ({"axis": encoding.axis} if channels else {})


_WRITERS = {OVERRIDES: _overrides, "0.6.1": _legacy, "1.0.0": _flat, "2.0.0": _standard}
