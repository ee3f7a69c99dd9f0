"""Files as inputs: every kind comes back as it was written, every fault names the file and the input."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from onnx import numpy_helper
from zif.errors import InvalidInput
from zif.inputs import read
from zif.inputs.raw import from_bytes
from zif.records import TensorInfo

FLOATS = TensorInfo("x", "tensor(float)", (2, 3))
ARRAY = np.arange(6, dtype=np.float32).reshape(2, 3)


def npy(path: Path, array: Any) -> Path:
    np.save(path, array)
    return path


def test_npy(tmp_path: Path) -> None:
    assert np.array_equal(read(npy(tmp_path / "a.npy", ARRAY), FLOATS), ARRAY)


@pytest.mark.parametrize(
    "name", ["bfloat16", "float8_e4m3fn", "int4", pytest.param("uint2", marks=pytest.mark.needs(dtype="uint2"))]
)
def test_npy_of_a_type_that_numpy_forgets(tmp_path: Path, name: str) -> None:
    array = np.array([0, 1, 1, 0], dtype=getattr(ml_dtypes, name))
    kind = {"float8_e4m3fn": "float8e4m3fn"}.get(name, name)
    found = read(npy(tmp_path / "a.npy", array), TensorInfo("x", f"tensor({kind})", (4,)))
    assert found.dtype == array.dtype
    assert np.array_equal(found, array)


def test_npz_by_name_or_the_only_one(tmp_path: Path) -> None:
    np.savez(tmp_path / "both.npz", x=ARRAY, y=ARRAY + 1)
    np.savez(tmp_path / "one.npz", other=ARRAY + 2)
    np.savez(tmp_path / "two.npz", a=ARRAY, b=ARRAY)
    assert np.array_equal(read(tmp_path / "both.npz", FLOATS), ARRAY)
    assert np.array_equal(read(tmp_path / "one.npz", FLOATS), ARRAY + 2)
    with pytest.raises(InvalidInput, match=r"two\.npz has no entry 'x'; it holds a, b"):
        read(tmp_path / "two.npz", FLOATS)


def test_json_gives_strings_and_numbers(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps([["a", "über"]]))
    found = read(tmp_path / "a.json", TensorInfo("s", "tensor(string)", (1, 2)))
    assert found.tolist() == [["a", "über"]]
    (tmp_path / "n.json").write_text("[[0, 1, 2], [3, 4, 5]]")
    assert np.array_equal(read(tmp_path / "n.json", FLOATS), ARRAY)
    (tmp_path / "bad.json").write_text('[["a"], [1, 2]]')
    with pytest.raises(InvalidInput, match=r"input 'x': .*bad\.json is no JSON of float32 values"):
        read(tmp_path / "bad.json", FLOATS)


WORDS = TensorInfo("x", "tensor(string)", (2,))
WHOLE = TensorInfo("x", "tensor(int64)", (2,))


@pytest.mark.parametrize(
    ("info", "text", "why"),
    [
        (FLOATS, '["1", "2"]', "something else than numbers"),  # numpy would read them
        (FLOATS, "[null, 1]", "something else than numbers"),
        (FLOATS, f"[{10**30}]", "beyond 64 bits"),
        (WHOLE, "[1.5, 2]", "numbers that the type cannot hold"),  # numpy would give 1
        (WHOLE, "[NaN, 2]", "is no JSON of int64 values"),
        (TensorInfo("x", "tensor(int4)", (2,)), "[100, 2]", "is no JSON of int4 values"),
        (FLOATS, "[1e308, 1]", "numbers that the type cannot hold"),  # infinite in float32
        (WORDS, '["a", 1]', "something else than texts"),
        (WORDS, '[["a"], ["b", "c"]]', "something else than texts"),
        (FLOATS, '{"a": 1}', "something else than numbers"),
        (FLOATS, "[" * 200_000, "66 deep"),
        (FLOATS, "[" * 65 + "1" + "]" * 65, "is no JSON of float32 values"),
    ],
)
def test_json_that_does_not_fit_is_told(tmp_path: Path, info: TensorInfo, text: str, why: str) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(InvalidInput, match=why):
        read(tmp_path / "a.json", info)


def test_json_that_fits(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("[1.0, 2]")
    assert read(tmp_path / "a.json", WHOLE).tolist() == [1, 2]
    (tmp_path / "a.json").write_text("[NaN, -Infinity, true]")  # what is not finite is a value like others here
    assert str(read(tmp_path / "a.json", FLOATS).tolist()) == "[nan, -inf, 1.0]"
    (tmp_path / "a.json").write_text("[[], []]")
    assert read(tmp_path / "a.json", WHOLE).shape == (2, 0)


def test_protos_of_onnx_test_data(tmp_path: Path) -> None:
    (tmp_path / "t.pb").write_bytes(numpy_helper.from_array(ARRAY).SerializeToString())
    assert np.array_equal(read(tmp_path / "t.pb", FLOATS), ARRAY)
    (tmp_path / "s.pb").write_bytes(numpy_helper.from_list([ARRAY, ARRAY + 1]).SerializeToString())
    found = read(tmp_path / "s.pb", TensorInfo("s", "seq(tensor(float))"))
    assert [part.sum() for part in found] == [15.0, 21.0]
    (tmp_path / "bad.pb").write_bytes(b"\xff" * 30)
    with pytest.raises(InvalidInput, match=r"input 'x': .*bad\.pb holds no tensor\(float\)"):
        read(tmp_path / "bad.pb", FLOATS)
    (tmp_path / "broken.pb").write_bytes(onnx.TensorProto(dims=[5], data_type=1).SerializeToString())
    with pytest.raises(InvalidInput, match=r"broken\.pb"):
        read(tmp_path / "broken.pb", FLOATS)


@given(
    hnp.arrays(st.sampled_from([np.float32, np.int64, np.uint8, np.float16, np.bool_]), hnp.array_shapes(min_dims=0))
)
def test_raw_round_trip(array: np.ndarray[Any, Any]) -> None:
    kinds = {"float32": "float", "float16": "float16", "int64": "int64", "uint8": "uint8", "bool": "bool"}
    info = TensorInfo("x", f"tensor({kinds[str(array.dtype)]})", array.shape)
    found = from_bytes(array.tobytes(), info, "here")
    assert found.dtype == array.dtype
    assert found.shape == array.shape
    assert found.tobytes() == array.tobytes()


def test_raw_finds_one_open_dimension_and_no_more() -> None:
    assert from_bytes(bytes(24), TensorInfo("x", "tensor(float)", ("N", 3)), "here").shape == (2, 3)
    with pytest.raises(InvalidInput, match=r"here has 20 bytes, which is no multiple of 12: .*float32 \[N, 3\]"):
        from_bytes(bytes(20), TensorInfo("x", "tensor(float)", ("N", 3)), "here")
    with pytest.raises(InvalidInput, match=r"--shape x="):
        from_bytes(bytes(24), TensorInfo("x", "tensor(float)", ("N", "M")), "here")
    with pytest.raises(InvalidInput, match=r"which raw data cannot give"):
        from_bytes(bytes(24), TensorInfo("x", "tensor(string)", (3,)), "here")


def test_raw_of_the_wrong_size_says_both_sizes_and_guesses_float32() -> None:
    with pytest.raises(InvalidInput, match=r"here has 23 bytes, input 'x' takes 24: float32 \[2, 3\]$"):
        from_bytes(bytes(23), FLOATS, "here")
    with pytest.raises(InvalidInput, match=r"fits float32"):
        from_bytes(bytes(24), TensorInfo("x", "tensor(uint8)", (2, 3)), "here")


def pickled(path: Path) -> None:
    np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)


def truncated(path: Path) -> None:
    np.save(path, ARRAY)
    path.write_bytes(path.read_bytes()[:-5])


@pytest.mark.parametrize("spoil", [pickled, truncated, lambda path: path.write_bytes(b""), lambda path: path.mkdir()])
def test_a_file_that_is_none_is_named(tmp_path: Path, spoil: Callable[[Path], object]) -> None:
    spoil(tmp_path / "a.npy")
    with pytest.raises(InvalidInput, match=r"a\.npy"):
        read(tmp_path / "a.npy", FLOATS)


def test_a_missing_file_names_the_input_too(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"input 'x': .*gone\.raw cannot be read: there is no such file"):
        read(tmp_path / "gone.raw", FLOATS)


def test_a_broken_npz_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.npz").write_bytes(b"PK\x03\x04 and then nothing")
    with pytest.raises(InvalidInput, match=r"a\.npz is not a whole file of arrays"):
        read(tmp_path / "a.npz", FLOATS)
