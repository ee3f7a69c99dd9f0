"""Which models ONNX Runtime opens at all: it refuses an opset newer than itself, whatever stands in the model."""

from __future__ import annotations

from functools import cache

import onnxruntime
from onnx import TensorProto, helper
from zif import Verdict

from zif_qnn_cpu.engine import ENGINE, PROVIDER


def refusal(opset: int) -> Verdict | None:
    """Why nothing of a model of this opset can run; None when the engine, which is asked, opens such models."""
    if opens(opset):
        return None
    newest = next((older for older in range(opset - 1, 0, -1) if opens(older)), 0)
    reason = f"{ENGINE} opens models up to opset {newest}, and this one has {opset}: pip install --upgrade onnxruntime"
    return Verdict(False, "probed", "opset", reason)


@cache
def opens(opset: int) -> bool:
    """Whether the engine makes a session of the smallest model of this opset."""
    value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "smallest", value[:1], value[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # a refusal is an answer here, nothing to log
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    try:
        onnxruntime.InferenceSession(model.SerializeToString(), options, providers=[PROVIDER], enable_fallback=0)
    except Exception:  # ONNX Runtime's errors have no common base class
        return False
    return True
