"""ONNX Runtime sessions on a QNN backend that never fall back: either QNN takes the whole graph, or it is an error."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zif import BackendUnavailable

from zif_qnn_runtime import logs
from zif_qnn_runtime.failures import QnnError, explain, original_name
from zif_qnn_runtime.libraries import BackendType, ep_library, find
from zif_qnn_runtime.provideroptions import ProviderOptions

if TYPE_CHECKING:
    import onnxruntime

EP_NAME = "QNNExecutionProvider"
_registering = threading.Lock()

#: Set on every session: no node may go to the CPU provider, and which node went where is recorded.
_CONFIG = {
    "session.disable_cpu_ep_fallback": "1",
    "session.record_ep_graph_assignment_info": "1",
    "session.intra_op.allow_spinning": "0",
    "session.inter_op.allow_spinning": "0",
}


def register() -> None:
    """Make ONNX Runtime know the QNN provider; once per process. Raises BackendUnavailable when it is not installed."""
    import onnxruntime

    library = ep_library()
    if library.path is None:
        raise BackendUnavailable(library.reason)
    with _registering:
        if not _devices():
            onnxruntime.register_execution_provider_library(EP_NAME, str(library.path))


def _devices() -> list[Any]:
    import onnxruntime

    return [device for device in onnxruntime.get_ep_devices() if device.ep_name == EP_NAME]


def session_options(
    backend: BackendType,
    options: ProviderOptions,
    config: Mapping[str, str] | None = None,
    provider: Mapping[str, str] | None = None,
    weights: Path | None = None,
) -> onnxruntime.SessionOptions:
    """Session options that put everything on one QNN backend.

    config adds session entries, provider adds raw provider options; weights is the folder of the external data of a
    model that is given as bytes. The graph is taken as it stands: with ONNX Runtime's own optimizations the compiler
    would see other nodes than those that were asked about.
    Raises BackendUnavailable when the backend's library is missing or cannot be loaded.
    """
    import onnxruntime

    path = _library(backend)
    register()
    made = onnxruntime.SessionOptions()
    made.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    made.intra_op_num_threads = made.inter_op_num_threads = 1
    made.log_severity_level = logs.ERROR
    folder = {"session.model_external_initializers_file_folder_path": str(weights)} if weights else {}
    for key, value in {**_CONFIG, **folder, **(config or {})}.items():
        made.add_session_config_entry(key, value)
    settings = {"backend_path": str(path), **options.chosen(), **(provider or {})}
    made.add_provider_for_devices([_device(backend)], settings)
    return made


def _library(backend: BackendType) -> Path:
    library = find(backend)
    if library.path is None:
        raise BackendUnavailable(library.reason)
    try:
        logs.preload(library.path)
    except OSError as error:
        raise BackendUnavailable(f"{library.path} cannot be loaded: {error}") from error
    return library.path


def _device(backend: BackendType) -> Any:
    """The provider's device for the backend's processor, or its first where it has none of that kind (x86-64)."""
    from onnxruntime import OrtHardwareDeviceType as Kind

    devices = _devices()
    if not devices:
        raise BackendUnavailable("ONNX Runtime's QNN provider found no device on this machine")
    wanted = {"htp": Kind.NPU, "gpu": Kind.GPU}.get(backend, Kind.CPU)
    return next((device for device in devices if device.device.type == wanted), devices[0])


def open_session(
    model: bytes | Path,
    backend: BackendType,
    options: ProviderOptions,
    config: Mapping[str, str] | None = None,
    provider: Mapping[str, str] | None = None,
    weights: Path | None = None,
) -> onnxruntime.InferenceSession:
    """Compile and load a model (serialized, or a path with external data beside it) wholly on one QNN backend.

    Raises BackendUnavailable without the library, QnnError when the backend does not start, does not take every node
    or fails to compile.
    """
    session = create(model, session_options(backend, options, config, provider, weights))
    strays = assignment(session, elsewhere=True)
    if strays:
        raise QnnError(f"QNN does not take every node; nodes: {', '.join(strays[:5])}", "unassigned", nodes=strays)
    return session


def create(model: bytes | Path, options: onnxruntime.SessionOptions) -> onnxruntime.InferenceSession:
    """The session itself, with ONNX Runtime's retry on the CPU switched off. Raises QnnError."""
    import onnxruntime

    source = model if isinstance(model, bytes) else str(model)
    with logs.listen() as lines:
        try:
            session = onnxruntime.InferenceSession(source, options, enable_fallback=0)
        except Exception as error:  # ONNX Runtime has no common base class for its errors
            raise explain(error, lines) from error
    session.disable_fallback()
    return session


def assignment(session: onnxruntime.InferenceSession, *, elsewhere: bool = False) -> tuple[str, ...]:
    """The names of the nodes that QNN took, or of those that another provider took, as they were before compiling."""
    groups = session.get_provider_graph_assignment_info()
    nodes = (node for group in groups if (group.ep_name != EP_NAME) is elsewhere for node in group.get_nodes())
    return tuple(dict.fromkeys(original_name(node.name) for node in nodes))
