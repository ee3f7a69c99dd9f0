"""ONNX Runtime's Python interface on zif: `import zif.ort as onnxruntime` is the whole change.

    import zif.ort as onnxruntime
    onnxruntime.configure(target="host")                       # or a chip: zif's own settings, before sessions are made
    session = onnxruntime.InferenceSession("model.onnx", providers=["CPUExecutionProvider"])
    outputs = session.run(None, {"x": x})

    python -m zif.ort [--target T] app.py args                 # an application as it is, without any change

docs/onnxruntime.md says what is honoured; what is not is said once, as a warning of the category `zif.errors.Unused`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zif.runtime.dropin.binding import IOBinding as IOBinding
    from zif.runtime.dropin.enums import ExecutionMode as ExecutionMode
    from zif.runtime.dropin.enums import GraphOptimizationLevel as GraphOptimizationLevel
    from zif.runtime.dropin.inference import InferenceSession as InferenceSession
    from zif.runtime.dropin.logs import set_default_logger_severity as set_default_logger_severity
    from zif.runtime.dropin.logs import set_default_logger_verbosity as set_default_logger_verbosity
    from zif.runtime.dropin.modules import get_all_providers as get_all_providers
    from zif.runtime.dropin.modules import get_available_providers as get_available_providers
    from zif.runtime.dropin.modules import get_build_info as get_build_info
    from zif.runtime.dropin.modules import get_device as get_device
    from zif.runtime.dropin.modules import get_version_string as get_version_string
    from zif.runtime.dropin.modules import set_seed as set_seed
    from zif.runtime.dropin.nodes import ModelMetadata as ModelMetadata
    from zif.runtime.dropin.nodes import NodeArg as NodeArg
    from zif.runtime.dropin.options import RunOptions as RunOptions
    from zif.runtime.dropin.options import SessionOptions as SessionOptions
    from zif.runtime.dropin.settings import configure as configure
    from zif.runtime.dropin.values import OrtDevice as OrtDevice
    from zif.runtime.dropin.values import OrtValue as OrtValue

__all__ = [
    "ExecutionMode",
    "GraphOptimizationLevel",
    "IOBinding",
    "InferenceSession",
    "ModelMetadata",
    "NodeArg",
    "OrtDevice",
    "OrtValue",
    "RunOptions",
    "SessionOptions",
    "configure",
    "get_all_providers",
    "get_available_providers",
    "get_build_info",
    "get_device",
    "get_version_string",
    "set_default_logger_severity",
    "set_default_logger_verbosity",
    "set_seed",
]


def __getattr__(name: str) -> Any:
    if name.startswith("__") and name != "__version__":
        raise AttributeError(f"module 'zif.ort' has no attribute {name!r}")
    from zif.runtime.dropin import modules

    value: Any
    if name == "__version__":
        value = modules.get_version_string()
    elif name in modules.PUBLIC:
        value = modules.PUBLIC[name]
    elif name in modules.MODULES:
        value = modules.MODULES[name]
    else:
        value = modules.lookup("", name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


if __name__ == "__main__":
    import sys

    from zif.runtime.dropin.launch import main

    sys.exit(main(sys.argv[1:]))
