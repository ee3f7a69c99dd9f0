"""Arrays in files, row by row: what numpy wrote comes back, no more than a row is held, damage is told."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from zif.errors import InvalidInput
from zif.inputs.rows import rows_of

ARRAYS = {
    "floats": np.arange(24, dtype=np.float32).reshape(4, 3, 2),
    "fortran": np.asfortranarray(np.arange(24, dtype=np.float64).reshape(4, 6)),
    "big endian": np.arange(4, dtype=">i4"),
    "half": np.array([[1, 2], [3, 4]], ml_dtypes.bfloat16),
    "text": np.array(["a", "bcd"]),
    "none": np.zeros((3, 0), np.float32),
    "flags": np.array([True, False]),
}


@pytest.mark.parametrize("name", ARRAYS)
@pytest.mark.parametrize("kind", ["npy", "npz", "packed"])
def test_every_row_comes_back(name: str, kind: str, tmp_path: Path) -> None:
    array, path = ARRAYS[name], tmp_path / f"a.{'npy' if kind == 'npy' else 'npz'}"
    if kind == "npy":
        np.save(path, array)
    else:
        (np.savez if kind == "npz" else np.savez_compressed)(path, other=np.zeros(5), a=array)
    rows = rows_of(path)["" if kind == "npy" else "a"]
    assert rows.shape == array.shape
    back = np.load(path) if kind == "npy" else np.load(path)["a"]  # numpy forgets bfloat16
    for first in range(len(array)):
        for count in range(1, len(array) - first + 1):
            found = rows.read(first, count)
            assert found.dtype == back.dtype
            assert found.tobytes() == np.ascontiguousarray(back[first : first + count]).tobytes()


@pytest.mark.parametrize("kind", ["npy", "npz"])
def test_no_more_than_a_row_is_held(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{kind}"
    array = np.zeros((256, 65536), np.uint8)
    if kind == "npy":
        np.save(path, array)
    else:
        np.savez(path, a=array)
    tracemalloc.start()
    try:
        (rows,) = rows_of(path).values()
        for place in range(256):
            rows.read(place, 1)
        assert tracemalloc.get_traced_memory()[1] < array.nbytes / 4
    finally:
        tracemalloc.stop()


def damaged(kind: str, tmp_path: Path) -> Path:
    path = tmp_path / f"a.{'npz' if kind in ('flipped', 'no zip') else 'npy'}"
    array: Any = np.arange(1000, dtype=np.float32)
    if kind == "objects":
        np.save(path, np.array([{}], object), allow_pickle=True)
        return path
    if path.suffix == ".npz":
        np.savez(path, a=array)
    else:
        np.save(path, array)
    content = bytearray(path.read_bytes())
    if kind == "flipped":
        content[2000] ^= 1
    path.write_bytes(content[:-1] if kind == "short" else b"text" if kind in ("no zip", "no array") else content)
    return path


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("flipped", "'a' is not a whole file of arrays: Bad CRC"),
        ("no zip", "is not a whole file of arrays: File is not a zip file"),
        ("no array", "cut off: it ends before its data do"),
        ("short", "is cut off: its header says .1000. of float32, 4,000 bytes, and 3,999 are there"),
        ("objects", "holds Python objects, which could run code"),
    ],
)
def test_damage_is_told_at_once(kind: str, said: str, tmp_path: Path) -> None:
    path = damaged(kind, tmp_path)
    with pytest.raises(InvalidInput, match=rf"{path.name}.* {said}"):
        rows_of(path)


def test_a_file_that_changes_meanwhile_is_told(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((4, 4)))
    rows = rows_of(tmp_path / "a.npy")[""]
    (tmp_path / "a.npy").write_bytes(b"")
    with pytest.raises(InvalidInput, match="ends before"):
        rows.read(2, 1)
    (tmp_path / "a.npy").unlink()
    with pytest.raises(InvalidInput, match="cannot be read: there is no such file"):
        rows.read(2, 1)
