"""`--input NAME=FILE`, input lists and random values."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from zif.errors import InvalidInput, UsageError
from zif.inputs import random_inputs, read_list, read_named
from zif.records import TensorInfo


def info(name: str, *shape: int | str | None, type: str = "tensor(float)") -> TensorInfo:
    return TensorInfo(name, type, shape)


ONE = {"x": info("x", 2)}
TWO = {"in:0": info("in:0", 2), "a=b": info("a=b", 2)}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for number, name in enumerate(("a.raw", "b.raw", "k=v.raw")):
        (tmp_path / name).write_bytes(np.full(2, number, np.float32).tobytes())
    monkeypatch.chdir(tmp_path)
    return tmp_path


def firsts(values: dict[str, np.ndarray]) -> dict[str, float]:
    return {name: float(value[0]) for name, value in values.items()}


def test_names_and_files_may_hold_equals_signs(folder: Path) -> None:
    assert firsts(read_named(["in:0=b.raw", "a=b=k=v.raw"], TWO)) == {"in:0": 1.0, "a=b": 2.0}


def test_a_single_input_needs_no_name(folder: Path) -> None:
    assert firsts(read_named(["b.raw"], ONE)) == {"x": 1.0}
    assert firsts(read_named(["k=v.raw"], ONE)) == {"x": 2.0}
    with pytest.raises(UsageError, match="say which: 'in:0', 'a=b'"):
        read_named(["b.raw"], TWO)


def test_an_npz_can_hold_them_all(folder: Path) -> None:
    np.savez("all.npz", **{"in:0": np.ones(2, np.float32), "a=b": np.zeros(2, np.float32)})
    assert firsts(read_named(["all.npz"], TWO)) == {"in:0": 1.0, "a=b": 0.0}
    np.savez("more.npz", **{"in:0": np.ones(2, np.float32), "other": np.zeros(2, np.float32)})
    with pytest.raises(InvalidInput, match="no input 'other'"):
        read_named(["more.npz"], TWO)
    with pytest.raises(InvalidInput, match=r"gone\.npz"):
        read_named(["gone.npz"], TWO)


def test_wrong_names_are_told_with_the_right_ones(folder: Path) -> None:
    with pytest.raises(InvalidInput, match=r"no input 'in:1'\. Did you mean 'in:0'\?"):
        read_named(["in:1=a.raw"], TWO)
    with pytest.raises(UsageError, match="'x' is given twice"):
        read_named(["x=a.raw", "x=b.raw"], ONE)


def test_a_list_names_the_files_of_each_run(folder: Path) -> None:
    (folder / "list.txt").write_text("# made by a tool\na.raw b.raw\n\n  a=b:=a.raw   in_0:=b.raw  \n")
    lines = read_list(folder / "list.txt", TWO)
    assert [line.number for line in lines] == [2, 4]
    assert firsts(lines[0].read(TWO)) == {"in:0": 0.0, "a=b": 1.0}
    assert firsts(lines[1].read(TWO)) == {"in:0": 1.0, "a=b": 0.0}


def test_files_of_a_list_are_looked_for_here_then_beside_it(folder: Path) -> None:
    (folder / "sub").mkdir()
    (folder / "sub" / "a.raw").write_bytes(np.full(2, 7, np.float32).tobytes())
    (folder / "sub" / "c.raw").write_bytes(np.full(2, 8, np.float32).tobytes())
    (folder / "sub" / "list.txt").write_text("a.raw\nc.raw\n")
    lines = read_list(folder / "sub" / "list.txt", ONE)
    assert [firsts(line.read(ONE))["x"] for line in lines] == [0.0, 8.0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "names no file"),
        ("a.raw", "line 1: 1 files, but the model takes 2: in:0, a=b"),
        ("a.raw b.raw\na.raw gone.raw", "line 2: there is no file gone.raw"),
        ("in:0:=a.raw b.raw", "line 1: name every file"),
        ("in:0:=a.raw in:0:=b.raw", "line 1: an input is named twice"),
        ("in:0:=a.raw in:7:=b.raw", "line 1: the model has no input 'in:7'"),
    ],
)
def test_a_wrong_list_is_told_with_the_line(folder: Path, text: str, message: str) -> None:
    (folder / "list.txt").write_text(text)
    with pytest.raises(InvalidInput) as caught:
        read_list(folder / "list.txt", TWO)
    assert "list.txt" in str(caught.value)
    assert message in str(caught.value)


def test_a_list_that_is_no_text(folder: Path) -> None:
    (folder / "list.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InvalidInput, match="is not text in UTF-16"):
        read_list(folder / "list.txt", ONE)
    with pytest.raises(InvalidInput, match=r"gone\.txt cannot be read"):
        read_list(folder / "gone.txt", ONE)


def test_random_values_depend_on_seed_and_name_only() -> None:
    both, alone = random_inputs([info("x", 2, 3), info("y", 2, 3)], 7), random_inputs([info("y", 2, 3)], 7)
    assert np.array_equal(both["y"], alone["y"])
    assert not np.array_equal(both["x"], both["y"])
    assert not np.array_equal(random_inputs([info("y", 2, 3)], 8)["y"], alone["y"])


@pytest.mark.parametrize(
    ("type", "low", "high"),
    [
        ("uint8", 0, 255),
        ("int8", -128, 127),
        ("int64", 0, 1),
        ("bool", 0, 1),
        ("int4", -8, 7),
        pytest.param("uint2", 0, 3, marks=pytest.mark.needs(dtype="uint2")),
    ],
)
def test_random_whole_numbers_cover_their_range(type: str, low: int, high: int) -> None:
    value = random_inputs([info("x", 4000, type=f"tensor({type})")], 0)["x"].astype(np.int64)
    assert (value.min(), value.max()) == (low, high)


@pytest.mark.parametrize("type", ["float", "float16", "double", "bfloat16", "float8e5m2", "complex64"])
def test_random_floats_are_normal(type: str) -> None:
    value = random_inputs([info("x", 2000, type=f"tensor({type})")], 0)["x"].astype(np.complex128)
    assert abs(value.mean()) < 0.1
    assert 0.9 < value.real.std() < 1.1


def test_random_strings_and_batches() -> None:
    assert random_inputs([info("s", 2, type="tensor(string)")], 0)["s"].dtype == object
    assert random_inputs([info("x", "N", 3)], 0)["x"].shape == (1, 3)


def test_random_needs_to_know_the_shape() -> None:
    with pytest.raises(InvalidInput, match=r"open dimensions \[N, seq, \?\]: fix them with --shape ids=1,…,…"):
        random_inputs([info("ids", "N", "seq", None)], 0)
    with pytest.raises(InvalidInput, match=r"seq\(tensor\(float\)\)"):
        random_inputs([TensorInfo("s", "seq(tensor(float))")], 0)
