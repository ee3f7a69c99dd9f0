"""Element types as dtypes, and tensors as arrays of them: alike with every onnx, so held against ml_dtypes alone."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import onnx
import pytest
from onnx import OptionalProto, SequenceProto, TensorProto, helper
from zif.model.dtypes import decoded, element_dtype, element_type, from_array, numpy_dtype, to_array

#: ONNX's word for each type that numpy lacks, the dtype, and the bytes of the elements 0 1 2 3 (packed where they are).
FOREIGN = [
    ("BFLOAT16", "bfloat16", "0000 803f 0040 4040"),
    ("FLOAT8E4M3FN", "float8_e4m3fn", "00 38 40 44"),
    ("FLOAT8E5M2", "float8_e5m2", "00 3c 40 42"),
    ("INT4", "int4", "10 32"),
    ("UINT4", "uint4", "10 32"),
    ("FLOAT4E2M1", "float4_e2m1fn", "20 54"),
    ("UINT2", "uint2", "e4"),
]
HERE = [row for row in FOREIGN if row[0] in TensorProto.DataType.keys() and hasattr(ml_dtypes, row[1])]  # noqa: SIM118


@pytest.mark.parametrize(("word", "name", "stored"), HERE)
def test_types_that_numpy_lacks_go_there_and_back(word: str, name: str, stored: str) -> None:
    raw, number = bytes.fromhex(stored), TensorProto.DataType.Value(word)
    tensor = TensorProto(name="w", data_type=number, dims=[2, 2], raw_data=raw)
    array = to_array(tensor)
    assert array.dtype == np.dtype(getattr(ml_dtypes, name))
    np.testing.assert_array_equal(array.astype(np.float32), [[0, 1], [2, 3]])
    assert from_array(array, "w") == tensor
    assert (element_dtype(number), element_type(array.dtype), element_type(name)) == (array.dtype, number, number)


@pytest.mark.parametrize(("word", "name", "stored"), HERE)
def test_values_in_the_field_of_int32_are_read_like_raw_ones(word: str, name: str, stored: str) -> None:
    raw, number = bytes.fromhex(stored), TensorProto.DataType.Value(word)
    numbers = np.frombuffer(raw, np.uint16 if name == "bfloat16" else np.uint8)
    tensor = TensorProto(data_type=number, dims=[4], int32_data=numbers.tolist())
    np.testing.assert_array_equal(to_array(tensor).astype(np.float32), [0, 1, 2, 3])


def test_negative_and_odd_numbers_of_packed_elements() -> None:
    values = np.array([-8, 7, -1], ml_dtypes.int4)
    tensor = from_array(values)
    assert tensor.raw_data == b"\x78\x0f"
    np.testing.assert_array_equal(to_array(tensor).astype(int), [-8, 7, -1])


@pytest.mark.parametrize("shape", [(), (0,), (2, 0), (1, 1, 1)])
def test_every_shape(shape: tuple[int, ...]) -> None:
    for dtype in (np.dtype(np.float32), np.dtype(ml_dtypes.bfloat16), np.dtype(ml_dtypes.int4)):
        values = np.ones(shape, dtype)
        assert to_array(from_array(values)).shape == shape
        np.testing.assert_array_equal(to_array(from_array(values)).astype(int), values.astype(int))


@pytest.mark.parametrize("dtype", [object, "U5"])
def test_strings(dtype: object) -> None:
    tensor = from_array(np.array(["a", "bcd"], dtype))
    assert tensor.data_type == TensorProto.STRING == element_type(np.dtype("U5"))
    assert to_array(tensor).tolist() == ["a", "bcd"]


def test_data_that_do_not_fit_are_told() -> None:
    with pytest.raises(ValueError, match="reshape"):
        to_array(TensorProto(data_type=TensorProto.INT4, dims=[5], raw_data=b"\x00\x00"))


def test_what_is_no_element_type() -> None:
    with pytest.raises(KeyError):
        numpy_dtype("nonsense")
    with pytest.raises(KeyError):
        element_type(np.dtype("datetime64[s]"))
    with pytest.raises(KeyError):
        element_dtype(77)


def test_every_type_of_numpy_is_onnxs_own() -> None:
    for word in ("FLOAT", "UINT8", "INT16", "INT64", "BOOL", "FLOAT16", "DOUBLE", "COMPLEX64"):
        number = TensorProto.DataType.Value(word)
        assert element_dtype(number) == helper.tensor_dtype_to_np_dtype(number)
        assert element_type(element_dtype(number)) == number


def test_messages_of_test_data() -> None:
    tensor = from_array(np.ones(2, ml_dtypes.bfloat16))
    sequence = SequenceProto(elem_type=SequenceProto.TENSOR, tensor_values=[tensor, tensor])
    assert [one.dtype.name for one in decoded(sequence)] == ["bfloat16", "bfloat16"]
    assert decoded(OptionalProto(elem_type=OptionalProto.TENSOR, tensor_value=tensor)).dtype.name == "bfloat16"
    assert len(decoded(OptionalProto(elem_type=OptionalProto.SEQUENCE, sequence_value=sequence))) == 2
    assert decoded(onnx.OptionalProto()) is None
