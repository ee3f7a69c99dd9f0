"""What a node leaves to its operator's definition counts, whatever onnx's inference functions take for it."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
import zif
from model.graphs import model
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from zif.model import load
from zif.model.defaults import spelled_out

FRAMES, BINS, MELS = 51, 201, 8


def mel(*, length: int | str = 8400, told: bool = False, weight: int = MELS) -> onnx.ModelProto:
    """A filter bank over a one-sided spectrum, as speech models have it; the attribute that says so is left out."""
    proto = model(
        f"g (float[1, {length}] x) => (float[] y) {{ s = STFT(x, hop, window) "
        "p = ReduceSumSquare<keepdims = 0>(s, last) y = MatMul(p, bank) }",
        opset=18,
    )
    constants = {
        "hop": np.array(160, np.int64),
        "window": np.hanning(400).astype(np.float32),
        "last": np.array([-1], np.int64),
        "bank": np.ones((BINS, weight), np.float32),
    }
    for name, value in constants.items():
        proto.graph.initializer.append(numpy_helper.from_array(value, name))
        if told:
            info = helper.make_tensor_value_info(name, TensorProto.FLOAT, value.shape)
            info.type.tensor_type.elem_type = helper.np_dtype_to_tensor_dtype(value.dtype)
            proto.graph.value_info.append(info)
    return proto


@pytest.mark.parametrize("weight", [MELS, 4096], ids=["small", "large"])
@pytest.mark.parametrize("told", [False, True], ids=["bare", "constants told twice"])
def test_a_one_sided_spectrum_is_one_by_default(told: bool, weight: int) -> None:
    loaded = load(mel(told=told, weight=weight))
    assert loaded.tensors["s"].shape == (1, FRAMES, BINS, 2)
    assert loaded.outputs[0].shape == (1, FRAMES, weight)


def test_a_stale_shape_beside_constants_told_twice_is_only_stale() -> None:
    proto = mel(told=True)
    proto.graph.value_info.append(helper.make_tensor_value_info("p", TensorProto.FLOAT, [1, 7, 7]))
    assert load(proto).outputs[0].shape == (1, FRAMES, MELS)


def test_it_runs_open_and_fixed() -> None:
    signal: NDArray[np.float32] = np.random.default_rng(0).normal(size=(1, 8400)).astype(np.float32)
    results = []
    for proto, shapes in ((mel(), None), (mel(length="n"), None), (mel(length="n"), {"x": [1, 8400]})):
        with zif.load(proto, shapes=shapes) as session:
            results.append(session.run({"x": signal})["y"])
    assert all(result.shape == (1, FRAMES, MELS) for result in results)
    for other in results[1:]:
        np.testing.assert_allclose(other, results[0], rtol=1e-4)


def test_a_model_keeps_what_it_says() -> None:
    proto = mel()
    before = proto.SerializeToString(deterministic=True)
    with spelled_out(proto):
        assert [a.name for a in proto.graph.node[0].attribute] == ["onesided"]
    assert proto.SerializeToString(deterministic=True) == before
