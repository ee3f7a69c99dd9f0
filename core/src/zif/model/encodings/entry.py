"""One entry of an encodings file: parsed, and held against what must be true of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from attrs import frozen

from zif.model.encodings.record import BITWIDTHS, LEAST_SCALE, Encoding, Kind, exact

#: How far a scale may be from (max − min) / (2^bits − 1), and an offset from min / scale in steps: files are rounded.
SCALE_TOLERANCE, OFFSET_TOLERANCE = 1e-2, 1.01
#: What an entry may say, in any of the formats; what follows from the rest, such as AIMET's compressed_bw, included.
KEYS = frozenset(
    {"name", "bitwidth", "bw", "dtype", "is_symmetric", "is_sym", "min", "max", "scale", "offset", "enc_type", "axis"}
    | {"output_dtype", "y_scale", "y_zero_point", "block_size", "per_block_int_scale", "compressed_bw", "readers"}
)
FLOATS = ("float8", "float16", "float32")
INTEGERS = ("int4", "uint4", "int8", "uint8", "int16", "uint16", "int32")


class Wrong(Exception):
    """Why an entry cannot be used. `repaired`: what its min and max say, when they do."""

    def __init__(self, text: str, repaired: Encoding | None = None) -> None:
        super().__init__(text)
        self.repaired = repaired


@frozen
class Parsed:
    """An entry that is right."""

    encoding: Encoding


def parse_affine(name: str, kind: Kind, entry: Any) -> Parsed:
    """An entry of overrides, of AIMET's 0.6.1 (one object per channel), or of 1.0.0 (arrays). Raises Wrong."""
    rows = entry if isinstance(entry, list) else [entry]
    if not rows or not all(isinstance(row, Mapping) for row in rows):
        raise Wrong("is no object with bitwidth, scale and offset, nor a list of them")
    if "scale" in rows[0] and isinstance(rows[0]["scale"], list):
        rows = _unfolded(rows[0])
    bits = _bits(rows[0])
    if str(rows[0].get("dtype", "int")).lower() == "float":
        return Parsed(Encoding(name, kind, f"float{bits}"))
    if any(_bits(row) != bits for row in rows):
        raise Wrong("its channels have different bitwidths; they must have one")
    rows = _centred(rows, kind, bits)
    dtype = _dtype(rows, bits)
    pairs, complaints = [], []
    for place, row in enumerate(rows):
        channel = f"channel {place}: " if len(rows) > 1 else ""
        pair, complaint = _pair(row, bits)
        pairs.append(pair)
        complaints += [channel + complaint] if complaint else []
    if complaints:
        more = f" (and {len(complaints) - 1} more channels)" if len(complaints) > 1 else ""
        fixed = None if None in pairs else _made(name, kind, dtype, [pair for pair in pairs if pair])
        raise Wrong(complaints[0] + more, fixed)
    return Parsed(_made(name, kind, dtype, [pair for pair in pairs if pair], _axis(rows[0])))


def parse_onnx(name: str, kind: Kind, entry: Mapping[str, Any]) -> Parsed:
    """An entry of AIMET's 2.0.0, which is QuantizeLinear's inputs and attributes. Raises Wrong."""
    dtype = entry.get("output_dtype")
    if dtype is None and str(entry.get("dtype", "")).startswith("float"):
        if entry["dtype"] not in FLOATS:
            raise Wrong(f"dtype {entry['dtype']!r} is none of {', '.join(FLOATS)}")
        return Parsed(Encoding(name, kind, entry["dtype"]))
    if dtype not in INTEGERS:
        raise Wrong(f"output_dtype {dtype!r} cannot be applied; known: {', '.join(INTEGERS)}")
    if "block_size" in entry or "per_block_int_scale" in entry or isinstance(entry.get("y_scale"), Mapping):
        raise Wrong("is quantized per block, which is not supported: per tensor and per channel are")
    scales = _flat(entry.get("y_scale"), "y_scale", float)
    zeros = _flat(entry.get("y_zero_point", [0] * len(scales)), "y_zero_point", int)
    if len(zeros) != len(scales):
        raise Wrong(f"has {len(scales)} scales and {len(zeros)} zero points")
    for scale in scales:
        if complaint := _bad_scale(scale):
            raise Wrong(complaint)
    bits = int(dtype.lstrip("uint"))
    low = 0 if dtype.startswith("u") else -(2 ** (bits - 1))
    if any(not low <= zero < low + 2**bits for zero in zeros):
        raise Wrong(f"zero point {zeros[0]} is no {dtype}: it goes from {low} to {low + 2**bits - 1}")
    axis = _axis(entry)
    if axis is None and len(scales) > 1:
        raise Wrong(f"has {len(scales)} scales and no axis: say which dimension the channels are")
    return Parsed(Encoding(name, kind, dtype, tuple(map(exact, scales)), tuple(zeros), axis))


