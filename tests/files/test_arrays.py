"""Arrays from strangers: headers that lie, archives that swell, members that are none."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from zif.errors import InvalidInput
from zif.files.archives import arrays_in, open_archive, read_arrays
from zif.files.arrays import array_in, read_array


def npy(head: str | bytes, body: bytes = bytes(32), version: int = 1) -> bytes:
    text = head.encode() if isinstance(head, str) else head
    width = 2 if version == 1 else 4
    text += b" " * (-(len(text) + 9 + width) % 64) + b"\n"
    return b"\x93NUMPY" + bytes([version, 0]) + len(text).to_bytes(width, "little") + text + body


def saved(array: Any) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def header(shape: str = "(1, 8)", descr: str = "'<f4'", fortran: str = "False") -> str:
    return f"{{'descr': {descr}, 'fortran_order': {fortran}, 'shape': {shape}, }}"


def zipped(members: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return stream.getvalue()


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (0, 3), (2, 1, 4)])
def test_what_numpy_saves_is_read(tmp_path: Path, shape: tuple[int, ...], order: Any) -> None:
    for dtype in ("<f4", ">f4", "i1", "?", "<c8", "<U3", "<M8[s]"):
        array = np.arange(np.prod(shape, dtype=int)).astype(np.int64).reshape(shape).astype(dtype).copy(order)
        (tmp_path / "a.npy").write_bytes(saved(array))
        np.testing.assert_array_equal(read_array(tmp_path / "a.npy"), array)
        assert read_array(tmp_path / "a.npy").flags.writeable
    np.savez(tmp_path / "a.npz", a=array, b=array)
    assert list(read_arrays(tmp_path / "a.npz")) == ["a", "b"]
    np.savez_compressed(tmp_path / "a.npz", a=array)
    np.testing.assert_array_equal(read_arrays(tmp_path / "a.npz")["a"], array)


def test_types_that_numpy_does_not_name(tmp_path: Path) -> None:
    (tmp_path / "a.npy").write_bytes(saved(np.ones(4, ml_dtypes.bfloat16)))
    assert read_array(tmp_path / "a.npy").dtype == np.dtype("V2")


@given(hnp.arrays(hnp.scalar_dtypes(), hnp.array_shapes(max_side=4)))
@settings(max_examples=50)
def test_any_array_comes_back(array: Any) -> None:
    data = saved(array)
    np.testing.assert_array_equal(array_in(io.BytesIO(data), len(data), "a"), array)


LIES = {
    "2**64 bytes": (npy(header("(1099511627776, 1099511627776)")), "which no array has"),
    "10**12 elements": (npy(header("(1000000000000,)")), "is cut off: its header says .* 4,000,000,000,000 bytes"),
    "nothing, 10**30 times": (npy(header(f"(0, {10**30})")), "of the shape"),
    "nothing, 2**40 by 2**40": (npy(header(f"(0, {2**40}, {2**40})")), "of the shape"),
    "below nothing": (npy(header("(-1, 8)")), "of the shape"),
    "true dimensions": (npy(header("(True, 8.0)")), "damaged"),
    "too many dimensions": (npy(header(f"({'1,' * 70})")), "of the shape"),
    "elements of no bytes": (npy(header("(1000000000000,)", "'|S0'")), "of which no tensor is made"),
    "endless text": (npy(header("(1,)", "'<U100000000'")), "is cut off"),
    "objects": (npy(header(descr="'|O'")), "could run code"),
    "records": (npy(header("(1,)", "[('a', '<f4'), ('b', '<i4')]")), "of which no tensor is made"),
    "brackets": (npy("(" * 5000), "made-up type"),
    "minus signs": (npy(header("(1," + "-" * 5000 + "1)")), "damaged"),
    "no header": (npy(b"\xff\x00{"), "damaged"),
    "header cut off": (npy("{'descr':'<f4','fortran_order':False,'shape':(1,8),"), "damaged"),
    "another version": (npy(header(), version=9), "no .npy file"),
    "a header of 4 GB": (b"\x93NUMPY\x02\x00\xff\xff\xff\xff" + bytes(90), "would have 4,294,967,295 bytes"),
    "nothing at all": (b"", "ends before"),
    "pickle": (b"\x80\x04K\x01." * 4, "no .npy file"),
    "archive": (zipped({"a.npy": saved(np.ones(3))}), "call it .npz"),
    "cut off": (saved(np.ones((4, 4)))[:-1], "is cut off"),
}


@pytest.mark.parametrize("case", LIES.values(), ids=LIES)
def test_an_npy_that_lies_is_told(tmp_path: Path, case: tuple[bytes, str]) -> None:
    (tmp_path / "a.npy").write_bytes(case[0])
    tracemalloc.start()
    try:
        with pytest.raises(InvalidInput, match=case[1]):
            read_array(tmp_path / "a.npy")
        assert tracemalloc.get_traced_memory()[1] < 10 << 20
    finally:
        tracemalloc.stop()


def patched(data: bytes, local: int, central: int, value: bytes) -> bytes:
    """An archive whose one member's field is another in its local header and in the directory."""
    raw = bytearray(data)
    at = raw.rfind(b"PK\x01\x02")
    raw[local : local + len(value)] = value
    raw[at + central : at + central + len(value)] = value
    return bytes(raw)


