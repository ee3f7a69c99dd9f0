"""Values and bindings as ONNX Runtime's own tests use them, names as there (see theirs.py)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from dropin import small_models as small
from dropin.small_models import X, opened
from zif.errors import Unused


def test_ort_value(ort: Any, session: Any) -> None:
    value = ort.OrtValue.ortvalue_from_numpy(X)
    assert (value.device_name(), value.shape(), value.data_type()) == ("cpu", [3, 2], "tensor(float)")
    assert (value.is_tensor(), value.has_value(), value.tensor_size_in_bytes()) == (True, True, 24)
    assert value.data_ptr() == X.ctypes.data
    assert session.run(["Y"], {"X": value})[0].tolist() == (X * X).tolist()
    (made,) = session.run_with_ort_values(["Y"], {"X": value})
    assert made.numpy().tolist() == (X * X).tolist()
    assert value.numpy().tolist() == X.tolist()
    typed = ort.OrtValue.ortvalue_from_numpy_with_onnx_type(X, 1)
    assert (typed.element_type(), typed.shape()) == (1, [3, 2])
    value = ort.OrtValue.ortvalue_from_shape_and_type([3, 2], np.float32)
    value.update_inplace(X)
    assert value.numpy().tolist() == X.tolist()
    with pytest.raises(RuntimeError):
        value.update_inplace(X[:1])


def test_a_value_for_another_device_stays_in_host_memory(ort: Any) -> None:
    with pytest.warns(Unused, match="kept in host memory"):
        assert ort.OrtValue.ortvalue_from_numpy(X, "cuda", 0).device_name() == "cpu"


def test_ort_value_dlpack(ort: Any) -> None:
    value = ort.OrtValue.ortvalue_from_numpy(X)
    for capsule in (value._ortvalue.to_dlpack(), value.__dlpack__()):
        other = ort.OrtValue.from_dlpack(capsule)
        assert other.data_ptr() == value.data_ptr()
        assert other.numpy().tolist() == X.tolist()


def test_ort_value_dlpack_protocol(ort: Any) -> None:
    assert ort.OrtValue.ortvalue_from_numpy(X).__dlpack_device__() == (1, 0)


@pytest.mark.parametrize("shape", [(1, 8, 0, 128), (0,), (0, 4), (4, 0)])
def test_ort_value_dlpack_zero_size(ort: Any, shape: tuple[int, ...]) -> None:
    array = np.zeros(shape, np.float32)
    assert ort.OrtValue.from_dlpack(array.__dlpack__()).shape() == list(shape)
    assert ort.OrtValue.from_dlpack(ort.OrtValue.ortvalue_from_numpy(array).to_dlpack()).shape() == list(shape)


def test_ort_value_from_dlpack_protocol_object(ort: Any) -> None:
    value = ort.OrtValue.ortvalue_from_numpy(X)
    assert ort.OrtValue.from_dlpack(value).data_ptr() == value.data_ptr()
    assert ort.OrtValue.from_dlpack(X).numpy().tolist() == X.tolist()


def test_ort_value_from_dlpack_bool(ort: Any) -> None:
    for array in (np.array([True, False, True]), np.array([1, 2, 255], np.uint8)):
        made = ort.OrtValue.from_dlpack(ort.OrtValue.ortvalue_from_numpy(array)).numpy()
        assert (made.dtype, made.tolist()) == (array.dtype, array.tolist())


def test_ort_value_array_protocol(ort: Any) -> None:
    value = ort.OrtValue.ortvalue_from_numpy(X)
    for made in (np.asarray(value), np.asarray(value, dtype=np.float32)):
        assert (made.dtype, made.ctypes.data) == (np.float32, value.data_ptr())
    assert np.array(value).tolist() == X.tolist()
    assert np.asarray(value, dtype=np.float64).dtype == np.float64


def test_ort_device(ort: Any) -> None:
    device = ort.OrtDevice.make("cpu", 0)
    assert (device.device_id(), device.device_type(), device.device_mem_type()) == (0, 0, 0)
    assert device.device_vendor_id() == 0


def test_names_that_are_the_engines_own(ort: Any) -> None:
    """test_sparse_tensor_coo_format, test_sparse_tensor_csr_format, test_ort_memory_info,
    test_ort_memory_info_create_v2, test_create_allocator: classes that do nothing to a session are the real ones."""
    import onnxruntime as real

    for name in ("SparseTensor", "OrtSparseFormat", "OrtMemoryInfo", "OrtAllocatorType", "OrtMemType", "OrtArenaCfg"):
        assert getattr(ort, name) is getattr(real, name)
    assert ort.InferenceSession is not real.InferenceSession
    with pytest.raises(AttributeError, match="this is zif.ort"):
        ort.nonsense  # noqa: B018


def test_a_binding_writes_where_it_is_told(ort: Any, session: Any) -> None:
    x, y = X.copy(), np.zeros((3, 2), np.float32)
    binding = session.io_binding()
    binding.bind_cpu_input("X", x)
    binding.bind_ortvalue_output("Y", ort.OrtValue.ortvalue_from_numpy(y))
    for factor in (1, 2):
        x[:] = X * factor
        session.run_with_iobinding(binding)
        assert y.tolist() == (X * X * factor).tolist()
    assert binding.get_outputs()[0].data_ptr() == y.ctypes.data


def test_a_binding_by_address(session: Any) -> None:
    x, y = X.copy(), np.zeros((3, 2), np.float32)
    binding = session.io_binding()
    binding.bind_input("X", "cpu", 0, np.float32, [3, 2], x.ctypes.data)
    binding.bind_output("Y", "cpu", 0, np.float32, [3, 2], y.ctypes.data)
    session.run_with_iobinding(binding)
    assert y.tolist() == (X * X).tolist()


def test_an_output_without_memory_is_a_new_array_in_each_run(session: Any) -> None:
    binding = session.io_binding()
    binding.bind_cpu_input("X", X)
    binding.bind_output("Y")
    session.run_with_iobinding(binding)
    (first,) = binding.copy_outputs_to_cpu()
    session.run_with_iobinding(binding)
    (second,) = binding.copy_outputs_to_cpu()
    assert first.tolist() == second.tolist() == (X * X).tolist()
    assert not np.shares_memory(first, second)


def test_a_binding_says_what_is_wrong(ort: Any, session: Any) -> None:
    binding = session.io_binding()
    with pytest.raises(RuntimeError, match="Failed to find NodeArg with name: Q"):
        binding.bind_cpu_input("Q", X)
    binding.bind_cpu_input("X", X[:1])
    with pytest.raises(RuntimeError, match="At least one output"):
        session.run_with_iobinding(binding)
    binding.bind_output("Y")
    invalid = ort.capi.onnxruntime_pybind11_state.InvalidArgument
    with pytest.raises(invalid, match="index: 0 Got: 1 Expected: 3"):
        session.run_with_iobinding(binding)
    with pytest.raises(ValueError, match="the session that created it"):
        opened(ort, small.product()).run_with_iobinding(binding)
