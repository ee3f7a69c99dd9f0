"""Arrays and archives whose headers say what is not so."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Mapping
from random import Random
from typing import Any

import numpy as np

from tools.fuzz import odd

_DTYPES = (
    "<f4",
    ">f4",
    "<f8",
    "<i8",
    "|u1",
    "|b1",
    "<f2",
    "<c8",
    "<U3",
    "|S4",
    "|O",
    "|V2",
    "<M8[ns]",
    "<f16",
    "f4",
    "x",
)
_DTYPES += ("<f4,<f4", "(2,)<f4", "|V0", "<U0", "|S0", "<U999999999")
#: Where fields stand in a record of a zip archive's directory, and how they are packed.
_CENTRAL = {6: "H", 8: "H", 10: "H", 16: "I", 20: "I", 24: "I", 28: "H", 30: "H", 32: "H", 42: "I"}
_LOCAL = {4: "H", 6: "H", 8: "H", 14: "I", 18: "I", 22: "I", 26: "H", 28: "H"}
_END = {8: "H", 10: "H", 12: "I", 16: "I", 20: "H"}
_SIGNS = {b"PK\x01\x02": _CENTRAL, b"PK\x03\x04": _LOCAL, b"PK\x05\x06": _END}


def npy(array: np.ndarray[Any, Any]) -> bytes:
    """An array as .npy."""
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def damaged_npy(rng: Random, array: np.ndarray[Any, Any]) -> bytes:
    """An .npy whose header is another one than its data are of."""
    shape: list[Any] = list(array.shape)
    if shape and rng.random() < 0.6:
        shape[rng.randrange(len(shape))] = odd.integer(rng, 3)
    if rng.random() < 0.2:
        shape = [odd.integer(rng) for _ in range(rng.choice((0, 1, 2, 5, 40, 70)))]
    told = rng.choice((tuple(shape), tuple(shape), tuple(shape), shape, "x", None, 3))
    rows: dict[str, Any] = {"descr": array.dtype.str, "fortran_order": rng.random() < 0.2, "shape": told}
    if rng.random() < 0.4:
        rows["descr"] = rng.choice((*_DTYPES, [("a", "<f4")], [("a", "|O")], None, 5))
    if rng.random() < 0.2:
        rows.pop(rng.choice(sorted(rows)))
    text = repr(rows) if rng.random() < 0.85 else rng.choice(("(" * 200, "{", "", "[]", repr(rows) * 2, "9" * 6000))
    data = text.encode("latin-1", "replace")
    data += b" " * (-(len(data) + 11) % 64) + b"\n"
    version, content = rng.choice((1, 1, 1, 2, 3, 0, 9)), array.tobytes()
    length = len(data) if rng.random() < 0.85 else abs(odd.integer(rng)) % 2**32
    head = struct.pack("<H", length % 65536) if version == 1 else struct.pack("<I", length)
    if rng.random() < 0.3:
        content = odd.spoiled(rng, content)
    return b"\x93NUMPY" + bytes([version, rng.choice((0, 0, 0, 1))]) + head + data + content


def npz(members: Mapping[str, bytes], deflated: bool = False) -> bytes:
    """An archive of members that are .npy already."""
    stream = io.BytesIO()
    how = zipfile.ZIP_DEFLATED if deflated else zipfile.ZIP_STORED
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0)), content, how)
    return stream.getvalue()


def damaged_npz(rng: Random, arrays: Mapping[str, np.ndarray[Any, Any]]) -> bytes:
    """An archive with odd members, or with a directory that says what is not so."""
    members = {f"{name}.npy": npy(array) for name, array in arrays.items()}
    name = rng.choice(sorted(members))
    way = rng.choice(("header", "header", "member", "name", "bomb", "bytes"))
    if way == "member":
        members[name] = damaged_npy(rng, arrays[name.removesuffix(".npy")])
    elif way == "name":
        members[odd.text(rng).replace("\0", "") or "e"] = members.pop(name)
    elif way == "bomb":
        array = arrays[name.removesuffix(".npy")]
        members[name] = npy(np.zeros((rng.choice((1, 1000, 20_000_000)), *array.shape[1:]), array.dtype))
    data = npz(members, deflated=way == "bomb" or rng.random() < 0.4)
    return directory(rng, data) if way == "header" else odd.spoiled(rng, data) if way == "bytes" else data


def directory(rng: Random, data: bytes) -> bytes:
    """An archive whose records say what is not so."""
    raw = bytearray(data)
    for _ in range(rng.randint(1, 3)):
        sign, fields = rng.choice(sorted(_SIGNS.items()))
        start = raw.rfind(sign)
        offset = rng.choice(sorted(fields))
        kind = "<" + fields[offset]
        size = struct.calcsize(kind)
        before = struct.unpack_from(kind, raw, start + offset)[0]
        struct.pack_into(kind, raw, start + offset, odd.integer(rng, before) % 256**size)
    return bytes(raw)