STORED = zipped({"x.npy": saved(np.ones((1, 8), np.float32))})


def twice() -> bytes:
    """zipfile warns of names that stand twice, so the second is another one first."""
    array = saved(np.ones(3))
    return zipped({"x.npy": array, "y.npy": array}).replace(b"y.npy", b"x.npy")


def damaged() -> bytes:
    raw = bytearray(zipped({"x.npy": saved(np.ones((1, 8), np.float32))}, zipfile.ZIP_DEFLATED))
    raw[raw.find(b"x.npy") + 9] ^= 0xFF
    return bytes(raw)


ARCHIVES = {
    "no member is an array": (zipped({"x": b"no array"}), "holds no arrays: .* it has 'x'"),
    "empty": (zipped({}), "it has nothing"),
    "an .npy": (saved(np.ones(3)), "call it .npy"),
    "no archive": (b"text", "not a whole file of arrays"),
    "encrypted": (patched(STORED, 6, 8, b"\x01\x00"), "is encrypted"),
    "unknown compression": (patched(STORED, 8, 10, struct.pack("<H", 97)), "compressed by method 97"),
    "bzip2": (zipped({"x.npy": saved(np.ones(3))}, zipfile.ZIP_BZIP2), "compressed by method 12"),
    "damaged deflate": (damaged(), "x'"),
    "checksum": (patched(STORED, 14, 16, b"\0\0\0\0"), "Bad CRC"),
    "stored, two sizes": (patched(STORED, 22, 24, struct.pack("<I", 1 << 30)), "its two sizes differ"),
    "longer than the file": (patched(STORED, 18, 20, struct.pack("<II", 1 << 30, 1 << 30)), "over each other"),
    "twice": (twice(), "two entries called 'x.npy'"),
    "no array inside": (zipped({"x.npy": b"text, which is no array"}), "entry 'x' is no .npy file"),
}


@pytest.mark.parametrize("case", ARCHIVES.values(), ids=ARCHIVES)
def test_an_npz_that_lies_is_told(tmp_path: Path, case: tuple[bytes, str]) -> None:
    (tmp_path / "a.npz").write_bytes(case[0])
    with pytest.raises(InvalidInput, match=case[1]):
        read_arrays(tmp_path / "a.npz")


def test_a_bomb_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zif.files.archives.FREELY", 1 << 20)
    array = saved(np.zeros(5 << 20, np.int8))
    (tmp_path / "a.npz").write_bytes(zipped({f"{n}.npy": array for n in range(3)}, zipfile.ZIP_DEFLATED))
    with pytest.raises(InvalidInput, match=r"grows by a factor of [\d,]+, more than the 200 .* ZIF_MAX_EXPANSION"):
        read_arrays(tmp_path / "a.npz")
    monkeypatch.setenv("ZIF_MAX_EXPANDED", "10M")
    with pytest.raises(InvalidInput, match="compressed arrays of 15 MiB, more than the 10 MiB .* ZIF_MAX_EXPANDED"):
        read_arrays(tmp_path / "a.npz")
    monkeypatch.setenv("ZIF_MAX_EXPANDED", "1G")
    monkeypatch.setenv("ZIF_MAX_EXPANSION", "2000")
    assert [one.nbytes for one in read_arrays(tmp_path / "a.npz").values()] == [5 << 20] * 3


def test_a_stored_member_stands_where_it_is_said_to(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.arange(4, dtype=np.int32))
    with open_archive(tmp_path / "a.npz") as archive:
        stream, start = archive.content("x")
        stream.seek(start)
        assert list(array_in(stream, archive.members["x"].bytes, "x")) == [0, 1, 2, 3]


WHOLE = {".npy": saved(np.ones((2, 3))), ".npz": STORED}


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_damage_anywhere_is_a_result_or_a_sentence(tmp_path_factory: Any, data: st.DataObject) -> None:
    ending = data.draw(st.sampled_from(list(WHOLE)))
    raw = bytearray(WHOLE[ending])
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("damage") / f"a{ending}"
    path.write_bytes(bytes(raw[: data.draw(st.integers(len(raw) // 2, len(raw)))]))
    with suppress(InvalidInput):
        read_array(path) if ending == ".npy" else read_arrays(path)


def test_arrays_in_bytes_are_held_to_the_same_limits() -> None:
    """An archive that was read already, from a stranger's bundle, say."""
    stream = io.BytesIO()
    np.savez_compressed(stream, a=np.arange(3), bomb=np.zeros(200 << 20, np.uint8))
    with pytest.raises(InvalidInput, match="grows by a factor of"):
        arrays_in(io.BytesIO(stream.getvalue()), "known.npz")
    stream = io.BytesIO()
    np.savez(stream, a=np.arange(3))
    assert arrays_in(stream, "known.npz")["a"].tolist() == [0, 1, 2]
    with pytest.raises(InvalidInput, match="not a whole file of arrays"):
        arrays_in(io.BytesIO(stream.getvalue()[:-30]), "known.npz")