def _unfolded(row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """1.0.0's arrays as one object per channel."""
    if str(row.get("enc_type", "PER_TENSOR")) not in ("PER_TENSOR", "PER_CHANNEL"):
        raise Wrong(f"enc_type {row['enc_type']} is not supported: PER_TENSOR and PER_CHANNEL are")
    scales, offsets = row["scale"], row.get("offset", [])
    if not scales or not isinstance(offsets, list) or len(offsets) != len(scales):
        count = len(offsets) if isinstance(offsets, list) else "no"
        raise Wrong(f"has {len(scales)} scales and {count} offsets")
    rest = {key: value for key, value in row.items() if key not in ("scale", "offset")}
    return [{**rest, "scale": scale, "offset": offset} for scale, offset in zip(scales, offsets, strict=True)]


def _bits(row: Mapping[str, Any]) -> int:
    bits = row.get("bitwidth", row.get("bw"))
    if isinstance(bits, bool) or bits not in BITWIDTHS:
        raise Wrong(f"bitwidth {bits!r} is none of {', '.join(map(str, BITWIDTHS))}")
    return int(bits)


def _axis(row: Mapping[str, Any]) -> int | None:
    axis = row.get("axis")
    if isinstance(axis, bool) or not isinstance(axis, (int, type(None))):
        raise Wrong(f"axis {axis!r} is no dimension")
    return axis


def _dtype(rows: Sequence[Mapping[str, Any]], bits: int) -> str:
    """Signed where the entry is symmetric, as AIMET has it; 32 bits always are."""
    if rows[0].get("output_dtype") in INTEGERS:
        return str(rows[0]["output_dtype"])
    symmetric = _symmetric(rows[0])
    centre = -(2 ** (bits - 1))
    centred = all(row.get("offset", centre) == centre for row in rows)
    return f"int{bits}" if bits == 32 or (symmetric and centred) else f"uint{bits}"


def _centred(rows: list[Any], kind: Kind, bits: int) -> list[Any]:
    """A weight that is symmetric with offset 0 counts from the middle of signed integers, not from the end of unsigned.

    For activations it says what AIMET calls unsigned symmetric, as it does for a weight whose min is no less than 0.
    """
    if kind != "param" or bits == 32 or not all(_symmetric(row) and row.get("offset") == 0 for row in rows):
        return rows
    lows = [row.get("min") for row in rows]
    if any(isinstance(low, (int, float)) and low >= 0 for low in lows):
        return rows
    return [{**row, "offset": -(2 ** (bits - 1))} for row in rows]


def _symmetric(row: Mapping[str, Any]) -> bool:
    return str(row.get("is_symmetric", row.get("is_sym", False))).lower() == "true"


def _pair(row: Mapping[str, Any], bits: int) -> tuple[tuple[float, int] | None, str]:
    """Scale and offset, and what is wrong with them; with a complaint they are what min and max say, or None."""
    low, high = (_number(row.get(end), end) for end in ("min", "max"))
    scale, offset = _number(row.get("scale"), "scale"), _number(row.get("offset"), "offset")
    limits = None if low is None or high is None else (low, high)
    if limits and limits[0] > limits[1]:
        return None, f"min {limits[0]:g} is greater than max {limits[1]:g}"
    meant = _from_limits(limits, bits) if limits else None
    if scale is None and offset is None:
        return (meant, "") if meant else (None, "has neither scale and offset nor a min and max that differ")
    if scale is None or offset is None:
        return (
            meant,
            "has a scale without an offset" if offset is None else "has an offset without a scale",
        )
    complaint = _bad_scale(scale) or _bad_offset(offset, bits, meant) or _unlike(scale, offset, limits, bits)
    if complaint:
        return meant, complaint
    if bits == 32 and offset == 0:
        offset = -(2.0**31)
    return (scale, int(offset)), ""


def _from_limits(limits: tuple[float, float], bits: int) -> tuple[float, int] | None:
    """scale = (max − min) / (2^bits − 1), offset = round(min / scale), zero inside the range."""
    low, high = min(limits[0], 0.0), max(limits[1], 0.0)
    scale = (high - low) / (2**bits - 1)
    if not math.isfinite(scale) or exact(scale) < LEAST_SCALE:
        return None
    return scale, max(-(2**bits - 1), min(0, round(low / scale)))


def _bad_scale(scale: float) -> str:
    if not math.isfinite(scale):
        return f"scale {scale} is no number"
    if scale <= 0:
        return f"scale {scale:g} is {'zero' if scale == 0 else 'negative'}; it must be positive"
    if exact(scale) < LEAST_SCALE or not math.isfinite(exact(scale)):
        return f"scale {scale:g} is outside what float32 holds with full precision (from {LEAST_SCALE:.3g})"
    return ""


def _bad_offset(offset: float, bits: int, meant: tuple[float, int] | None) -> str:
    if offset != int(offset):
        return f"offset {offset:g} is no whole number"
    hint = f": min and max give {meant[1]}" if meant else ""
    if offset > 0:
        return f"offset {int(offset)} is positive, but real = (stored + offset) × scale, so it is 0 or negative{hint}"
    if offset < -(2**bits - (0 if bits == 32 else 1)):
        return f"offset {int(offset)} is below {-(2**bits - 1)}, the least for {bits} bits{hint}"
    return ""


def _unlike(scale: float, offset: float, limits: tuple[float, float] | None, bits: int) -> str:
    """Whether scale and offset contradict min and max."""
    if limits is None or bits == 32:
        return ""
    low, high = min(limits[0], 0.0), max(limits[1], 0.0)
    # AIMET's symmetric ranges may leave out the lowest step.
    expected = [(high - low) / (2**bits - 1 - less) for less in (0, 1)]
    if all(abs(scale / step - 1) > SCALE_TOLERANCE if step else True for step in expected):
        return (
            f"scale {scale:g} does not follow from min {limits[0]:g}, max {limits[1]:g} and {bits} bits, "
            f"which give {expected[0]:.6g}"
        )
    if abs(offset - low / scale) > OFFSET_TOLERANCE + abs(low / scale) * SCALE_TOLERANCE:
        right = round(low / scale)
        return f"offset {int(offset)} does not follow from min {limits[0]:g} and scale {scale:g}, which give {right}"
    return ""


def _made(name: str, kind: Kind, dtype: str, pairs: Sequence[tuple[float, int]], axis: int | None = None) -> Encoding:
    shift = 0 if dtype.startswith("u") else 2 ** (int(dtype.lstrip("int")) - 1)
    zeros = tuple(-offset - shift for _, offset in pairs)
    return Encoding(name, kind, dtype, tuple(exact(scale) for scale, _ in pairs), zeros, axis)


def _number(value: Any, what: str) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise Wrong(f"{what} {value!r} is no number")
    number = _double(value)
    if what in ("min", "max", "offset") and not math.isfinite(number):
        raise Wrong(f"{what} {value} is no finite number" if isinstance(value, float) else f"{what} is far too large")
    return number


def _double(value: float) -> float:
    """As a float: JSON may have integers of any length, which count as infinite here."""
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _flat(value: Any, what: str, kind: type) -> list[Any]:
    rows = value if isinstance(value, list) else [value]
    if not rows or not all(isinstance(row, (int, float)) and not isinstance(row, bool) for row in rows):
        raise Wrong(f"{what} must be a number or a list of numbers")
    odd = [number for number in map(_double, rows) if not number.is_integer()] if kind is int else []
    if odd:
        raise Wrong(f"{what} holds {odd[0]}, which is no whole number")
    return [kind(_double(row)) for row in rows]
