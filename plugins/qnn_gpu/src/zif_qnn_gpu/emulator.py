"""The emulator's engine: ONNX Runtime's CPU provider on rounded models, and what it lacks of what a GPU takes."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as native
from zif import InvalidModel, Verdict
from zif.plugin import EngineRefused

from zif_qnn_gpu.rounding import rounded

if TYPE_CHECKING:
    import onnx
    from zif import Model, Unit

PROVIDER = "CPUExecutionProvider"
#: Types for which the provider has a kernel of every operator that it has at all, as far as the GPU takes them.
_COMMON = frozenset({"float32", "float16", "int64", "bool", "uint8", "int8"})
_OPEN = 2**31 - 1


def open_session(proto: onnx.ModelProto, folder: Path | None) -> onnxruntime.InferenceSession:
    """A session; folder is that of the external data. Raises EngineRefused with what the engine objects to."""
    made = onnxruntime.SessionOptions()
    made.log_severity_level = 4  # what goes wrong is raised; nothing is logged beside it
    # Fusions would compute several operators without storing what lies between them.
    made.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    made.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if folder is not None:
        made.add_session_config_entry("session.model_external_initializers_file_folder_path", str(folder))
    try:
        return onnxruntime.InferenceSession(proto.SerializeToString(), made, providers=[PROVIDER], enable_fallback=0)
    except Exception as error:  # ONNX Runtime's errors have no common base class
        raise EngineRefused(f"the emulator cannot open the segment: {_line(error)}") from error


def objection(model: Model, unit: Unit) -> Verdict | None:
    """Why the emulator cannot run a unit that libQnnGpu takes; None when it can. Only odd units are tried out."""
    dtypes = {model.tensors[name].dtype for name in (*unit.inputs, *unit.weights, *unit.outputs)}
    if _has_kernel(unit.op_type, unit.domain, unit.since) and dtypes <= _COMMON:
        return None
    try:
        open_session(rounded(model.slice([unit.id], "unit")), model.base_dir)
    except (EngineRefused, InvalidModel) as error:
        return Verdict(False, "probed", "probe-failed", f"libQnnGpu takes it, but {error}")
    return None


@cache
def _kernels() -> dict[tuple[str, str], list[tuple[int, int]]]:
    """The versions that each operator has a kernel for. A range without end means its first version only."""
    kernels: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for kernel in native.get_all_opkernel_def():
        if kernel.provider == PROVIDER:
            since, until = kernel.version_range
            domain = "" if kernel.domain == "ai.onnx" else kernel.domain
            kernels.setdefault((domain, kernel.op_name), []).append((since, since if until == _OPEN else until))
    return kernels


def _has_kernel(op_type: str, domain: str, since: int) -> bool:
    return any(first <= since <= last for first, last in _kernels().get((domain, op_type), ()))


def _line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
