"""Corners of ONNX Runtime's interface that somebody's code meets, held against what the real one does there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnxruntime
import pytest
import zif.ort
from onnx import TensorProto, helper
from zif.errors import Unused

X = np.array([[1, -2, 3, -4]], np.float32)


def one(op: str, kind: int, shape: Any) -> bytes:
    value = [helper.make_tensor_value_info(name, kind, shape) for name in "xy"]
    graph = helper.make_graph([helper.make_node(op, ["x"], ["y"], "n")], "g", value[:1], value[1:])
    return bytes(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()
    )


def opened(ort: Any, model: bytes, *more: Any, **named: Any) -> Any:
    return ort.InferenceSession(model, *more, **{"providers": ["CPUExecutionProvider"], **named})


def relu(ort: Any, **named: Any) -> Any:
    return opened(ort, one("Relu", TensorProto.FLOAT, ["N", 4]), **named)


def text(ort: Any) -> Any:
    return opened(ort, one("Identity", TensorProto.STRING, [None]))


def ended(call: Callable[[Any], Any], ort: Any) -> Any:
    """What a call gives, or the name and the words of its error."""
    try:
        made = call(ort)
    except Exception as error:
        return type(error).__name__, str(error)
    return [np.asarray(one).tolist() for one in made] if isinstance(made, list) else made


#: Calls that give the same, or the same error in the same words.
SAME: dict[str, Callable[[Any], Any]] = {
    "no outputs named": lambda ort: relu(ort).run([], {"x": X}),
    "an output twice": lambda ort: relu(ort).run(["y", "y"], {"x": X}),
    "a wrong output": lambda ort: relu(ort).run(["q"], {"x": X}),
    "an input too many": lambda ort: relu(ort).run(None, {"x": X, "q": X}),
    "a wrong type": lambda ort: relu(ort).run(None, {"x": X.astype(np.int64)}),
    "a wrong rank": lambda ort: relu(ort).run(None, {"x": X[0]}),
    "numbers for texts": lambda ort: text(ort).run(None, {"x": X[0]}),
    "a list of texts": lambda ort: text(ort).run(None, {"x": ["a", "ö"]}),
    "options for fewer providers": lambda ort: relu(ort, provider_options=[{}, {}]).get_providers(),
    "a provider that is a number": lambda ort: relu(ort, providers=[1]).get_providers(),
    "the same without fallback": lambda ort: relu(ort, providers=[1], enable_fallback=0).get_providers(),
    "a library that is not there": lambda ort: ort.SessionOptions().register_custom_ops_library("/none/ops.so"),
    "a sparse tensor": lambda ort: ort.SparseTensor.sparse_coo_from_numpy(
        np.array([3, 3], np.int64), np.ones(1, np.float32), np.array([4], np.int64), ort.OrtDevice.make("cpu", 0)
    ).dense_shape(),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", SAME)
def test_what_the_real_one_does(case: str) -> None:
    assert ended(SAME[case], zif.ort) == ended(SAME[case], onnxruntime)


def test_names_in_one_string_are_no_sequence_of_names() -> None:
    for ort in (zif.ort, onnxruntime):
        with pytest.raises(TypeError, match="incompatible function arguments"):
            relu(ort).run("y", {"x": X})


def test_providers_that_are_none_are_said() -> None:
    with pytest.warns(Unused, match="backends on the CPU take their place"):
        relu(zif.ort, providers=[("CPUExecutionProvider", 3)])
